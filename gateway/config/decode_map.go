package config

import (
	"fmt"
	"math"
	"strconv"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"
)

// mapping decodes a mapping with keys of the user's own; the schema's maps have text as keys. A value that cannot be decoded
// leaves an empty one.
func (r *report) mapping(node *yaml.Node, path string, field protoreflect.FieldDescriptor, into protoreflect.Map) {
	if node.Kind != yaml.MappingNode {
		r.undecodable(node, path, "%s; want a mapping: {name: value}, or a line for each name", sawOf(field.MapValue(), node))
		return
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if !r.isName(key, path) {
			continue
		}
		at := path + "[" + strconv.Quote(key.Value) + "]" // as protovalidate writes it
		if r.has(at) {
			continue // told by inspect
		}
		r.places[at] = place{key: key, value: value}
		decoded, ok := r.value(value, at, field.MapValue(), into.NewValue())
		if !ok {
			decoded = into.NewValue()
		}
		into.Set(protoreflect.ValueOfString(key.Value).MapKey(), decoded)
	}
}

// isName says whether a key is text, and tells of one that is not.
func (r *report) isName(key *yaml.Node, path string) bool {
	if key.Kind != yaml.ScalarNode || key.ShortTag() == "!!merge" || key.Value == "" {
		r.at(key, "%s: %s as a key; want a name", named(path), saw(key))
		return false
	}
	return true
}

// object decodes a mapping with values of any kind, as JSON has them.
func (r *report) object(node *yaml.Node, path string, into *structpb.Struct) {
	if node.Kind != yaml.MappingNode {
		r.undecodable(node, path, "%s; want a mapping: {name: value}, or a line for each name", saw(node))
		return
	}
	into.Fields = map[string]*structpb.Value{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if key := node.Content[i]; r.isName(key, path) {
			into.Fields[key.Value] = r.json(node.Content[i+1], path+"["+strconv.Quote(key.Value)+"]")
		}
	}
}

// json decodes a value of any kind. What cannot be decoded is null.
func (r *report) json(node *yaml.Node, path string) *structpb.Value {
	switch node.Kind {
	case yaml.MappingNode:
		into := &structpb.Struct{}
		r.object(node, path, into)
		return structpb.NewStructValue(into)
	case yaml.SequenceNode:
		list := &structpb.ListValue{}
		for i, element := range node.Content {
			list.Values = append(list.Values, r.json(element, fmt.Sprintf("%s[%d]", path, i)))
		}
		return structpb.NewListValue(list)
	case yaml.AliasNode:
		return structpb.NewNullValue() // told by inspect
	default:
		return r.jsonScalar(node, path)
	}
}

func (r *report) jsonScalar(node *yaml.Node, path string) *structpb.Value {
	switch node.ShortTag() {
	case "!!null":
		return structpb.NewNullValue()
	case "!!bool":
		decoded, _ := scalar(node, protoreflect.BoolKind)
		return structpb.NewBoolValue(decoded.Bool())
	case "!!int", "!!float":
		var number float64
		if err := node.Decode(&number); err != nil || math.IsInf(number, 0) || math.IsNaN(number) || node.ShortTag() == "!!int" && math.Abs(number) > 1<<53 {
			r.undecodable(node, path, "%s is a number that JSON's readers lose digits of; put it in quotes", saw(node))
		}
		return structpb.NewNumberValue(number)
	default:
		return structpb.NewStringValue(node.Value)
	}
}
