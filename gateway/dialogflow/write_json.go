package dialogflow

import (
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
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

func (w *writer) quote(place, s string) {
	b, err := jsontext.AppendQuote(w.b, s)
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
func (w *writer) member(place, name string, v *structpb.Value) {
	w.comma()
	w.quote(place, name)
	w.b = append(w.b, ':')
	b, err := appendValue(w.b, v, 2)
	w.b = b
	if err != nil {
		w.fail(place, within(name, err))
	}
}

// raw writes a value of the request as it was written there, without its white space.
func (w *writer) raw(place string, p Parameter) {
	w.comma()
	w.quote(place, p.Name)
	w.b = append(w.b, ':')
	b, err := jsontext.AppendFormat(w.b, p.Value, jsontext.PreserveRawStrings(true))
	w.b = b
	w.fail(place, err)
}

// fail keeps the first error with the place it happened at.
func (w *writer) fail(place string, err error) {
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("%s: %w", place, err)
	}
}
