package rules

import (
	"google.golang.org/protobuf/reflect/protoreflect"
)

// shape is what is known of the values of an expression.
type shape struct {
	kind    kind
	message protoreflect.MessageDescriptor // of a message
	each    *shape                         // of the elements of a list, or the values of a map
}

type kind int

const (
	anything kind = iota // of any shape, and with more elements than are counted
	scalar               // a number, a boolean, an enum, a point in time: of no size
	text                 // a string or bytes
	list
	mapping
	message
)

// shapeOf returns the shape of a field, or of an element of it.
func shapeOf(f protoreflect.FieldDescriptor, element bool) shape {
	switch {
	case f.IsMap() && !element:
		each := shapeOf(f.MapValue(), true)
		return shape{kind: mapping, each: &each}
	case f.IsList() && !element:
		each := shapeOf(f, true)
		return shape{kind: list, each: &each}
	case f.Message() != nil:
		return messageShape(f.Message())
	case f.Kind() == protoreflect.StringKind || f.Kind() == protoreflect.BytesKind:
		return shape{kind: text}
	default:
		return shape{kind: scalar}
	}
}

// messageShape returns that of a message; for some CEL has types of its own.
func messageShape(m protoreflect.MessageDescriptor) shape {
	switch m.FullName() {
	case "google.protobuf.Timestamp", "google.protobuf.Duration", "google.protobuf.BoolValue", "google.protobuf.DoubleValue", "google.protobuf.FloatValue",
		"google.protobuf.Int32Value", "google.protobuf.Int64Value", "google.protobuf.UInt32Value", "google.protobuf.UInt64Value":
		return shape{kind: scalar}
	case "google.protobuf.StringValue", "google.protobuf.BytesValue":
		return shape{kind: text}
	}
	if uncounted(m) {
		return shape{kind: anything}
	}
	return shape{kind: message, message: m}
}

// uncounted reports whether what is in a message is not counted, as it may be much: the whole turn, and free JSON.
func uncounted(m protoreflect.MessageDescriptor) bool {
	switch m.FullName() {
	case "google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue", "google.protobuf.Any", "intentgate.v1.Turn":
		return true
	default:
		return false
	}
}
