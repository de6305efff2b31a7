package dialogflow

import (
	"bytes"
	"strconv"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"
)

// contextsES writes outputContexts: those of the reply, then the one that holds the session parameters.
//
// Where the reply itself names that one, it is written once and the explicit context wins: its lifespan, and its value where a
// session parameter has the same name.
func (w *writer) contextsES() {
	set := w.reply.GetSessionParameters().GetFields()
	named := make(map[string]bool, len(w.reply.GetContexts()))
	list := w.open("outputContexts", '[')
	for i, c := range w.reply.GetContexts() {
		name, ok := w.ofSession("/contexts/", c.GetName())
		if !ok || !validContext(name) {
			w.drop("contexts[%d]: %q is not the name of a context of this session; want letters, digits, _, - or %%", i, c.GetName())
			continue
		}
		if named[strings.ToLower(name)] {
			w.drop("contexts[%d]: %q is named before", i, c.GetName())
			continue
		}
		named[strings.ToLower(name)] = true
		if c.GetLifespan() <= 0 && len(c.GetParameters().GetFields()) > 0 {
			w.drop("contexts[%d].parameters: a context that ends holds none", i)
		}
		var also map[string]*structpb.Value
		if len(set) > 0 && sameContext(name, w.opt.Context) {
			if c.GetLifespan() <= 0 {
				w.drop("session_parameters: contexts[%d] ends the context that holds them", i)
			} else {
				also = set
			}
			set = nil
		}
		w.context(name, c.GetLifespan(), c.GetParameters().GetFields(), also)
	}
	if len(set) > 0 {
		w.serviceContext(set)
	}
	w.close(list, ']')
}

// serviceContext writes the context that holds the session parameters.
func (w *writer) serviceContext(set map[string]*structpb.Value) {
	if !validContext(w.opt.Context) {
		w.drop("session_parameters: %q is not the name of a context that could hold them", w.opt.Context)
		return
	}
	lifespan := w.opt.ContextLifespan
	if lifespan <= 0 {
		lifespan = defaultLifespan
	}
	before := len(w.b)
	if w.context(w.opt.Context, lifespan, nil, set) {
		return
	}
	// Nothing is left to hold: a context that is active is ended, one that is not is not begun.
	w.b = w.b[:before]
	if _, active := w.turn.Context(w.opt.Context); active {
		w.context(w.opt.Context, 0, nil, nil)
	}
}

// context writes a context with the parameters that are given for it, and those session parameters that are not among them. It
// reports whether it has any.
//
// Dialogflow replaces a context as a whole, so that what the request brought has to be said again, digit by digit as it was
// written, unless it is replaced or forgotten. A name that is forgotten takes its `.original`, the user's words for it, along. One
// that ends takes all with it.
func (w *writer) context(name string, lifespan int32, own, set map[string]*structpb.Value) bool {
	m := w.openContext(name, max(lifespan, 0))
	parameters := w.open("parameters", '{')
	if lifespan > 0 {
		held, _ := w.turn.Context(name)
		held.each(func(name []byte, value Value) {
			if !replaced(name, own) && !replaced(name, set) {
				w.comma()
				w.b, _ = appendQuote(w.b, name) // it was read as text
				w.b = appendCompact(append(w.b, ':'), value)
			}
		})
		if err := w.members(own, nil); err != nil {
			w.fail("contexts."+name, err)
		}
		w.fail("session_parameters", w.members(set, own))
	}
	any := !w.empty(parameters)
	w.close(parameters, '}')
	w.close(m, '}')
	return any
}

// replaced reports whether a parameter that the request brought gets another value, or is forgotten.
func replaced(name []byte, by map[string]*structpb.Value) bool {
	if len(by) == 0 {
		return false
	}
	if _, ok := by[string(name)]; ok {
		return true
	}
	of, ok := bytes.CutSuffix(name, []byte(".original"))
	return ok && isNull(by[string(of)])
}

// members writes those values that are neither null, which forgets one, nor under a name that is taken.
func (w *writer) members(values, taken map[string]*structpb.Value) error {
	var few [fewSorted]string
	for _, name := range sorted(few[:0], values) {
		if _, is := taken[name]; is || isNull(values[name]) {
			continue
		}
		if err := w.member(name, values[name]); err != nil {
			return err
		}
	}
	return nil
}

// openContext begins a context. A lifespan of 0, which ends it, is written although proto3 JSON would take its absence
// for the same: somebody reading the answer should see it.
func (w *writer) openContext(name string, lifespan int32) mark {
	m := w.open("", '{')
	w.contextName(name)
	w.key("lifespanCount")
	w.b = strconv.AppendInt(w.b, int64(lifespan), 10)
	return m
}

// Context returns the active context of a name, of which Dialogflow has made lower case.
func (t *Turn) Context(name string) (Context, bool) {
	for _, c := range t.Contexts {
		if sameContext(c.Name, name) {
			return c, true
		}
	}
	return Context{}, false
}

// sameContext compares names as Dialogflow does, which turns them to lower case.
func sameContext(a, b string) bool { return strings.EqualFold(a, b) }

// validContext reports whether Dialogflow takes a name for a context; it refuses a whole answer for one it does not.
func validContext(name string) bool {
	if name == "" || len(name) > 250 {
		return false
	}
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-', c == '%':
		default:
			return false
		}
	}
	return true
}

func isNull(v *structpb.Value) bool {
	_, null := v.GetKind().(*structpb.Value_NullValue)
	return null
}
