package dialogflow

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// maxUnknown is how many unknown fields a Turn names.
const maxUnknown = 100

// fail refuses the value that stands at an offset, or after it.
func (r *reader) fail(at int, format string, args ...any) error {
	return &SyntaxError{Path: placeAt(r.body, at), Problem: fmt.Sprintf(format, args...)}
}

// wrong refuses the value that was just read, for its kind.
func (r *reader) wrong(wanted string, saw Value) error {
	at := r.pos - len(saw)
	switch saw.Kind() {
	case jsontext.KindBeginObject:
		return r.fail(at, "wanted %s, saw an object", wanted)
	case jsontext.KindBeginArray:
		return r.fail(at, "wanted %s, saw a list", wanted)
	case jsontext.KindString:
		return r.fail(at, "wanted %s, saw a text", wanted) // which may be what a user said
	default:
		return r.fail(at, "wanted %s, saw %s", wanted, cut(string(saw), maxQuoted))
	}
}

// quirk counts a quirk.
func (r *reader) quirk(q Quirk) { r.turn.Quirks[q]++ }

// unknown notes a field that nobody knows.
func (r *reader) unknown(name string) {
	if len(r.turn.Unknown) == maxUnknown {
		return
	}
	at := r.scratch[:0]
	for _, field := range append(r.path, cut(name, maxQuoted)) {
		if field != "[]" && len(at) > 0 {
			at = append(at, '.')
		}
		at = append(at, field...)
	}
	r.scratch = at
	if len(at) > maxQuoted {
		at = at[:len(cut(string(at), maxQuoted))]
	}
	if !slices.ContainsFunc(r.turn.Unknown, func(known string) bool { return known == string(at) }) {
		r.turn.Unknown = append(r.turn.Unknown, string(at))
	}
}

// object reads an object, each value with read. A list or a text without content stands for an object without members:
// languages whose lists and maps are one type write it so.
func (r *reader) object(read func(name []byte) error) error {
	if r.next() == '{' {
		return r.members(read)
	}
	v, err := r.value()
	if err != nil {
		return err
	}
	if !empty(v) {
		return r.wrong("an object", v)
	}
	r.quirk(EmptyForObject)
	return nil
}

// empty reports whether v is "" or [].
func empty(v Value) bool {
	switch v.Kind() {
	case jsontext.KindString:
		return len(v) == len(`""`)
	case jsontext.KindBeginArray:
		return len(bytes.TrimSpace(v[1:len(v)-1])) == 0
	default:
		return false
	}
}

// list reads a list, each element with read.
func (r *reader) list(read func() error) error {
	if r.next() == '[' {
		r.path = append(r.path, "[]")
		err := r.elements(read)
		r.path = r.path[:len(r.path)-1]
		return err
	}
	v, err := r.value()
	if err != nil {
		return err
	}
	return r.wrong("a list", v)
}

// raw reads an object as it is written. An empty one of another kind leaves into alone.
func (r *reader) raw(into *Value) error {
	if r.next() != '{' {
		return r.object(nil)
	}
	v, err := r.value()
	*into = v
	return err
}

// parameters reads an object's members as they are written.
func (r *reader) parameters(into *Parameters) error {
	r.params = r.params[:0]
	err := r.object(func(name []byte) error {
		p := Parameter{Name: r.text(name)}
		var err error
		p.Value, err = r.value()
		r.params = append(r.params, p)
		return err
	})
	if len(r.params) > 0 {
		*into = slices.Clone(r.params)
	}
	return err
}
