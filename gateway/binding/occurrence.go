package binding

import (
	"errors"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// occurrence is a field as it stands on the wire.
type occurrence struct {
	number field
	kind   protowire.Type
	varint uint64 // of a varint, a fixed32 or a fixed64
	bytes  []byte
}

type occurrences []occurrence

// split appends the fields of a message, in their order.
func split(all occurrences, b []byte) (_ occurrences, err error) {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		o := occurrence{number: number, kind: kind}
		if b, err = o.consume(b[n:]); err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, nil
}

// unpack reads the elements of a packed list.
func unpack(kind protowire.Type, b []byte) (elements []occurrence, err error) {
	for len(b) > 0 {
		o := occurrence{kind: kind}
		if b, err = o.consume(b); err != nil {
			return nil, err
		}
		elements = append(elements, o)
	}
	return elements, nil
}

// consume reads the value that comes first, and returns what comes after it.
func (o *occurrence) consume(b []byte) (rest []byte, err error) {
	var n int
	switch o.kind {
	case protowire.VarintType:
		o.varint, n = protowire.ConsumeVarint(b)
	case protowire.Fixed32Type:
		var v uint32
		v, n = protowire.ConsumeFixed32(b)
		o.varint = uint64(v)
	case protowire.Fixed64Type:
		o.varint, n = protowire.ConsumeFixed64(b)
	case protowire.BytesType:
		o.bytes, n = protowire.ConsumeBytes(b)
	default:
		n = protowire.ConsumeFieldValue(o.number, o.kind, b) // a group, which is never looked into
	}
	if n < 0 {
		return nil, protowire.ParseError(n)
	}
	return b[n:], nil
}

// of returns the occurrences of a field. One of a oneof ends with another member of it.
func (all occurrences) of(f protoreflect.FieldDescriptor) (found []occurrence) {
	oneof := f.ContainingOneof()
	for i := range all {
		switch {
		case all[i].number == f.Number() && len(found) == 0:
			found = all[i : i+1 : i+1] // mostly the only one
		case all[i].number == f.Number():
			found = append(found, all[i])
		case oneof != nil && oneof.Fields().ByNumber(all[i].number) != nil:
			found = nil
		}
	}
	return found
}

// merged returns one occurrence of a message for all of it: its bytes are theirs, one after the other.
func merged(all []occurrence) (occurrence, error) {
	whole := occurrence{kind: protowire.BytesType}
	for i := range all {
		switch {
		case all[i].kind != protowire.BytesType:
			return whole, errWireType
		case i == 0:
			whole.bytes = slices.Clip(all[i].bytes)
		default:
			whole.bytes = append(whole.bytes, all[i].bytes...)
		}
	}
	return whole, nil
}

var errWireType = errors.New("the bytes are of another type of field: does the service run another version of its proto?")
