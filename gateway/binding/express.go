package binding

import (
	"encoding/base64"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// inexpressible says what of a field's type no parameter can hold, or returns "".
func inexpressible(field protoreflect.FieldDescriptor, around []protoreflect.FullName) string {
	message := field.Message()
	switch {
	case field.Kind() == protoreflect.GroupKind:
		return "a group"
	case message == nil || expressions[message.FullName()] != nil:
		return ""
	case message.FullName() == "google.protobuf.Any":
		return "a google.protobuf.Any"
	case slices.Contains(around, message.FullName()):
		return fmt.Sprintf("a %s that holds itself", message.FullName())
	}
	for i := range message.Fields().Len() {
		if problem := inexpressible(message.Fields().Get(i), append(around, message.FullName())); problem != "" {
			return problem
		}
	}
	return ""
}

// expression makes values of what a service answered.
type expression struct {
	platform dialogflow.Platform
	zone     *time.Location // of the agent's users; nil where it is not known
}

// field makes the parameter's value of a field's bytes, as Dialogflow itself would write it on the platform. It is nil
// for a field that has presence and is absent.
func (x expression) field(field protoreflect.FieldDescriptor, all []occurrence) (*structpb.Value, error) {
	switch {
	case field.IsMap():
		return x.entries(field, all)
	case field.IsList():
		return x.list(field, all)
	case field.Message() != nil:
		b, there, err := merged(all)
		if err != nil || !there {
			return nil, err
		}
		return x.message(field.Message(), b)
	case len(all) > 0:
		return x.scalar(field, all[len(all)-1])
	case field.HasPresence():
		return nil, nil //nolint:nilnil // absent, which is no error
	default:
		return x.scalar(field, zero(field))
	}
}

// zero is the occurrence that stands for a field left out: its default.
func zero(field protoreflect.FieldDescriptor) occurrence {
	switch field.Kind() {
	case protoreflect.StringKind, protoreflect.BytesKind:
		return occurrence{kind: protowire.BytesType}
	default:
		return occurrence{kind: wireType(field)}
	}
}

func (x expression) list(field protoreflect.FieldDescriptor, all []occurrence) (*structpb.Value, error) {
	list := &structpb.ListValue{}
	for _, o := range all {
		if field.Message() == nil && o.kind == protowire.BytesType && wireType(field) != protowire.BytesType {
			elements, err := unpack(wireType(field), o.bytes)
			if err != nil {
				return nil, err
			}
			for _, element := range elements {
				value, err := x.scalar(field, element)
				if err != nil {
					return nil, err
				}
				list.Values = append(list.Values, value)
			}
			continue
		}
		value, err := x.element(field, o)
		if err != nil {
			return nil, err
		}
		list.Values = append(list.Values, value)
	}
	return structpb.NewListValue(list), nil
}

func (x expression) element(field protoreflect.FieldDescriptor, o occurrence) (*structpb.Value, error) {
	if field.Message() == nil {
		return x.scalar(field, o)
	}
	if o.kind != protowire.BytesType {
		return nil, errWireType
	}
	return x.message(field.Message(), o.bytes)
}

// unpack reads the elements of a packed list.
func unpack(kind protowire.Type, b []byte) (elements []occurrence, err error) {
	for len(b) > 0 {
		o, n := occurrence{kind: kind}, 0
		switch kind {
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(b)
			o.varint = uint64(v)
		case protowire.Fixed64Type:
			o.varint, n = protowire.ConsumeFixed64(b)
		default:
			o.varint, n = protowire.ConsumeVarint(b)
		}
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		b, elements = b[n:], append(elements, o)
	}
	return elements, nil
}

func (x expression) entries(field protoreflect.FieldDescriptor, all []occurrence) (*structpb.Value, error) {
	members := map[string]*structpb.Value{}
	for _, o := range all {
		if o.kind != protowire.BytesType {
			return nil, errWireType
		}
		entry, err := split(o.bytes)
		if err != nil {
			return nil, err
		}
		key, err := x.field(field.MapKey(), entry.of(1))
		if err != nil {
			return nil, err
		}
		if key == nil { // entries have presence, but what is left out is zero
			if key, err = x.scalar(field.MapKey(), zero(field.MapKey())); err != nil {
				return nil, err
			}
		}
		value, err := x.field(field.MapValue(), entry.of(2))
		if err == nil && value == nil {
			value, err = x.element(field.MapValue(), zeroElement(field.MapValue()))
		}
		if err != nil {
			return nil, err
		}
		members[text(key)] = value
	}
	return structpb.NewStructValue(&structpb.Struct{Fields: members}), nil
}

func zeroElement(field protoreflect.FieldDescriptor) occurrence {
	if field.Message() != nil {
		return occurrence{kind: protowire.BytesType}
	}
	return zero(field)
}

// text is what the key of a map is called.
func text(key *structpb.Value) string {
	switch kind := key.GetKind().(type) {
	case *structpb.Value_StringValue:
		return kind.StringValue
	case *structpb.Value_BoolValue:
		return strconv.FormatBool(kind.BoolValue)
	default:
		return strconv.FormatFloat(key.GetNumberValue(), 'f', -1, 64)
	}
}

// message makes the value of a message: Dialogflow's own form where it has one, else an object of its fields. What is
// absent, empty lists among it, is left out.
func (x expression) message(message protoreflect.MessageDescriptor, b []byte) (*structpb.Value, error) {
	if known := expressions[message.FullName()]; known != nil {
		return known(x, b)
	}
	all, err := split(b)
	if err != nil {
		return nil, err
	}
	members := map[string]*structpb.Value{}
	for i := range message.Fields().Len() {
		field := message.Fields().Get(i)
		occurrences := all.of(field.Number())
		if len(occurrences) == 0 && (field.IsList() || field.IsMap()) {
			continue
		}
		value, err := x.field(field, occurrences)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", field.Name(), err)
		}
		if value != nil {
			members[string(field.Name())] = value
		}
	}
	return structpb.NewStructValue(&structpb.Struct{Fields: members}), nil
}

