package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// message decodes a mapping into a message and remembers where each field stands. Keys are the names of the fields as the
// schema spells them, nothing else.
func (r *report) message(node *yaml.Node, path string, into protoreflect.Message) {
	if path == "" {
		r.places[""] = place{value: node}
	}
	fields := into.Descriptor().Fields()
	if _, ok := into.Interface().(*gatewayv1.Secret); ok && node.Kind != yaml.MappingNode {
		r.undecodable(node, path, "want {file: …} or {env: …}, where the secret is; it never stands here itself") // nor in a log
		return
	}
	if node.Kind != yaml.MappingNode {
		r.undecodable(node, path, "%s; want a mapping with the keys %s", saw(node), strings.Join(names(fields), ", "))
		return
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		field := fields.ByName(protoreflect.Name(key.Value))
		if key.Kind != yaml.ScalarNode || field == nil {
			r.unknown(key, path, fields)
			continue
		}
		at := join(path, key.Value)
		if r.has(at) {
			continue // told by inspect
		}
		r.places[at] = place{key: key, value: value}
		switch {
		case value.ShortTag() == "!!null":
			r.undecodable(value, at, "no value; give it one or remove the key")
		case field.IsList():
			r.list(value, at, field, into.Mutable(field).List())
		case field.IsMap():
			r.mapping(value, at, field, into.Mutable(field).Map())
		default:
			if decoded, ok := r.value(value, at, field, into.NewField(field)); ok {
				into.Set(field, decoded)
			}
		}
	}
}

// list decodes a sequence. What cannot be decoded leaves an empty element, so that indices stay those of the file.
func (r *report) list(node *yaml.Node, path string, field protoreflect.FieldDescriptor, into protoreflect.List) {
	if node.Kind != yaml.SequenceNode {
		r.undecodable(node, path, "%s; want a list: [a, b], or a line with - for each element", sawOf(field, node))
		return
	}
	for i, element := range node.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		r.places[at] = place{value: element}
		decoded, _ := r.value(element, at, field, into.NewElement())
		into.Append(decoded)
	}
}

// value decodes one value; fresh is an empty value of the field.
func (r *report) value(node *yaml.Node, path string, field protoreflect.FieldDescriptor, fresh protoreflect.Value) (protoreflect.Value, bool) {
	if field.Kind() == protoreflect.MessageKind {
		into := fresh.Message()
		if duration, ok := into.Interface().(*durationpb.Duration); ok {
			return fresh, r.duration(node, path, duration)
		}
		if moment, ok := into.Interface().(*timestamppb.Timestamp); ok {
			return fresh, r.timestamp(node, path, moment)
		}
		if object, ok := into.Interface().(*structpb.Struct); ok {
			r.object(node, path, object)
			return fresh, true
		}
		if value, ok := into.Interface().(*structpb.Value); ok {
			proto.Merge(value, r.json(node, path))
			return fresh, true
		}
		r.message(node, path, into)
		return fresh, true
	}
	if field.Enum() != nil {
		return r.enum(node, path, field.Enum())
	}
	decoded, wanted := scalar(node, field.Kind())
	if wanted != "" {
		r.undecodable(node, path, "%s; want %s", saw(node), wanted)
		return fresh, false
	}
	return decoded, true
}

// enum decodes the name of a value.
func (r *report) enum(node *yaml.Node, path string, enum protoreflect.EnumDescriptor) (protoreflect.Value, bool) {
	for i := range enum.Values().Len() {
		value := enum.Values().Get(i)
		if value.Number() != 0 && node.Kind == yaml.ScalarNode && node.Value == enumWord(value) {
			return protoreflect.ValueOfEnum(value.Number()), true
		}
	}
	r.undecodable(node, path, "%s; want one of %s", saw(node), strings.Join(EnumWords(enum), ", "))
	return protoreflect.ValueOfEnum(0), false
}

