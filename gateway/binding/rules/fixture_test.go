package rules_test

import (
	"testing"
	"time"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/intentgate/intentgate/gateway/binding/rules"
)

func now() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// thing is a message with fields of most shapes, for rules to be put on.
const thing = `
	name: "thing.proto" package: "test" syntax: "proto3" dependency: "google/protobuf/struct.proto" dependency: "google/protobuf/timestamp.proto"
	message_type: {
		name: "Thing"
		field: {name: "text" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL}
		field: {name: "texts" number: 2 type: TYPE_STRING label: LABEL_REPEATED}
		field: {name: "number" number: 3 type: TYPE_INT32 label: LABEL_OPTIONAL}
		field: {name: "tree" number: 5 type: TYPE_MESSAGE type_name: ".test.Tree" label: LABEL_OPTIONAL}
		field: {name: "free" number: 6 type: TYPE_MESSAGE type_name: ".google.protobuf.Struct" label: LABEL_OPTIONAL}
		field: {name: "at" number: 7 type: TYPE_MESSAGE type_name: ".google.protobuf.Timestamp" label: LABEL_OPTIONAL}
		field: {name: "words" number: 8 type: TYPE_MESSAGE type_name: ".test.Thing.WordsEntry" label: LABEL_REPEATED}
		field: {name: "flat" number: 9 type: TYPE_MESSAGE type_name: ".test.Flat" label: LABEL_REPEATED}
		nested_type: {
			name: "WordsEntry" options: {map_entry: true}
			field: {name: "key" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL}
			field: {name: "value" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL}
		}
	}
	message_type: {
		name: "Tree"
		field: {name: "text" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL}
		field: {name: "left" number: 2 type: TYPE_MESSAGE type_name: ".test.Tree" label: LABEL_OPTIONAL}
		options: {[buf.validate.message]: {cel_expression: "this.text != 'bad'"}}
	}
	message_type: {
		name: "Flat"
		field: {name: "text" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL}
		field: {name: "number" number: 2 type: TYPE_INT32 label: LABEL_OPTIONAL}
	}`

// on returns the message Thing with rules on itself and on its fields, by their names.
func on(tb testing.TB, message *validate.MessageRules, fields map[string]*validate.FieldRules) protoreflect.MessageDescriptor {
	tb.Helper()
	file := new(descriptorpb.FileDescriptorProto)
	if err := unmarshalText(thing, file); err != nil {
		tb.Fatal(err)
	}
	if message != nil {
		file.MessageType[0].Options = &descriptorpb.MessageOptions{}
		proto.SetExtension(file.MessageType[0].Options, validate.E_Message, message)
	}
	for _, f := range file.MessageType[0].Field {
		if rules := fields[f.GetName()]; rules != nil {
			f.Options = &descriptorpb.FieldOptions{}
			proto.SetExtension(f.Options, validate.E_Field, rules)
			delete(fields, f.GetName())
		}
	}
	if len(fields) > 0 {
		tb.Fatalf("no fields %v", fields)
	}
	return linked(tb, file)
}

// linked reads a file as a program does that knows no rules.
func linked(tb testing.TB, file *descriptorpb.FileDescriptorProto) protoreflect.MessageDescriptor {
	tb.Helper()
	wire, err := proto.Marshal(file)
	if err != nil {
		tb.Fatal(err)
	}
	read := new(descriptorpb.FileDescriptorProto)
	if err := (proto.UnmarshalOptions{Resolver: new(protoregistry.Types)}).Unmarshal(wire, read); err != nil {
		tb.Fatal(err)
	}
	known, err := protodesc.NewFile(read, protoregistry.GlobalFiles)
	if err != nil {
		tb.Fatal(err)
	}
	return known.Messages().Get(0)
}

// cel is a rule on a message.
func cel(tb testing.TB, expression string) protoreflect.MessageDescriptor {
	tb.Helper()
	return on(tb, validate.MessageRules_builder{CelExpression: []string{expression}}.Build(), nil)
}

func compiled(tb testing.TB, message protoreflect.MessageDescriptor) *rules.Checker {
	tb.Helper()
	checker, err := rules.NewCompiler(now).Compile(message)
	if err != nil {
		tb.Fatal(err)
	}
	return checker
}
