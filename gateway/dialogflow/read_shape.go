package dialogflow

import (
	"slices"
	"strings"
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
	var seen uint64
	var oneof *field[T]
	return r.object(func(name []byte) error {
		i := fields.find(name)
		if i < 0 {
			r.unknown(string(name))
			_, err := r.value()
			return err
		}
		f := &fields[i]
		if seen&(1<<i) != 0 { // the same spelling has been refused already
			return r.fail(r.pos, "stands in one object as %s and as %s, wanted it once", f.name, f.snake)
		}
		seen |= 1 << i
		if string(name) != f.name {
			r.quirk(SnakeCase)
		}
		if r.next() == 'n' {
			_, err := r.value()
			return err
		}
		if f.oneof {
			if oneof != nil {
				return r.fail(r.pos, "excludes %s, wanted one of them", oneof.name)
			}
			oneof = f
		}
		r.path = append(r.path, f.name)
		err := f.read(r, into)
		r.path = r.path[:len(r.path)-1]
		return err
	})
}

func (s shape[T]) find(name []byte) int {
	for i := range s {
		if s[i].name == string(name) {
			return i
		}
	}
	return slices.IndexFunc(s, func(f field[T]) bool { return f.snake == string(name) })
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

// optional is a message that is absent where it is not sent.
func optional[T, U any](name string, fields shape[U], at func(*T) **U) field[T] {
	return message(name, fields, func(t *T) *U {
		*at(t) = new(U)
		return *at(t)
	})
}

// itself is where the fields of an inner object stand that has no place of its own.
func itself[T any](t *T) *T { return t }

// list is a field that holds objects of the envelope.
func list[T, U any](name string, fields shape[U], at func(*T) *[]U) field[T] {
	return field[T]{name: name, read: func(r *reader, t *T) error {
		into := at(t)
		*into = make([]U, 0, 4)
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
			r.next()
			start := r.pos
			*into = append(*into, Message{})
			m := &(*into)[len(*into)-1]
			if err := object(r, kinds, m); err != nil {
				return err
			}
			if r.body[start] == '{' {
				m.Content = r.body[start:r.pos:r.pos]
			}
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
