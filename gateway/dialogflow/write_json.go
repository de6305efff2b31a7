package dialogflow

import (
	"fmt"

	"google.golang.org/protobuf/types/known/structpb"
)

// The writer appends JSON without a tree in between. A comma is due wherever the last byte is not an opening one, and
// whatever turns out empty when it is closed is taken back together with its name.

// key begins a member; the name is one of our own and needs no escaping.
func (w *writer) key(name string) {
	w.comma()
	w.b = append(w.b, '"')
	w.b = append(w.b, name...)
	w.b = append(w.b, '"', ':')
}

func (w *writer) comma() {
	switch w.b[len(w.b)-1] {
	case '{', '[', ':':
	default:
		w.b = append(w.b, ',')
	}
}

// mark remembers where an object or array began.
type mark struct {
	before int // length of the output without it
	inside int // length of the output after its opening brace
}

// open begins an object or array, as a member if it has a name and as an element if it has none.
func (w *writer) open(name string, brace byte) mark {
	before := len(w.b)
	if name == "" {
		w.comma()
	} else {
		w.key(name)
	}
	w.b = append(w.b, brace)
	return mark{before: before, inside: len(w.b)}
}

// empty reports whether nothing has been written since the opening brace.
func (w *writer) empty(m mark) bool { return len(w.b) == m.inside }

// close ends what open began, or takes it back if it is empty.
func (w *writer) close(m mark, brace byte) {
	if w.empty(m) {
		w.b = w.b[:m.before]
		return
	}
	w.b = append(w.b, brace)
}

// text writes a string member unless it is empty.
func (w *writer) text(name, s string) {
	if s == "" {
		return
	}
	w.key(name)
	w.quote(name, s)
}

// texts writes an array of those strings that are not empty.
func (w *writer) texts(name string, all []string) {
	m := w.open(name, '[')
	for _, s := range all {
		if s != "" {
			w.comma()
			w.quote(name, s)
		}
	}
	w.close(m, ']')
}

// contextName writes the name of a context of the session, which holds nothing that is escaped.
func (w *writer) contextName(name string) {
	w.key("name")
	w.quote("name", w.turn.Session.Name)
	w.b = append(append(w.b[:len(w.b)-1], "/contexts/"...), name...)
	w.b = append(w.b, '"')
}

func (w *writer) quote(place, s string) {
	b, err := appendQuote(w.b, s)
	w.b = b
	w.fail(place, err)
}

// yes writes a boolean member that is true.
func (w *writer) yes(name string) {
	w.key(name)
	w.b = append(w.b, "true"...)
}

// object writes a Struct as a member unless it is empty. The place is the field of the reply that it comes from.
func (w *writer) object(name, place string, s *structpb.Struct) {
	if len(s.GetFields()) == 0 {
		return
	}
	w.key(name)
	b, err := appendStruct(w.b, s.GetFields(), 1)
	w.b = b
	w.fail(place, err)
}

// member writes a Value under a name that is somebody else's.
func (w *writer) member(name string, v *structpb.Value) error {
	w.comma()
	b, err := appendQuote(w.b, name)
	if w.b = b; err != nil {
		return err
	}
	if w.b, err = appendValue(append(w.b, ':'), v, 2); err != nil {
		return within(name, err)
	}
	return nil
}

// fail keeps the first error with the place it happened at.
func (w *writer) fail(place string, err error) {
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("%s: %w", place, err)
	}
}