// scalar decodes a scalar, or says what is wanted instead. Any scalar is text as it was written, so that a name or an ID
// made of digits needs no quotes.
func scalar(node *yaml.Node, kind protoreflect.Kind) (decoded protoreflect.Value, wanted string) {
	plain := node.Kind == yaml.ScalarNode && node.ShortTag() != "!!null"
	switch kind {
	case protoreflect.StringKind:
		if !plain {
			return decoded, "text"
		}
		return protoreflect.ValueOfString(node.Value), ""
	case protoreflect.BoolKind:
		if !plain || node.ShortTag() != "!!bool" {
			return decoded, "true or false, without quotes"
		}
		return protoreflect.ValueOfBool(strings.EqualFold(node.Value, "true")), ""
	case protoreflect.Uint32Kind:
		number, err := strconv.ParseUint(node.Value, 10, 32)
		if !plain || node.ShortTag() != "!!int" || err != nil {
			return decoded, fmt.Sprintf("a whole number from 0 to %d, without quotes", uint32(math.MaxUint32))
		}
		return protoreflect.ValueOfUint32(uint32(number)), ""
	case protoreflect.Uint64Kind:
		number, err := strconv.ParseUint(node.Value, 10, 64)
		if !plain || node.ShortTag() != "!!int" || err != nil {
			return decoded, "a whole number, not negative, without quotes"
		}
		return protoreflect.ValueOfUint64(number), ""
	case protoreflect.DoubleKind:
		number, err := strconv.ParseFloat(node.Value, 64)
		if !plain || node.ShortTag() != "!!int" && node.ShortTag() != "!!float" || err != nil || math.IsNaN(number) || math.IsInf(number, 0) {
			return decoded, "a number such as 0.25, without quotes"
		}
		return protoreflect.ValueOfFloat64(number), ""
	default:
		// The schema has no field of another kind; a test decodes every field of it.
		return decoded, "a kind of value that the reader does not know: " + kind.String()
	}
}

// duration decodes a duration as Go writes it.
func (r *report) duration(node *yaml.Node, path string, into *durationpb.Duration) bool {
	parsed, err := time.ParseDuration(node.Value)
	if node.Kind != yaml.ScalarNode || err != nil {
		r.undecodable(node, path, "%s; want a duration with its unit, such as 300ms, 5s or 2m", saw(node))
		return false
	}
	into.Seconds, into.Nanos = int64(parsed/time.Second), int32(parsed%time.Second)
	return true
}

// timestamp decodes a time of RFC 3339, or a date, which begins at midnight UTC.
func (r *report) timestamp(node *yaml.Node, path string, into *timestamppb.Timestamp) bool {
	parsed, err := time.Parse(time.RFC3339, node.Value)
	if err != nil {
		parsed, err = time.Parse(time.DateOnly, node.Value)
	}
	moment := timestamppb.New(parsed)
	if node.Kind != yaml.ScalarNode || err != nil || moment.CheckValid() != nil {
		r.undecodable(node, path, "%s; want a time such as 2026-12-01T00:00:00Z, or a date such as 2026-12-01", saw(node))
		return false
	}
	into.Seconds, into.Nanos = moment.GetSeconds(), moment.GetNanos()
	return true
}

// unknown adds the problem of a key that the schema does not have. A key that was meant is not missed as well.
func (r *report) unknown(key *yaml.Node, path string, fields protoreflect.FieldDescriptors) {
	if key.Kind != yaml.ScalarNode {
		r.at(key, "%s: %s as a key; allowed: %s", named(path), saw(key), strings.Join(names(fields), ", "))
		return
	}
	meant := Nearest(key.Value, names(fields))
	hint := ""
	if meant != "" {
		r.broken[join(path, meant)] = true
		hint = fmt.Sprintf("; did you mean %s?", meant)
	}
	r.at(key, "%s: unknown key %s%s; allowed: %s", named(path), quote(key.Value), hint, strings.Join(names(fields), ", "))
}

// names returns the names of fields in the schema's order.
func names(fields protoreflect.FieldDescriptors) []string {
	all := make([]string, fields.Len())
	for i := range all {
		all[i] = string(fields.Get(i).Name())
	}
	return all
}

// join appends a field's name to a path.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
