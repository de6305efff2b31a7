package intents_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/intentgate/intentgate/gateway/intents"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

const messageKind, enumKind = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE, descriptorpb.FieldDescriptorProto_TYPE_ENUM

// TestShapes reads descriptor sets as tools write them, and others.
func TestShapes(t *testing.T) {
	buf, err := os.ReadFile("../binding/testdata/descriptors.binpb")
	if err != nil {
		t.Fatal(err)
	}
	with := func(edit func(*descriptorpb.FileDescriptorProto)) []byte {
		m := track
		m.edit = edit
		return methods(t, m)
	}
	good := methods(t, track)
	var many []*descriptorpb.FileDescriptorProto
	for i := range 3000 {
		m := plain
		m.service = fmt.Sprintf("shop.v%d.Internal", i)
		many = append(many, fileOf(m))
	}
	for name, test := range map[string]struct {
		set  []byte
		want string // in the error; empty: it is good
	}{
		"buf":                {buf, ""},
		"protoc":             {good, ""},
		"imports last":       {reversed(t, good), ""},
		"thousands of files": {setOf(t, append(many, fileOf(track))...), ""},
		"comments": {with(func(f *descriptorpb.FileDescriptorProto) {
			f.SourceCodeInfo = &descriptorpb.SourceCodeInfo{Location: []*descriptorpb.SourceCodeInfo_Location{{Path: []int32{4, 0}, Span: []int32{1, 2}}}}
		}), ""}, // a span that the linker would refuse
		"edition 2023": {with(func(f *descriptorpb.FileDescriptorProto) {
			f.Syntax, f.Edition = proto.String("editions"), descriptorpb.Edition_EDITION_2023.Enum()
		}), ""},
		"an edition of the future": {with(func(f *descriptorpb.FileDescriptorProto) {
			f.Syntax, f.Edition = proto.String("editions"), descriptorpb.Edition_EDITION_99999_TEST_ONLY.Enum()
		}), "edition"},
		"without imports":          {wire(t, &descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{fileOf(track)}}), `import "intentgate/v1/annotations.proto"`},
		"without a type":           {with(func(f *descriptorpb.FileDescriptorProto) { f.MessageType = f.MessageType[1:] }), "shop.v1.TrackRequest"},
		"a file twice":             {append(good, methods(t, track)...), "multiple times"},
		"files in a circle":        {with(func(f *descriptorpb.FileDescriptorProto) { f.Dependency = append(f.Dependency, f.GetName()) }), "cycle"},
		"a file, not a set":        {wire(t, fileOf(track)), "buf build"},
		"text":                     {[]byte(`{"file": []}`), "buf build"},
		"nothing":                  {nil, "buf build"},
		"too large":                {make([]byte, intents.MaxDescriptors+1), "--exclude-source-info"},
		"too many files":           {setOf(t, slicesRepeat(many, 2)...), "more than 5000 files"},
		"a name that is a path":    {with(func(f *descriptorpb.FileDescriptorProto) { f.Service[0].Method[0].Name = proto.String("../Admin/Stop") }), "invalid nested name"},
		"a package that is a path": {with(func(f *descriptorpb.FileDescriptorProto) { f.Package = proto.String("a/b") }), "invalid package"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCatalog(t, []intents.View{es, cx}, intents.Service{Name: "orders", Allow: everything, Load: from(test.set)})
			_, err := c.Load(t.Context(), "orders")
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func slicesRepeat[T any](all []T, n int) (more []T) {
	for range n {
		more = append(more, all...)
	}
	return more
}

func wire(tb testing.TB, m proto.Message) []byte {
	tb.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func reversed(tb testing.TB, set []byte) []byte {
	tb.Helper()
	m := new(descriptorpb.FileDescriptorSet)
	if err := proto.Unmarshal(set, m); err != nil {
		tb.Fatal(err)
	}
	back := &descriptorpb.FileDescriptorSet{}
	for i := range m.GetFile() {
		back.File = append(back.File, m.GetFile()[len(m.GetFile())-1-i])
	}
	return wire(tb, back)
}

// TestBounds learns what is small to send and large to hold or slow to look at. Without bounds each takes minutes, gigabytes
// or the process.
func TestBounds(t *testing.T) {
	annotated := func(options *intentgatev1.ParameterOptions) *descriptorpb.FieldOptions {
		o := &descriptorpb.FieldOptions{}
		proto.SetExtension(o, intentgatev1.E_Field, options)
		return o
	}
	edited := func(edit func(*descriptorpb.FileDescriptorProto)) func() []byte {
		return func() []byte {
			m := track
			m.edit = edit
			return methods(t, m)
		}
	}
	// levels are messages M0 … of which each holds the next one in some fields.
	levels := func(f *descriptorpb.FileDescriptorProto, n, fields int, options *descriptorpb.FieldOptions) *descriptorpb.FieldDescriptorProto {
		for i := range n {
			m := message(fmt.Sprint("M", i), stringField("s", 1, nil))
			for j := range fields {
				if i+1 < n {
					m.Field = append(m.Field, typed(stringField(fmt.Sprint("m", j), int32(j+2), options), messageKind, fmt.Sprint(".shop.v1.M", i+1)))
				}
			}
			f.MessageType = append(f.MessageType, m)
		}
		return typed(stringField("m", 100, options), messageKind, ".shop.v1.M0")
	}
	request := func(f *descriptorpb.FileDescriptorProto, field *descriptorpb.FieldDescriptorProto) {
		f.MessageType[0].Field = append(f.MessageType[0].Field, field)
	}
	response := func(f *descriptorpb.FileDescriptorProto, field *descriptorpb.FieldDescriptorProto) {
		f.MessageType[1].Field = append(f.MessageType[1].Field, field)
	}
	for name, test := range map[string]struct {
		want string // in what is told; empty: nothing is
		set  func() []byte
	}{
		"a request that grows exponentially":  {"", edited(func(f *descriptorpb.FileDescriptorProto) { request(f, levels(f, 40, 3, nil)) })},
		"a response that grows exponentially": {"", edited(func(f *descriptorpb.FileDescriptorProto) { response(f, levels(f, 40, 3, nil)) })},
		"a value that grows exponentially": {"", edited(func(f *descriptorpb.FileDescriptorProto) {
			field := levels(f, 40, 3, nil)
			field.Options = annotated(&intentgatev1.ParameterOptions{Set: "m"})
			response(f, field)
		})},
		"a deep request":  {"64 messages", edited(func(f *descriptorpb.FileDescriptorProto) { request(f, levels(f, 500, 1, nil)) })},
		"a deep response": {"64 messages", edited(func(f *descriptorpb.FileDescriptorProto) { response(f, levels(f, 500, 1, nil)) })},
		"a deep value": {"64 messages", edited(func(f *descriptorpb.FileDescriptorProto) {
			field := levels(f, 500, 1, nil)
			field.Options = annotated(&intentgatev1.ParameterOptions{Set: "m"})
			response(f, field)
		})},
		"messages in circles": {"", edited(func(f *descriptorpb.FileDescriptorProto) {
			for i := range 12 {
				m := message(fmt.Sprint("M", i))
				for j := range 12 {
					m.Field = append(m.Field, typed(stringField(fmt.Sprint("m", j), int32(j+1), nil), messageKind, fmt.Sprint(".shop.v1.M", j)))
				}
				f.MessageType = append(f.MessageType, m)
			}
			request(f, typed(stringField("m", 2, nil), messageKind, ".shop.v1.M0"))
			response(f, typed(stringField("m", 2, nil), messageKind, ".shop.v1.M0"))
		})},
		"a huge enum in many fields": {"", edited(func(f *descriptorpb.FileDescriptorProto) {
			enum := &descriptorpb.EnumDescriptorProto{Name: proto.String("Huge")}
			for i := range int32(30_000) {
				enum.Value = append(enum.Value, &descriptorpb.EnumValueDescriptorProto{Name: proto.String(fmt.Sprint("V", i)), Number: proto.Int32(i)})
			}
			f.EnumType = append(f.EnumType, enum)
			for i := range int32(3000) {
				request(f, typed(stringField(fmt.Sprint("e", i), i+20_000, nil), enumKind, ".shop.v1.Huge"))
			}
		})},
		"many methods of one wide message": {"200000 fields", edited(func(f *descriptorpb.FileDescriptorProto) {
			for i := range int32(5000) {
				request(f, stringField(fmt.Sprint("f", i), i+20_000, nil))
			}
			one := f.Service[0].Method[0]
			for i := range 1000 {
				m, _ := proto.Clone(one).(*descriptorpb.MethodDescriptorProto)
				m.Name = proto.String(fmt.Sprint("Track", i))
				f.Service[0].Method = append(f.Service[0].Method, m)
			}
		})},
		"long options of a field that many methods share": {"200000 fields", edited(func(f *descriptorpb.FileDescriptorProto) {
			field := stringField("long", 20_000, &descriptorpb.FieldOptions{})
			field.Options.ProtoReflect().SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, 9999, protowire.BytesType), make([]byte, 4<<20)))
			request(f, field)
			one := f.Service[0].Method[0]
			for i := range 1000 {
				m, _ := proto.Clone(one).(*descriptorpb.MethodDescriptorProto)
				m.Name = proto.String(fmt.Sprint("Track", i))
				f.Service[0].Method = append(f.Service[0].Method, m)
			}
		})},
		"many claims that are taken": {"is answered by", func() []byte {
			first, second := track, cancel
			first.intent = &intentgatev1.IntentOptions{}
			for i := range 5000 {
				first.intent.DisplayName = append(first.intent.DisplayName, fmt.Sprint("x", i))
			}
			second.intent = first.intent
			return methods(t, first, second)
		}},
		"many claims": {"more than 10000 names", func() []byte {
			m := track
			m.intent = &intentgatev1.IntentOptions{}
			for i := range 200_000 {
				m.intent.DisplayName = append(m.intent.DisplayName, fmt.Sprint("x", i))
			}
			return methods(t, m)
		}},
		"many claims that are not allowed": {"more than 10000 names", func() []byte {
			m := track
			m.intent = &intentgatev1.IntentOptions{DisplayName: make([]string, 1_000_000)}
			return methods(t, m)
		}},
		"many empty messages": {"300000 elements", func() []byte {
			file := append(wire(t, fileOf(track)), slicesRepeat([]byte{4<<3 | 2, 0}, 301_000)...)
			return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), file)
		}},
		"a long name of many things": {"a name of 8193 bytes", edited(func(f *descriptorpb.FileDescriptorProto) { f.Package = proto.String("a" + strings.Repeat(".a", 1<<12)) })},
		"names that grow": {"67108864 letters", edited(func(f *descriptorpb.FileDescriptorProto) {
			m := message("M" + strings.Repeat("m", 900))
			for i := range 3000 {
				m.NestedType = append(m.NestedType, message(fmt.Sprint("N", i)))
			}
			for range 25 {
				m = &descriptorpb.DescriptorProto{Name: m.Name, NestedType: []*descriptorpb.DescriptorProto{m}}
			}
			f.MessageType = append(f.MessageType, m)
		})},
		"relative names": {"67108864 letters", edited(func(f *descriptorpb.FileDescriptorProto) {
			f.Package = proto.String(strings.TrimPrefix(strings.Repeat(".a", 450), "."))
			for i := range int32(2000) {
				request(f, typed(stringField(fmt.Sprint("f", i), i+20_000, nil), messageKind, strings.Repeat("b.", 40)+"TrackRequest"))
			}
		})},
		"nested messages": {"more than 32 deep", edited(func(f *descriptorpb.FileDescriptorProto) {
			m := message("M")
			for range 5000 {
				m = &descriptorpb.DescriptorProto{Name: proto.String("M"), NestedType: []*descriptorpb.DescriptorProto{m}}
			}
			f.MessageType = append(f.MessageType, m)
		})},
		"public imports": {"100000 ways", func() []byte {
			var files []*descriptorpb.FileDescriptorProto
			for i := range 100 {
				file := &descriptorpb.FileDescriptorProto{Name: proto.String(fmt.Sprint(i))}
				for j := max(0, i-2); j < i; j++ {
					file.PublicDependency = append(file.PublicDependency, int32(len(file.Dependency))) //nolint:gosec // at most 2
					file.Dependency = append(file.Dependency, fmt.Sprint(j))
				}
				files = append(files, file)
			}
			return setOf(t, append(files, fileOf(track))...)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCatalog(t, []intents.View{es, cx}, intents.Service{Name: "orders", Allow: everything, Load: from(test.set())})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			_, err := c.Load(t.Context(), "orders")
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			if allocated := (after.TotalAlloc - before.TotalAlloc) >> 20; took > time.Minute || allocated > 500 {
				t.Errorf("took %s and %d MiB", took, allocated)
			}
			if problems := len(c.Report()[0].Problems); problems > 400 {
				t.Errorf("it tells %d problems", problems)
			}
			told := fmt.Sprint(c.Report()[0].Problems)
			if err != nil {
				told = err.Error()
			}
			if (told == "[]") != (test.want == "") || !strings.Contains(told, test.want) {
				t.Errorf("it tells %.1000s, want %q", told, test.want)
			}
		})
	}
}

// FuzzLoad learns from anything: it never panics, and what cannot be read changes nothing.
func FuzzLoad(f *testing.F) {
	buf, err := os.ReadFile("../binding/testdata/descriptors.binpb")
	if err != nil {
		f.Fatal(err)
	}
	good := methods(f, track, cancel)
	for _, seed := range [][]byte{nil, good, buf, good[:100], wire(f, fileOf(track)), slicesRepeat([]byte{4<<3 | 2, 0}, 100)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, set []byte) {
		s := &source{set: good}
		c := newCatalog(t, []intents.View{es, cx}, intents.Service{Name: "orders", Allow: everything, Load: s.load})
		c.load("orders")
		s.become(set, nil)
		if changed, err := c.Load(t.Context(), "orders"); err != nil {
			if changed {
				t.Error("changed, and failed")
			}
			c.finds(es, intent("order.track"), "orders /shop.v1.Orders/Track")
		}
		for _, method := range c.Report()[0].Methods {
			for _, plan := range method.Plans {
				plan.Describe()
			}
		}
	})
}