func wireType(field protoreflect.FieldDescriptor) protowire.Type {
	switch field.Kind() {
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind, protoreflect.GroupKind:
		return protowire.BytesType
	case protoreflect.FloatKind, protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind:
		return protowire.Fixed32Type
	case protoreflect.DoubleKind, protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
		return protowire.Fixed64Type
	default:
		return protowire.VarintType
	}
}

// scalar makes the value of a number, a text, a boolean or an enum.
func (x expression) scalar(field protoreflect.FieldDescriptor, o occurrence) (*structpb.Value, error) {
	if o.kind != wireType(field) {
		return nil, errWireType
	}
	switch field.Kind() {
	case protoreflect.StringKind:
		if !utf8.Valid(o.bytes) {
			return nil, fmt.Errorf("%d bytes that are no UTF-8", len(o.bytes))
		}
		return structpb.NewStringValue(string(o.bytes)), nil
	case protoreflect.BytesKind:
		return structpb.NewStringValue(base64.StdEncoding.EncodeToString(o.bytes)), nil
	case protoreflect.BoolKind:
		return structpb.NewBoolValue(o.varint != 0), nil
	case protoreflect.EnumKind:
		number := protoreflect.EnumNumber(o.varint) //nolint:gosec // as protobuf itself cuts it
		if value := field.Enum().Values().ByNumber(number); value != nil {
			return structpb.NewStringValue(string(value.Name())), nil
		}
		return structpb.NewNumberValue(float64(number)), nil
	case protoreflect.FloatKind:
		return real(float64(math.Float32frombits(uint32(o.varint))), 32), nil //nolint:gosec // 32 bits were read
	case protoreflect.DoubleKind:
		return real(math.Float64frombits(o.varint), 64), nil
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return unsigned(o.varint), nil
	case protoreflect.Sint32Kind, protoreflect.Sint64Kind:
		return integer(protowire.DecodeZigZag(o.varint)), nil
	case protoreflect.Int32Kind, protoreflect.Sfixed32Kind:
		return integer(int64(int32(o.varint))), nil //nolint:gosec // as protobuf itself cuts it
	default:
		return integer(int64(o.varint)), nil //nolint:gosec // two's complement
	}
}

// maxExact is the largest integer up to which a double holds all.
const maxExact = 1 << 53

// integer is a number, or a text where a double, which is all that Dialogflow has, would lose digits.
func integer(n int64) *structpb.Value {
	if n > maxExact || n < -maxExact {
		return structpb.NewStringValue(strconv.FormatInt(n, 10))
	}
	return structpb.NewNumberValue(float64(n))
}

func unsigned(n uint64) *structpb.Value {
	if n > maxExact {
		return structpb.NewStringValue(strconv.FormatUint(n, 10))
	}
	return structpb.NewNumberValue(float64(n))
}

// real is a number, written as short as the field's own precision allows, or the text of one that JSON does not know.
func real(f float64, bits int) *structpb.Value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return structpb.NewStringValue(strings.TrimPrefix(strconv.FormatFloat(f, 'f', -1, bits), "+"))
	}
	if bits == 32 { // 0.1 and not 0.10000000149011612
		f, _ = strconv.ParseFloat(strconv.FormatFloat(f, 'g', -1, 32), 64)
	}
	return structpb.NewNumberValue(f)
}
