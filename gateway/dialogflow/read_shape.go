package dialogflow

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// A shape describes an object of the envelope that is read into a T: at most 64 fields, the likely ones first.
type shape[T any] []field[T]

// field is one member of an object.
type field[T any] struct {
	name  string // as Dialogflow writes it
	snake string // as the proto spells it, which protobuf readers take as well
	oneof bool   // no other such field may be set in the same object
	read  func(r *reader, into *T) error
}

// shapeOf describes an object. The rest are fields that the published protos know and no Turn holds.
func shapeOf[T any](fields []field[T], rest ...string) shape[T] {
	for _, name := range rest {
		fields = append(fields, field[T]{name: name, read: func(r *reader, _ *T) error {
			_, err := r.value()
			return err
		}})
	}
	for i := range fields {
		fields[i].snake = snakeCase(fields[i].name)
	}
	return fields
}

// snakeCase returns the proto's spelling of a field's JSON name.
func snakeCase(name string) string {
	var b strings.Builder
	for _, c := range name {
		if c >= 'A' && c <= 'Z' {
			b.WriteByte('_')
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}

// object reads an object of the envelope.
func object[T any](r *reader, fields shape[T], into *T) error {
	if members, err := r.open(); !members {
		return err
	}
	var seen uint64
	oneof := ""
	for r.dec.PeekKind() != jsontext.KindEndObject {
		name, err := r.member()
		if err != nil {
			return err
		}
		i := fields.find(name)
		if i < 0 {
			r.unknown(name)
			if _, err := r.value(); err != nil {
				return err
			}
			continue
		}
		f := &fields[i]
		if seen&(1<<i) != 0 { // the decoder has refused the same spelling already
			return r.fail("stands in one object as %s and as %s, wanted it once", f.name, f.snake)
		}
		seen |= 1 << i
		if name != f.name {
			r.quirk(SnakeCase)
		}
		if r.dec.PeekKind() == jsontext.KindNull {
			if _, err := r.dec.ReadToken(); err != nil {
				return err
			}
			continue
		}
		if f.oneof {
			if oneof != "" {
				return r.fail("excludes %s, wanted one of them", oneof)
			}
			oneof = f.name
		}
		r.path = append(r.path, f.name)
		if err := f.read(r, into); err != nil {
			return err
		}
		r.path = r.path[:len(r.path)-1]
	}
	_, err := r.dec.ReadToken()
	return err
}

func (s shape[T]) find(name string) int {
	for i := range s {
		if s[i].name == name || s[i].snake == name {
			return i
		}
	}
	return -1
}

// The kinds of fields; each is told where in a T its value belongs.

func text[T any](name string, at func(*T) *string) field[T] {
	return field[T]{name: name, read: func(r *reader, t *T) error { return r.string(at(t)) }}
}

func number[T any](name string, at func(*T) *float64) field[T] {
	return field[T]{name: name, read: func(r *reader, t *T) error { return r.float(at(t)) }}
}

func boolean[T any](name string, at func(*T) *bool) field[T] {
	return field[T]{name: name, read: func(r *reader, t *T) error { return r.bool(at(t)) }}
}

func enum[T any](name string, names []string, at func(*T) *string) field[T] {
	return field[T]{name: name, read: func(r *reader, t *T) error { return r.enum(names, at(t)) }}
}

// value is a field that may hold anything.
func value[T any](name string, at func(*T) *Value) field[T] {
	return field[T]{name: name, read: func(r *reader, t *T) (err error) {
		*at(t), err = r.value()
		return err
	}}
}

// payload is a field that holds an object of anything.
func payload[T any](name string, at func(*T) *Value) field[T] {
	return field[T]{name: name, read: func(r *reader, t *T) error { return r.raw(at(t)) }}
}

func parameters[T any](name string, at func(*T) *Parameters) field[T] {
	return field[T]{name: name, read: func(r *reader, t *T) error { return r.parameters(at(t)) }}
}

// message is a field that holds an object of the envelope.
func message[T, U any](name string, fields shape[U], at func(*T) *U) field[T] {
	return field[T]{name: name, read: func(r *reader, t *T) error { return object(r, fields, at(t)) }}
}

// itself is where the fields of an inner object stand that has no place of its own.
func itself[T any](t *T) *T { return t }

// list is a field that holds objects of the envelope.
func list[T, U any](name string, fields shape[U], at func(*T) *[]U) field[T] {
	return field[T]{name: name, read: func(r *reader, t *T) error {
		into := at(t)
		return r.list(func() error {
			*into = append(*into, *new(U))
			return object(r, fields, &(*into)[len(*into)-1])
		})
	}}
}

// messages is a field that holds messages of the agent's own, which are read and kept whole as well.
func messages[T any](name string, kinds shape[Message], at func(*T) *[]Message) field[T] {
	return field[T]{name: name, read: func(r *reader, t *T) error {
		into := at(t)
		return r.list(func() error {
			if err := r.shallow(); err != nil {
				return err
			}
			start := r.dec.InputOffset()
			var m Message
			if err := object(r, kinds, &m); err != nil {
				return err
			}
			end := r.dec.InputOffset()
			if content := bytes.TrimLeft(r.turn.Body[start:end:end], ", \t\r\n"); content[0] == '{' {
				m.Content = content
			}
			*into = append(*into, m)
			return nil
		})
	}}
}

// textMessage is the one kind of message that is looked into.
func textMessage(known ...string) field[Message] {
	fields := shapeOf([]field[Message]{{name: "text", read: func(r *reader, m *Message) error {
		return r.list(func() error {
			m.Text = append(m.Text, "")
			return r.string(&m.Text[len(m.Text)-1])
		})
	}}}, known...)
	return field[Message]{name: "text", oneof: true, read: func(r *reader, m *Message) error {
		m.Kind = "text"
		return object(r, fields, m)
	}}
}

// kinds are the other kinds of message.
func kinds(names ...string) []field[Message] {
	fields := make([]field[Message], 0, len(names))
	for _, name := range names {
		fields = append(fields, field[Message]{name: name, oneof: true, read: func(r *reader, m *Message) error {
			m.Kind = name
			var content Value
			return r.raw(&content)
		}})
	}
	return fields
}
