package binding

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// convert writes a value, as JSON, where a field takes it. Not set: the value leaves the field as it is, and nothing was
// written.
type convert func(b *binder, raw []byte) (set bool, m *misfit)

// writer writes single values of a type.
type writer struct {
	wire  protowire.Type
	whole bool    // takes lists and "" as they are
	write convert // the inside of a field

	nested *messagePlan // that write follows
}

// convert compiles how a field is written, nil if it cannot be, and the plan of a message in it.
func (c *compiler) convert(f protoreflect.FieldDescriptor, path string) (convert, *messagePlan) {
	value, n := f, f.Number()
	if f.IsMap() {
		value = f.MapValue()
	}
	w := c.writer(value, path)
	switch {
	case w.write == nil:
		return nil, nil
	case f.IsMap():
		return mapping(n, scalarWriter(f.MapKey().Kind()), w), w.nested
	case f.IsPacked():
		return packed(n, w), nil
	case f.IsList():
		return func(b *binder, raw []byte) (bool, *misfit) { return b.elements(n, &w, raw) }, w.nested
	default:
		return func(b *binder, raw []byte) (bool, *misfit) { return b.put(n, &w, raw) }, w.nested
	}
}

// writer compiles how single values of a field are written; the zero writer if they cannot be.
func (c *compiler) writer(f protoreflect.FieldDescriptor, path string) writer {
	switch f.Kind() {
	case protoreflect.GroupKind:
		c.problem(f, "it is a group", "make it a message field, length-prefixed")
		return writer{}
	case protoreflect.MessageKind:
		return c.messageWriter(f, path)
	case protoreflect.EnumKind:
		return c.enumWriter(f.Enum())
	default:
		return scalarWriter(f.Kind())
	}
}

// put writes a single value as field n, the field's number and all; 0: without. A list of one is its element.
func (b *binder) put(n field, w *writer, raw []byte) (bool, *misfit) {
	if w.whole {
		if isNull(raw) {
			return false, nil
		}
	} else {
		value, one := only(raw)
		if !one {
			return false, unfit(raw, "one value")
		}
		if raw = value; unset(raw) {
			return false, nil
		}
	}
	at := len(b.b)
	if n != 0 {
		b.b = protowire.AppendTag(b.b, n, w.wire)
	}
	set, m := w.write(b, raw)
	if !set {
		b.b = b.b[:at]
	}
	return set, m
}

// packed writes the elements of a list, or a single one, as one field.
func packed(n field, w writer) convert {
	return func(b *binder, raw []byte) (bool, *misfit) {
		start := len(b.b)
		at := b.open(n)
		set, m := b.elements(0, &w, raw)
		b.close(at)
		if !set {
			b.b = b.b[:start]
		}
		return set, m
	}
}

// elements writes those of a list, or a single one, each as field n; those without a value are left out.
func (b *binder) elements(n field, w *writer, raw []byte) (bool, *misfit) {
	if kind(raw) != '[' {
		return b.put(n, w, raw)
	}
	in := cursor{b: raw}
	in.enter()
	set := false
	for i := 0; in.more(); i++ {
		here, m := b.put(n, w, in.value())
		if m != nil {
			m.path = fmt.Sprintf("[%d]%s", i, m.path)
			return false, m
		}
		set = set || here
	}
	return set, nil
}

// mapping writes the members of an object as the entries of a map.
func mapping(n field, key, value writer) convert {
	return func(b *binder, raw []byte) (bool, *misfit) {
		object, one := only(raw)
		if one && unset(object) {
			return false, nil
		}
		if kind(object) != '{' {
			return false, unfit(raw, "an object")
		}
		in := cursor{b: object}
		in.enter()
		base := len(b.members)
		for in.more() {
			name, v := in.value(), in.value()
			from, at := len(b.b), b.open(n)
			b.b = protowire.AppendTag(b.b, mapKey, key.wire)
			if _, m := key.write(b, name); m != nil {
				m.path = fmt.Sprintf("[%d]", len(b.members)-base)
				return false, m
			}
			named := len(b.b)
			set, m := b.put(mapValue, &value, v)
			if m != nil {
				m.path = fmt.Sprintf("[%d]%s", len(b.members)-base, m.path)
				return false, m
			}
			if !set {
				b.b = b.b[:from]
				continue
			}
			b.entry(from, at, named)
		}
		set := len(b.members) > base
		if !b.sorted(base) {
			return false, unfit(raw, "each name once")
		}
		return set, nil
	}
}
