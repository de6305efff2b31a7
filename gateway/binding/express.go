package binding

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"
)

// valuer makes the value of a parameter, as Dialogflow itself would write it on the platform, of all that stands for a
// field on the wire. It is nil for a field that is absent or has nothing to say.
type valuer func(all []occurrence) (*structpb.Value, error)

// single makes the value of a field that stands on the wire once.
type single func(o occurrence) (*structpb.Value, error)

// value compiles how the value of a field is made.
func (c *answerCompiler) value(f protoreflect.FieldDescriptor, path string) valuer {
	if f.IsMap() {
		return entries(f, c.single(f.MapValue(), path))
	}
	one := c.single(f, path)
	switch {
	case f.IsList():
		return elements(f, one)
	case f.Message() != nil:
		return func(all []occurrence) (*structpb.Value, error) {
			message, err := merged(all)
			if err != nil || len(all) == 0 {
				return nil, err
			}
			return one(message)
		}
	default:
		return func(all []occurrence) (*structpb.Value, error) {
			if len(all) == 0 && f.HasPresence() {
				return nil, nil //nolint:nilnil // absent, which is no error
			}
			return one(last(f, all))
		}
	}
}

// last returns the last occurrence of a scalar, which is the one that counts, or else one of zero.
func last(f protoreflect.FieldDescriptor, all []occurrence) occurrence {
	if len(all) == 0 {
		return occurrence{kind: wireType(f.Kind())}
	}
	return all[len(all)-1]
}

// single compiles how the value of one of a field is made.
func (c *answerCompiler) single(f protoreflect.FieldDescriptor, path string) single {
	message := f.Message()
	switch {
	case message == nil:
		return func(o occurrence) (*structpb.Value, error) { return scalar(f, o) }
	case f.Kind() == protoreflect.GroupKind || message.FullName() == "google.protobuf.Any":
		c.problem(f, "no parameter can be made of a group or of a google.protobuf.Any", "remember another field, or write a Reply")
		return nil
	}
	value, x := knownMessages[message.FullName()].value, expression{c.Platform, c.TimeZone}
	var object *objectPlan
	if value == nil {
		object = c.object(message, path)
	}
	return func(o occurrence) (*structpb.Value, error) {
		switch {
		case o.kind != protowire.BytesType:
			return nil, errWireType
		case value != nil:
			return value(x, o.bytes)
		default:
			return object.value(o.bytes)
		}
	}
}

// elements makes a list of the values of a field.
func elements(f protoreflect.FieldDescriptor, one single) valuer {
	kind := wireType(f.Kind())
	return func(all []occurrence) (*structpb.Value, error) {
		list := &structpb.ListValue{}
		for _, o := range all {
			each, err := []occurrence{o}, error(nil)
			if o.kind == protowire.BytesType && kind != protowire.BytesType {
				each, err = unpack(kind, o.bytes)
			}
			for i := 0; i < len(each) && err == nil; i++ {
				var value *structpb.Value
				if value, err = one(each[i]); value != nil {
					list.Values = append(list.Values, value)
				}
			}
			if err != nil {
				return nil, err
			}
		}
		return structpb.NewListValue(list), nil
	}
}

// entries makes an object of the entries of a map.
func entries(f protoreflect.FieldDescriptor, one single) valuer {
	return func(all []occurrence) (*structpb.Value, error) {
		members := map[string]*structpb.Value{}
		for _, o := range all {
			if o.kind != protowire.BytesType {
				return nil, errWireType
			}
			entry, err := split(nil, o.bytes)
			if err != nil {
				return nil, err
			}
			key, err := scalar(f.MapKey(), last(f.MapKey(), entry.of(f.MapKey())))
			if err != nil {
				return nil, err
			}
			value := last(f.MapValue(), entry.of(f.MapValue()))
			if f.MapValue().Message() != nil {
				if value, err = merged(entry.of(f.MapValue())); err != nil {
					return nil, err
				}
			}
			if members[keyText(key)], err = one(value); err != nil {
				return nil, err
			}
		}
		return object(members), nil
	}
}

// keyText is how the key of a map is called.
func keyText(key *structpb.Value) string {
	switch kind := key.GetKind().(type) {
	case *structpb.Value_StringValue:
		return kind.StringValue
	case *structpb.Value_BoolValue:
		return strconv.FormatBool(kind.BoolValue)
	default:
		return strconv.FormatFloat(key.GetNumberValue(), 'f', -1, 64)
	}
}

// object is the value of members, without those that have none.
func object(members map[string]*structpb.Value) *structpb.Value {
	for name, value := range members {
		if value == nil {
			delete(members, name)
		}
	}
	return structpb.NewStructValue(&structpb.Struct{Fields: members})
}

// objectPlan is how a message becomes an object: its fields become the members that a request would read them from.
type objectPlan struct {
	fields []memberPlan
}

type memberPlan struct {
	descriptor protoreflect.FieldDescriptor
	name       string
	value      valuer
}

