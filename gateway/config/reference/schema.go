package main

import (
	"errors"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/intentgate/intentgate/gateway/config"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// object is a JSON Schema, or a part of one.
type object = map[string]any

const (
	durationPattern  = `^[-+]?(0|(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$`
	timestampPattern = `^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]+(Z|[-+][0-9]{2}:[0-9]{2}))?$`
)

// schema returns that of a file with a message.
func (r *reference) schema(root *protogen.Message) (object, error) {
	whole := r.shape(root)
	maps.Copy(whole, object{"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "intentgate.yaml", "$defs": r.shapes})
	return whole, r.err
}

// shape returns the schema of a message.
func (r *reference) shape(message *protogen.Message) object {
	properties := object{}
	for _, field := range message.Fields {
		property := r.property(field.Desc)
		property["description"] = comment(field.Comments)
		if value, ok := r.defaults[field.Desc.FullName()]; ok {
			property["default"] = value
		}
		properties[string(field.Desc.Name())] = property
	}
	shape := object{"title": string(message.Desc.Name()), "type": "object", "properties": properties, "additionalProperties": false}
	return with(shape, "description", comment(message.Comments), "required", r.required(message.Desc.FullName()))
}

// required returns the keys whose rules an empty message breaks.
func (r *reference) required(name protoreflect.FullName) []string {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(name)
	if err == nil {
		err = protovalidate.Validate(kind.New().Interface())
	}
	var names []string
	if invalid, ok := errors.AsType[*protovalidate.ValidationError](err); ok {
		for _, violation := range invalid.Violations {
			names = append(names, protovalidate.FieldPathString(violation.Proto.GetField()))
		}
	} else {
		r.err = errors.Join(r.err, err)
	}
	return names
}

// property returns the schema of a field.
func (r *reference) property(field protoreflect.FieldDescriptor) object {
	rules, _ := proto.GetExtension(field.Options(), validate.E_Field).(*validate.FieldRules)
	switch of := rules.GetRepeated(); {
	case field.IsList():
		return with(object{"type": "array", "items": r.value(field, of.GetItems())},
			"minItems", of.GetMinItems(), "maxItems", of.GetMaxItems(), "uniqueItems", of.GetUnique())
	case field.IsMap():
		of := rules.GetMap()
		return with(object{"type": "object", "additionalProperties": r.value(field.MapValue(), of.GetValues())},
			"propertyNames", texts(object{}, of.GetKeys().GetString()), "minProperties", of.GetMinPairs(), "maxProperties", of.GetMaxPairs())
	default:
		return r.value(field, rules)
	}
}

// value returns the schema of one value, as the reader of the file takes it.
func (r *reference) value(field protoreflect.FieldDescriptor, rules *validate.FieldRules) object {
	switch field.Kind() {
	case protoreflect.StringKind:
		return texts(object{"type": []string{"string", "number"}}, rules.GetString()) // digits need no quotes
	case protoreflect.BoolKind:
		return object{"type": "boolean"}
	case protoreflect.Uint32Kind:
		return with(object{"type": "integer", "minimum": 0, "maximum": math.MaxUint32}, "maximum", rules.GetUint32().GetLte())
	case protoreflect.Uint64Kind:
		minimum := 0
		if _, positive := rules.GetUint64().GetGreaterThan().(*validate.UInt64Rules_Gt); positive {
			minimum = 1
		}
		return with(object{"type": "integer", "minimum": minimum}, "maximum", rules.GetUint64().GetLte())
	case protoreflect.DoubleKind:
		return object{"type": "number", "minimum": rules.GetDouble().GetGte(), "maximum": rules.GetDouble().GetLte()}
	case protoreflect.EnumKind:
		return object{"enum": config.EnumWords(field.Enum())}
	case protoreflect.MessageKind:
	default:
		r.err = errors.Join(r.err, errors.New("no schema for "+string(field.FullName())))
	}
	switch name := field.Message().FullName(); name {
	case "google.protobuf.Duration":
		return object{"type": []string{"string", "integer"}, "pattern": durationPattern, "minimum": 0, "maximum": 0} // of integers
	case "google.protobuf.Timestamp":
		return object{"type": "string", "pattern": timestampPattern}
	case "google.protobuf.Struct":
		return object{"type": "object"}
	default:
		short := string(name.Name())
		r.uses[name]++
		if r.shapes[short] == nil {
			r.shapes[short] = object{} // it may be within itself
			r.shapes[short] = r.shape(r.messages[name])
		}
		return object{"$ref": "#/$defs/" + short}
	}
}

// texts adds what rules say of text.
func texts(schema object, rules *validate.StringRules) object {
	if in := slices.DeleteFunc(slices.Clone(rules.GetIn()), func(word string) bool { return word == "" }); len(in) > 0 {
		return object{"enum": in}
	}
	with(schema, "pattern", rules.GetPattern(), "minLength", rules.GetMinLen())
	if prefix := rules.GetPrefix(); prefix != "" {
		schema["pattern"] = "^" + regexp.QuoteMeta(prefix)
	}
	if never := rules.GetNotContains(); never != "" {
		schema["pattern"] = "^[^" + regexp.QuoteMeta(never) + "]*$"
	}
	return schema
}

// with adds keys whose values are not zero.
func with(schema object, pairs ...any) object {
	for i := 0; i+1 < len(pairs); i += 2 {
		key, _ := pairs[i].(string)
		if value := reflect.ValueOf(pairs[i+1]); !value.IsZero() && (value.Kind() != reflect.Map || value.Len() > 0) {
			schema[key] = pairs[i+1]
		}
	}
	return schema
}

// defaults returns what the loader fills in, by the fields' names.
func defaults() map[protoreflect.FullName]any {
	all := map[protoreflect.FullName]any{}
	full := &gatewayv1.Config{}
	populate(full.ProtoReflect())
	config.FillDefaults(full)
	var collect func(message protoreflect.Message)
	collect = func(message protoreflect.Message) {
		for field, value := range message.Range {
			switch {
			case field.IsList():
				collect(value.List().Get(0).Message())
			case field.Message() == nil:
				all[field.FullName()] = value.Interface()
			default:
				if duration, ok := value.Message().Interface().(*durationpb.Duration); ok {
					all[field.FullName()] = duration.AsDuration().String()
					continue
				}
				collect(value.Message())
			}
		}
	}
	collect(full.ProtoReflect())
	return all
}

// populate makes a message of the configuration's hold one of each that it may.
func populate(message protoreflect.Message) {
	fields := message.Descriptor().Fields()
	for i := range fields.Len() {
		switch field := fields.Get(i); {
		case field.IsMap() || field.Message() == nil || field.Message().ParentFile() != message.Descriptor().ParentFile():
		case field.IsList():
			populate(message.Mutable(field).List().AppendMutable().Message())
		default:
			populate(message.Mutable(field).Message())
		}
	}
}
