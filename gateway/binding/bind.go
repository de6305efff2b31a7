package binding

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/words"
)

// binder is where a request is put together.
type binder struct {
	values

	arguments []argument   // of the turn, then of the objects around the end of the buffer
	places    [][]argument // of the turn
	kept      []byte       // what was made on the way, and is referred to

	violations []Violation // of the turn; not to be used again
}

func (b *binder) reset() {
	b.values.reset()
	b.arguments, b.places, b.kept, b.violations = b.arguments[:0], b.places[:0], b.kept[:0], nil
}

// keep returns what was appended to b.kept, which stays as it is until reset.
func (b *binder) keep(appended []byte) []byte {
	at := len(b.kept)
	b.kept = appended
	return appended[at:len(appended):len(appended)]
}

// load lays out the parameters of a turn by place. What has no value is left out, so that the next place is looked at:
// null, and on ES also the empty text and list that stand there for what is not filled.
func (b *binder) load(turn *dialogflow.Turn, platform dialogflow.Platform, contexts []string) {
	value := func(p *dialogflow.Parameter) (string, []byte) { return p.Name, p.Value }
	if platform == dialogflow.CX {
		b.places = append(b.places, nil)
		place(b, turn.Page.Form, func(f *dialogflow.FormParameter) (string, []byte) {
			if f.State == "EMPTY" {
				return f.Name, nil
			}
			return f.Name, f.Value
		})
		place(b, turn.Intent.Parameters, func(p *dialogflow.IntentParameter) (string, []byte) { return p.Name, p.Resolved })
		place(b, turn.SessionParameters, value)
		return
	}
	filled := func(p *dialogflow.Parameter) (string, []byte) {
		if value, one := only(p.Value); one && unset(value) {
			return p.Name, nil
		}
		return p.Name, p.Value
	}
	place(b, turn.Parameters, filled)
	for _, name := range contexts {
		held, _ := turn.Context(name)
		place(b, held.Parameters(), filled)
	}
}

// place adds a place of the turn with those of its parameters that have a value.
func place[T any](b *binder, all []T, of func(*T) (name string, value []byte)) {
	from := len(b.arguments)
	for i := range all {
		if name, value := of(&all[i]); !isNull(value) {
			b.arguments = append(b.arguments, argument{b.keep(append(b.kept, name...)), value})
		}
	}
	b.places = append(b.places, b.arguments[from:len(b.arguments):len(b.arguments)])
}

// write writes the request for a turn, or returns what of it does not fit.
func (r *requestPlan) write(b *binder, turn *dialogflow.Turn) []Violation {
	b.load(turn, r.platform, r.contexts)
	r.messagePlan.write(b, b.places, turn)
	return b.violations
}

// write writes the fields of a message from named values, and reports whether there was a value for any. The turn is
// nil within the request: there the first misfit ends it, where the request itself collects them.
func (p *messagePlan) write(b *binder, places [][]argument, turn *dialogflow.Turn) (found bool, m *misfit) {
	var last *fieldPlan // of a oneof
	for i := range p.fields {
		f := &p.fields[i]
		here, set, m := f.bind(b, places, turn)
		found = found || here
		switch {
		case m != nil:
		case set && f.oneof != "" && last != nil && last.oneof == f.oneof:
			m = &misfit{problem: fmt.Sprintf("%s is given as well, wanted one of oneof %s", last.name, f.oneof)}
		case set:
			last = f
		case f.required:
			m = &misfit{problem: "saw no value, wanted one: the field is required"}
		}
		switch {
		case m == nil:
		case turn == nil:
			return true, m.in(f)
		case len(b.violations) < maxViolations:
			b.violations = append(b.violations, m.in(f).violation(b, turn, f))
		}
	}
	return found, nil
}

// bind writes one field, if there is a value for it.
func (f *fieldPlan) bind(b *binder, places [][]argument, turn *dialogflow.Turn) (found, set bool, m *misfit) {
	switch {
	case f.source != nil:
		raw := f.source(b, turn)
		set, m = f.write(b, raw)
		return raw != nil, set, m
	case f.join != nil:
		raw, found := f.joined(b, places)
		set, m = f.write(b, raw)
		return found, set, m
	}
	var first *alias
	from := len(b.b)
	for i := range f.names {
		name := &f.names[i]
		raw := f.find(name, places).value
		if raw == nil {
			continue
		}
		found = true
		at := len(b.b)
		here, m := f.write(b, raw)
		if m == nil && here && first != nil && !bytes.Equal(b.b[from:at], b.b[at:]) {
			m = &misfit{problem: fmt.Sprintf("has another value than parameter %q, wanted one of them or the same", first.exact[0])}
		}
		if m != nil {
			m.alias = name
			return true, false, m
		}
		if here && first != nil {
			b.b = b.b[:at]
		}
		if here {
			first = name
		}
	}
	return found, first != nil, nil
}

// find returns the argument of a name that has a value, the zero one if none has: of the best place, since a later one may
// hold what an earlier turn left, and there by the exact name before one that is normally equal.
func (f *fieldPlan) find(name *alias, places [][]argument) argument {
	for _, place := range f.places {
		if found := name.in(places[place]); found.value != nil {
			return found
		}
	}
	return argument{}
}

// parameters are the names of a field's parameters.
func (f *fieldPlan) parameters() []string {
	names := make([]string, len(f.names))
	for i := range f.names {
		names[i] = f.names[i].exact[0]
	}
	return names
}

// misfit says why a value does not fit. It is nil if it does.
type misfit struct {
	path      string       // from the field on
	alias     *alias       // which of the field's parameters; nil: any of them
	reprompt  *words.Texts // of the innermost field that has one
	sensitive bool
	saw       []byte // as JSON
	wanted    string
	problem   string // instead of saw and wanted
}

// unfit refuses a value.
func unfit(saw []byte, wanted string) *misfit { return &misfit{saw: saw, wanted: wanted} }

// in tells that the value stands in a field.
func (m *misfit) in(f *fieldPlan) *misfit {
	m.path = "." + f.name + m.path
	m.sensitive = m.sensitive || f.sensitive
	if m.reprompt == nil {
		m.reprompt = f.reprompt
	}
	return m
}

// violation tells of a misfit in a field of the request itself.
func (m *misfit) violation(b *binder, turn *dialogflow.Turn, f *fieldPlan) Violation {
	names := f.names
	if m.alias != nil {
		names = []alias{*m.alias}
	}
	v := Violation{Field: m.path[1:], Parameters: f.asked(b, turn, names), Problem: m.problem, Reprompt: m.reprompt}
	if v.Problem == "" {
		v.Problem = fmt.Sprintf("saw %s, wanted %s", described(m.saw, m.sensitive), m.wanted)
	}
	return v
}

// maxShown is how many bytes of a value an error shows.
const maxShown = 64

// described says what a value is, in words of which a part may be the value itself, cut, unless it is sensitive.
func described(raw []byte, sensitive bool) string {
	what := "a number"
	switch kind(raw) {
	case 0:
		return "nothing"
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		what = "a text"
	case 't', 'f':
		what = "true or false"
	}
	if sensitive {
		return what
	}
	shown := raw
	if len(raw) > maxShown {
		shown = raw[:maxShown]
		for len(shown) > 0 && !utf8.RuneStart(raw[len(shown)]) {
			shown = shown[:len(shown)-1]
		}
		shown = append(bytes.Clone(shown), "…"...)
	}
	return string(shown)
}
