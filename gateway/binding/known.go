package binding

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// knownMessage is a message that is not written, or read, field by field.
type knownMessage struct {
	write   func(c *compiler) convert                             // from a parameter
	value   func(x expression, b []byte) (*structpb.Value, error) // of a parameter, from the inside of a field
	whole   bool                                                  // takes lists and "" as they are
	instant bool                                                  // needs a time zone where a value has none
	parts   []string                                              // which members a joined value has, whatever the parameters are called; nil: it cannot be joined
}

// knownMessages are those that Dialogflow has a form of its own for, or JSON has: by their full names, since the descriptors
// are the service's own.
var knownMessages = map[protoreflect.FullName]knownMessage{
	"google.protobuf.Struct":      {write: plain(writeStruct), value: written(expression.structure), parts: []string{}},
	"google.protobuf.Value":       {write: plain(writeValue), value: written(expression.value), whole: true},
	"google.protobuf.ListValue":   {write: plain(writeList), value: written(expression.list), whole: true},
	"google.protobuf.Duration":    {write: plain(writeDuration), value: written(expression.duration)},
	"google.protobuf.Timestamp":   {write: writeTimestamp, value: written(expression.timestamp), instant: true, parts: []string{"date", "time"}},
	"google.type.Date":            {write: plain(writeDate), value: written(expression.date)},
	"google.type.TimeOfDay":       {write: plain(writeTimeOfDay), value: written(expression.timeOfDay)},
	"google.type.DateTime":        {write: writeDateTime, value: written(expression.dateTime), parts: []string{"date", "time"}},
	"google.type.Interval":        {write: writeInterval, value: written(expression.interval), instant: true, parts: []string{"start", "end"}},
	"google.type.Money":           {write: plain(writeMoney), value: written(expression.money), parts: []string{"amount", "currency"}},
	"google.type.LatLng":          {write: plain(writeLatLng), value: written(expression.latLng), parts: []string{"latitude", "longitude"}},
	"google.type.PostalAddress":   {write: plain(writePostalAddress), value: written(expression.postalAddress), parts: []string{}},
	"intentgate.v1.Quantity":      {write: plain(writeQuantity), value: written(expression.quantity), parts: []string{"amount", "unit"}},
	"google.protobuf.DoubleValue": wrapper(new(wrapperspb.DoubleValue)),
	"google.protobuf.FloatValue":  wrapper(new(wrapperspb.FloatValue)),
	"google.protobuf.Int64Value":  wrapper(new(wrapperspb.Int64Value)),
	"google.protobuf.UInt64Value": wrapper(new(wrapperspb.UInt64Value)),
	"google.protobuf.Int32Value":  wrapper(new(wrapperspb.Int32Value)),
	"google.protobuf.UInt32Value": wrapper(new(wrapperspb.UInt32Value)),
	"google.protobuf.BoolValue":   wrapper(new(wrapperspb.BoolValue)),
	"google.protobuf.StringValue": wrapper(new(wrapperspb.StringValue)),
	"google.protobuf.BytesValue":  wrapper(new(wrapperspb.BytesValue)),
}

func plain(write convert) func(*compiler) convert { return func(*compiler) convert { return write } }

// written reads a message for the function that makes its value.
func written[T any, M interface {
	*T
	proto.Message
}](value func(expression, M) (*structpb.Value, error),
) func(expression, []byte) (*structpb.Value, error) {
	return func(x expression, b []byte) (*structpb.Value, error) {
		message := M(new(T))
		if err := proto.Unmarshal(b, message); err != nil {
			return nil, err
		}
		return value(x, message)
	}
}

// wrapper is a message whose only field is a scalar.
func wrapper(message proto.Message) knownMessage {
	f := message.ProtoReflect().Descriptor().Fields().ByNumber(1)
	w := scalarWriter(f.Kind())
	return knownMessage{
		write: plain(func(b *binder, raw []byte) (bool, *misfit) { return b.put(1, &w, raw) }),
		value: func(_ expression, b []byte) (*structpb.Value, error) {
			all, err := split(nil, b)
			if err != nil {
				return nil, err
			}
			return scalar(f, last(f, all.of(f)))
		},
	}
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
