package dialogflow

import (
	"bytes"
	"fmt"
	"slices"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth is how many objects and lists a value kept raw may nest. Each costs up to three levels of protobuf, of which
// common readers follow 100 in all.
const maxDepth = 30

// maxUnknown is how many unknown fields a Turn names.
const maxUnknown = 100

// reader reads one body, once. Its methods read the next value into where it belongs, and refuse other kinds.
type reader struct {
	dec    jsontext.Decoder
	in     bytes.Buffer
	turn   *Turn
	text   string      // the body; the strings of the Turn are parts of it, so that they cost one copy in all
	params []Parameter // the parameters of the Turn are parts of it
	path   []string    // the fields around the next value, "[]" for an element
	name   []byte      // scratch
}

// readers keeps readers for the next body: a decoder holds a few kilobytes.
var readers sync.Pool

func newReader(t *Turn) *reader {
	r, ok := readers.Get().(*reader)
	if !ok {
		r = new(reader)
		r.dec.Reset(&r.in)
	}
	r.turn, r.text = t, string(t.Body)
	r.in = *bytes.NewBuffer(t.Body)
	return r
}

// release keeps the reader for another body, but nothing of this one.
func (r *reader) release() {
	r.turn, r.text, r.params, r.path = nil, "", nil, r.path[:0]
	r.in = bytes.Buffer{}
	r.dec.Reset(&r.in)
	readers.Put(r)
}

// fail refuses the value read last.
func (r *reader) fail(format string, args ...any) error {
	return &SyntaxError{Path: place(r.dec.StackPointer()), Problem: fmt.Sprintf(format, args...)}
}

// wrong refuses the value read last for its kind.
func (r *reader) wrong(wanted string, saw Value) error {
	switch saw.Kind() {
	case jsontext.KindBeginObject:
		return r.fail("wanted %s, saw an object", wanted)
	case jsontext.KindBeginArray:
		return r.fail("wanted %s, saw a list", wanted)
	case jsontext.KindString:
		text, err := jsontext.AppendUnquote(nil, saw)
		if err != nil {
			return err
		}
		return r.fail("wanted %s, saw the text %.*q", wanted, maxQuoted, text)
	default:
		return r.fail("wanted %s, saw %s", wanted, cut(string(saw), maxQuoted))
	}
}

// quirk counts a quirk.
func (r *reader) quirk(q Quirk) { r.turn.Quirks[q]++ }

// unknown notes a field that nobody knows.
func (r *reader) unknown(name string) {
	if len(r.turn.Unknown) == maxUnknown {
		return
	}
	r.name = r.name[:0]
	for _, field := range r.path {
		if field != "[]" && len(r.name) > 0 {
			r.name = append(r.name, '.')
		}
		r.name = append(r.name, field...)
	}
	if len(r.name) > 0 {
		r.name = append(r.name, '.')
	}
	r.name = append(r.name, cut(name, maxQuoted)...)
	full := cut(string(r.name), maxQuoted)
	if !slices.Contains(r.turn.Unknown, full) {
		r.turn.Unknown = append(r.turn.Unknown, full)
	}
}

// value reads any value as it is written.
func (r *reader) value() (Value, error) {
	if err := r.shallow(); err != nil {
		return nil, err
	}
	v, err := r.dec.ReadValue()
	if err != nil {
		return nil, err
	}
	end := int(r.dec.InputOffset())
	return r.turn.Body[end-len(v) : end : end], nil
}

// shallow refuses a value that is nested too deeply before anything recurses into it.
func (r *reader) shallow() error {
	if k := r.dec.PeekKind(); k != jsontext.KindBeginObject && k != jsontext.KindBeginArray {
		return nil
	}
	depth, quoted := 0, false
	rest := r.dec.UnreadBuffer()
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			i++
		case quoted:
		case c == '{', c == '[':
			if depth++; depth > maxDepth {
				return r.fail("nested deeper than %d levels, wanted fewer", maxDepth)
			}
		case c == '}', c == ']':
			if depth--; depth == 0 {
				return nil
			}
		}
	}
	return nil
}

// member reads the name of an object's next member.
func (r *reader) member() (string, error) {
	v, err := r.dec.ReadValue()
	if err != nil {
		return "", err
	}
	return r.unquote(v)
}

// unquote returns the string that was just read as v.
func (r *reader) unquote(v Value) (string, error) {
	if bytes.IndexByte(v, '\\') < 0 {
		end := int(r.dec.InputOffset())
		return r.text[end-len(v)+1 : end-1], nil
	}
	s, err := jsontext.AppendUnquote(nil, v)
	return string(s), err
}

// open reads the start of an object, and reports whether there are members to read. A list or a text without content
// stands for an object without members: languages whose lists and maps are one type write it so.
func (r *reader) open() (bool, error) {
	if r.dec.PeekKind() == jsontext.KindBeginObject {
		_, err := r.dec.ReadToken()
		return err == nil, err
	}
	v, err := r.value()
	if err != nil {
		return false, err
	}
	if !empty(v) {
		return false, r.wrong("an object", v)
	}
	r.quirk(EmptyForObject)
	return false, nil
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
	if r.dec.PeekKind() != jsontext.KindBeginArray {
		v, err := r.value()
		if err != nil {
			return err
		}
		return r.wrong("a list", v)
	}
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	r.path = append(r.path, "[]")
	for r.dec.PeekKind() != jsontext.KindEndArray {
		if err := read(); err != nil {
			return err
		}
	}
	r.path = r.path[:len(r.path)-1]
	_, err := r.dec.ReadToken()
	return err
}

// raw reads an object as it is written. An empty one of another kind leaves into alone.
func (r *reader) raw(into *Value) error {
	if r.dec.PeekKind() != jsontext.KindBeginObject {
		_, err := r.open()
		return err
	}
	v, err := r.value()
	*into = v
	return err
}

// parameters reads an object's members as they are written.
func (r *reader) parameters(into *Parameters) error {
	if members, err := r.open(); !members {
		return err
	}
	if r.params == nil {
		r.params = make([]Parameter, 0, 16)
	}
	start := len(r.params)
	for r.dec.PeekKind() != jsontext.KindEndObject {
		name, err := r.member()
		if err != nil {
			return err
		}
		v, err := r.value()
		if err != nil {
			return err
		}
		r.params = append(r.params, Parameter{Name: name, Value: v})
	}
	if end := len(r.params); end > start {
		*into = r.params[start:end:end]
	}
	_, err := r.dec.ReadToken()
	return err
}