// object compiles how a message becomes an object. A plan is shared by all fields of its type, unless the configuration
// annotates what stands at this very path.
func (c *answerCompiler) object(message protoreflect.MessageDescriptor, path string) *objectPlan {
	name, shared := message.FullName(), !c.within(path)
	if plan, ok := c.objects[name]; ok && shared {
		if plan == nil {
			c.problem(message, "no parameter can be made of a message that holds itself", "remember another field, or write a Reply")
		}
		return plan
	}
	c.objects[name] = nil
	plan := new(objectPlan)
	if !c.enter(message) {
		return plan
	}
	defer c.leave()
	for i := range message.Fields().Len() {
		f := message.Fields().Get(i)
		if !c.spend(f, 1) {
			break
		}
		at := path + "." + string(f.Name())
		member := memberPlan{descriptor: f, name: string(f.Name()), value: c.value(f, at)}
		if names := c.field(f, at).GetParameter(); len(names) > 0 {
			member.name = names[0]
		}
		plan.fields = append(plan.fields, member)
	}
	delete(c.objects, name)
	if shared {
		c.objects[name] = plan
	}
	return plan
}

func (p *objectPlan) value(b []byte) (*structpb.Value, error) {
	all, err := split(nil, b)
	if err != nil {
		return nil, err
	}
	members := make(map[string]*structpb.Value, len(p.fields))
	for i := range p.fields {
		f := &p.fields[i]
		if members[f.name], err = f.value(all.of(f.descriptor)); err != nil {
			return nil, fmt.Errorf("%s: %w", f.descriptor.Name(), err)
		}
	}
	return object(members), nil
}

// texted is what a string says.
func texted(o occurrence) (string, error) {
	switch {
	case o.kind != protowire.BytesType:
		return "", errWireType
	case !utf8.Valid(o.bytes):
		return "", fmt.Errorf("%d bytes that are no UTF-8", len(o.bytes))
	default:
		return string(o.bytes), nil
	}
}

// scalar makes the value of a number, a text, a boolean or an enum.
func scalar(f protoreflect.FieldDescriptor, o occurrence) (*structpb.Value, error) {
	if o.kind != wireType(f.Kind()) {
		return nil, errWireType
	}
	switch f.Kind() {
	case protoreflect.StringKind:
		text, err := texted(o)
		return structpb.NewStringValue(text), err
	case protoreflect.BytesKind:
		return structpb.NewStringValue(base64.StdEncoding.EncodeToString(o.bytes)), nil
	case protoreflect.BoolKind:
		return structpb.NewBoolValue(o.varint != 0), nil
	case protoreflect.EnumKind:
		return enum(f.Enum(), protoreflect.EnumNumber(o.varint)), nil //nolint:gosec // as protobuf itself cuts it
	case protoreflect.FloatKind:
		return real(float64(math.Float32frombits(uint32(o.varint))), 32), nil //nolint:gosec // 32 bits were read
	case protoreflect.DoubleKind:
		return real(math.Float64frombits(o.varint), 64), nil
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return integer(int64(uint32(o.varint))), nil //nolint:gosec // as protobuf itself cuts it
	case protoreflect.Int32Kind, protoreflect.Sfixed32Kind:
		return integer(int64(int32(o.varint))), nil //nolint:gosec // as protobuf itself cuts it
	case protoreflect.Sint32Kind:
		return integer(protowire.DecodeZigZag(o.varint & math.MaxUint32)), nil
	case protoreflect.Sint64Kind:
		return integer(protowire.DecodeZigZag(o.varint)), nil
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		if o.varint > math.MaxInt64 {
			return structpb.NewStringValue(strconv.FormatUint(o.varint, 10)), nil
		}
		return integer(int64(o.varint)), nil
	default:
		return integer(int64(o.varint)), nil //nolint:gosec // two's complement
	}
}

// enum is the name of a value, or the number of one that has none.
func enum(e protoreflect.EnumDescriptor, number protoreflect.EnumNumber) *structpb.Value {
	value := e.Values().ByNumber(number)
	switch {
	case value == nil:
		return structpb.NewNumberValue(float64(number))
	case e.FullName() == "google.protobuf.NullValue":
		return structpb.NewNullValue()
	default:
		return structpb.NewStringValue(string(value.Name()))
	}
}

// maxExact is the integer up to which a double holds all of them.
const maxExact = 1 << 53

// integer is a number, or a text where a double, which is all that Dialogflow has, would lose digits.
func integer(n int64) *structpb.Value {
	if n > maxExact || n < -maxExact {
		return structpb.NewStringValue(strconv.FormatInt(n, 10))
	}
	return structpb.NewNumberValue(float64(n))
}

// real is a number, as short as the precision of its field allows: 0.1 and not 0.10000000149011612. What JSON has no
// number for is a text, in the words of protobuf's JSON.
func real(f float64, bits int) *structpb.Value {
	switch {
	case math.IsNaN(f):
		return structpb.NewStringValue("NaN")
	case math.IsInf(f, 1):
		return structpb.NewStringValue("Infinity")
	case math.IsInf(f, -1):
		return structpb.NewStringValue("-Infinity")
	case bits == 32:
		f, _ = strconv.ParseFloat(strconv.FormatFloat(f, 'g', -1, 32), 64)
	}
	return structpb.NewNumberValue(f)
}
