package config

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// Print returns a configuration as a file that loads again, keys in the schema's order. There are no secrets in it, only the
// places that they come from.
func Print(config *gatewayv1.Config) ([]byte, error) {
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	root, err := mappingOf(config.ProtoReflect())
	if err == nil {
		err = encoder.Encode(root)
	}
	if err != nil {
		return nil, fmt.Errorf("print the configuration: %w", err)
	}
	return text.Bytes(), nil
}

// Values returns what Print does, as values that encoding/json takes.
func Values(config *gatewayv1.Config) (values any, err error) {
	root, err := mappingOf(config.ProtoReflect())
	if err == nil {
		err = root.Decode(&values)
	}
	return values, err
}

// mappingOf returns a message as the reader takes it: the opposite of message.
func mappingOf(message protoreflect.Message) (*yaml.Node, error) {
	node := &yaml.Node{Kind: yaml.MappingNode}
	fields := message.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if !message.Has(field) {
			continue
		}
		value, err := nodeOf(field, message.Get(field))
		if err != nil {
			return nil, err
		}
		node.Content = append(node.Content, textNode(string(field.Name())), value)
	}
	return node, nil
}

// nodeOf returns the value of a field, be it one, a list or a map.
func nodeOf(field protoreflect.FieldDescriptor, value protoreflect.Value) (*yaml.Node, error) {
	switch {
	case field.IsList():
		list := &yaml.Node{Kind: yaml.SequenceNode}
		for i := range value.List().Len() {
			element, err := singleOf(field, value.List().Get(i))
			if err != nil {
				return nil, err
			}
			list.Content = append(list.Content, element)
		}
		return list, nil
	case field.IsMap():
		mapping, names := &yaml.Node{Kind: yaml.MappingNode}, []string{}
		for key := range value.Map().Range {
			names = append(names, key.String())
		}
		slices.Sort(names)
		for _, name := range names {
			element, err := singleOf(field.MapValue(), value.Map().Get(protoreflect.ValueOfString(name).MapKey()))
			if err != nil {
				return nil, err
			}
			mapping.Content = append(mapping.Content, textNode(name), element)
		}
		return mapping, nil
	default:
		return singleOf(field, value)
	}
}

func singleOf(field protoreflect.FieldDescriptor, value protoreflect.Value) (*yaml.Node, error) {
	plain := value.Interface()
	switch {
	case field.Enum() != nil:
		plain = enumWord(field.Enum().Values().ByNumber(value.Enum()))
	case field.Message() != nil:
		switch message := value.Message().Interface().(type) {
		case *durationpb.Duration:
			plain = message.AsDuration().String()
		case *timestamppb.Timestamp:
			plain = message.AsTime().Format(time.RFC3339)
		case *structpb.Struct, *structpb.ListValue: // each has one field
			only := field.Message().Fields().Get(0)
			return nodeOf(only, value.Message().Get(only))
		case *structpb.Value:
			kind := value.Message().WhichOneof(field.Message().Oneofs().Get(0))
			if kind != nil && kind.Enum() == nil {
				return singleOf(kind, value.Message().Get(kind))
			}
			plain = nil
		default:
			return mappingOf(value.Message())
		}
	}
	if text, ok := plain.(string); ok {
		return textNode(text), nil
	}
	node := &yaml.Node{}
	err := node.Encode(plain)
	return node, err
}

// EnumWords returns how the values of an enum are written; all but that of zero, which is meant by leaving it out.
func EnumWords(enum protoreflect.EnumDescriptor) []string {
	var words []string
	for i := range enum.Values().Len() {
		if value := enum.Values().Get(i); value.Number() != 0 {
			words = append(words, enumWord(value))
		}
	}
	return words
}

// enumWord returns the name of a value without the enum's own: QUERY_TEXT for SOURCE_QUERY_TEXT.
func enumWord(value protoreflect.EnumValueDescriptor) string {
	return strings.TrimPrefix(string(value.Name()), strings.ToUpper(string(value.Parent().Name()))+"_")
}

// mergeKey is quoted where it is text: the library would say by a tag what else it means.
const mergeKey = "<<"

// textNode returns text.
func textNode(text string) *yaml.Node {
	node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
	if text == mergeKey {
		node.Style = yaml.DoubleQuotedStyle
	}
	return node
}
