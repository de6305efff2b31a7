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

// knownMessage is a message that is not written field by field.
type knownMessage struct {
	write   func(c *compiler) convert
	whole   bool     // takes lists and "" as they are
	instant bool     // needs a time zone where a value has none
	parts   []string // which members a joined value has, whatever the parameters are called; nil: it cannot be joined
}

// knownMessages are by their full names, since the descriptors are the service's own.
var knownMessages = map[protoreflect.FullName]knownMessage{
	"google.protobuf.Struct":      {write: plain(writeStruct), parts: []string{}},
	"google.protobuf.Value":       {write: plain(writeValue), whole: true},
	"google.protobuf.ListValue":   {write: plain(writeList), whole: true},
	"google.protobuf.Duration":    {write: plain(writeDuration)},
	"google.protobuf.Timestamp":   {write: writeTimestamp, instant: true, parts: []string{"date", "time"}},
	"google.type.Date":            {write: plain(writeDate)},
	"google.type.TimeOfDay":       {write: plain(writeTimeOfDay)},
	"google.type.DateTime":        {write: writeDateTime, parts: []string{"date", "time"}},
	"google.type.Interval":        {write: writeInterval, instant: true, parts: []string{"start", "end"}},
	"google.type.Money":           {write: plain(writeMoney), parts: []string{"amount", "currency"}},
	"google.type.LatLng":          {write: plain(writeLatLng), parts: []string{"latitude", "longitude"}},
	"google.type.PostalAddress":   {write: plain(writePostalAddress), parts: []string{}},
	"intentgate.v1.Quantity":      {write: plain(writeQuantity), parts: []string{"amount", "unit"}},
	"google.protobuf.DoubleValue": wrapper(protoreflect.DoubleKind),
	"google.protobuf.FloatValue":  wrapper(protoreflect.FloatKind),
	"google.protobuf.Int64Value":  wrapper(protoreflect.Int64Kind),
	"google.protobuf.UInt64Value": wrapper(protoreflect.Uint64Kind),
	"google.protobuf.Int32Value":  wrapper(protoreflect.Int32Kind),
	"google.protobuf.UInt32Value": wrapper(protoreflect.Uint32Kind),
	"google.protobuf.BoolValue":   wrapper(protoreflect.BoolKind),
	"google.protobuf.StringValue": wrapper(protoreflect.StringKind),
	"google.protobuf.BytesValue":  wrapper(protoreflect.BytesKind),
}

func plain(write convert) func(*compiler) convert { return func(*compiler) convert { return write } }

// wrapper is a message whose field 1 is a scalar.
func wrapper(kind protoreflect.Kind) knownMessage {
	w := scalarWriter(kind)
	return knownMessage{write: plain(func(b *binder, raw []byte) (bool, *misfit) { return b.put(1, &w, raw) })}
}

func writeStruct(b *binder, raw []byte) (bool, *misfit) {
	in := cursor{b: raw}
	if in.next() != '{' || !b.fields(&in) {
		return false, unfit(raw, "an object")
	}
	return true, nil
}

func writeValue(b *binder, raw []byte) (bool, *misfit) {
	if !b.json(&cursor{b: raw}) {
		return false, unfit(raw, "a JSON value")
	}
	return true, nil
}

// writeList writes a list, or a single value as a list of one.
func writeList(b *binder, raw []byte) (bool, *misfit) {
	if kind(raw) != '[' {
		if unset(raw) {
			return false, nil
		}
		at := b.open(listValues)
		_, m := writeValue(b, raw)
		b.close(at)
		return true, m
	}
	if !b.list(&cursor{b: raw}) {
		return false, unfit(raw, "a list")
	}
	return true, nil
}
