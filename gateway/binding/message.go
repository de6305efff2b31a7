package binding

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// messageWriter compiles how a message is written: one that is known by its name in its own way, others from the
// members of an object.
func (c *compiler) messageWriter(f protoreflect.FieldDescriptor, path string) writer {
	message := f.Message()
	name := message.FullName()
	switch known, ok := knownMessages[name]; {
	case name == turnMessage:
		c.problem(f, "it is a Turn, which only a field of the request itself can be", "move it there, and let it not be repeated")
		return writer{}
	case ok && known.instant && c.TimeZone == nil && c.zoneless():
		c.problem(f, "an instant cannot be made of days and times of CX, which carry no zone", "give the webhook its time_zone, or take google.type.DateTime")
		return writer{}
	case ok:
		return writer{wire: protowire.BytesType, whole: known.whole, write: enclosed(known.write(c))}
	}
	plan := c.nested(message, path)
	return writer{wire: protowire.BytesType, nested: plan, write: enclosed(func(b *binder, raw []byte) (bool, *misfit) {
		return plan.fromObject(b, raw, message)
	})}
}

// fromObject writes the fields of a message from the members of an object. Members that have no field are left aside,
// but if none has one the object is something else.
func (p *messagePlan) fromObject(b *binder, raw []byte, message protoreflect.MessageDescriptor) (bool, *misfit) {
	if kind(raw) != '{' {
		return false, unfit(raw, "an object")
	}
	from, start := len(b.arguments), len(b.b)
	members := b.spread(raw)
	found, m := p.write(b, [][]argument{members}, nil)
	b.arguments = b.arguments[:from]
	if m == nil && !found && len(members) > 0 {
		m = unfit(raw, "an object with members of "+string(message.Name()))
	}
	return len(b.b) > start, m
}

// spread returns the members of an object, none of another value.
func (b *binder) spread(raw []byte) []argument {
	if kind(raw) != '{' {
		return nil
	}
	from, in := len(b.arguments), cursor{b: raw}
	in.enter()
	for in.more() {
		name := b.unquote(in.value())
		b.arguments = append(b.arguments, argument{name, in.value()})
	}
	return b.arguments[from:len(b.arguments):len(b.arguments)]
}

// part returns the value of the first member that has one and is normally called so.
func part(members []argument, names ...string) []byte {
	for i := range members {
		for _, name := range names {
			if isNormally(members[i].name, name) {
				switch value, one := only(members[i].value); {
				case !one:
					return members[i].value // for whoever takes it to refuse
				case !unset(value):
					return value
				}
			}
		}
	}
	return nil
}

// enclosed writes the length of a message before its inside.
func enclosed(inside convert) convert {
	return func(b *binder, raw []byte) (bool, *misfit) {
		at := b.begin()
		set, m := inside(b, raw)
		b.close(at)
		return set, m
	}
}
