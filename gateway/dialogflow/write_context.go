package dialogflow

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// contextsES writes outputContexts: those of the reply, then the one that holds the session parameters.
//
// Where the reply itself names that one, it is written once and the explicit context wins: its lifespan, its parameters
// in place of those of the request, and its value where a session parameter has the same name.
func (w *writer) contextsES() {
	set := w.reply.GetSessionParameters().GetFields()
	list := w.open("outputContexts", '[')
	for i, c := range w.reply.GetContexts() {
		name, ok := w.ofSession("/contexts/", c.GetName())
		if !ok || !validContext(name) {
			w.drop("contexts[%d]: %q is not the name of a context of this session; want letters, digits, _, - or %%", i, c.GetName())
			continue
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
		w.explicitContext(name, c, also)
	}
	if len(set) > 0 {
		w.serviceContext(set)
	}
	w.close(list, ']')
}

// explicitContext writes a context of the reply with the session parameters that it has not itself.
func (w *writer) explicitContext(name string, c *intentgatev1.Reply_Context, set map[string]*structpb.Value) {
	m := w.openContext(name, max(c.GetLifespan(), 0))
	own := c.GetParameters().GetFields()
	parameters := w.open("parameters", '{')
	for _, key := range slices.Sorted(maps.Keys(own)) {
		w.member("contexts."+name, key, own[key])
	}
	for _, key := range slices.Sorted(maps.Keys(set)) {
		if _, taken := own[key]; !taken && !isNull(set[key]) {
			w.member("session_parameters", key, set[key])
		}
	}
	w.close(parameters, '}')
	w.close(m, '}')
}

// serviceContext writes the context that holds the session parameters: what the request brought, digit by digit as it
// was written, under what the reply sets. Dialogflow replaces a context as a whole, so that all of it has to be said
// again. A name that is forgotten takes its `.original`, the user's words for it, along.
func (w *writer) serviceContext(set map[string]*structpb.Value) {
	if !validContext(w.opt.Context) {
		w.drop("session_parameters: %q is not the name of a context that could hold them", w.opt.Context)
		return
	}
	held, active := w.turn.context(w.opt.Context)
	lifespan := w.opt.ContextLifespan
	if lifespan <= 0 {
		lifespan = defaultLifespan
	}
	before := len(w.b)
	m := w.openContext(w.opt.Context, lifespan)
	parameters := w.open("parameters", '{')
	for _, p := range held.Parameters {
		if _, replaced := set[p.Name]; replaced {
			continue
		}
		if of, ok := strings.CutSuffix(p.Name, ".original"); ok && isNull(set[of]) {
			continue
		}
		w.raw("context "+w.opt.Context, p)
	}
	for _, key := range slices.Sorted(maps.Keys(set)) {
		if !isNull(set[key]) {
			w.member("session_parameters", key, set[key])
		}
	}
	if !w.empty(parameters) {
		w.close(parameters, '}')
		w.close(m, '}')
		return
	}
	// Nothing is left to hold: a context that is active is ended, one that is not is not begun.
	w.b = w.b[:before]
	if active {
		w.close(w.openContext(w.opt.Context, 0), '}')
	}
}

// openContext begins a context. A lifespan of 0, which ends it, is written although proto3 JSON would take its absence
// for the same: somebody reading the answer should see it.
func (w *writer) openContext(name string, lifespan int32) mark {
	m := w.open("", '{')
	w.text("name", w.turn.Session.Name+"/contexts/"+name)
	w.key("lifespanCount")
	w.b = strconv.AppendInt(w.b, int64(lifespan), 10)
	return m
}

// context returns the active context of a name.
func (t *Turn) context(name string) (Context, bool) {
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
