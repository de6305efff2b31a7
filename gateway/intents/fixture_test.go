package intents_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/intents"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

var (
	es = intents.View{Platform: dialogflow.ES}
	cx = intents.View{Platform: dialogflow.CX}

	everything = intents.Allow{Intents: []string{"*"}, Actions: []string{"*"}, Tags: []string{"*"}}
)

// method is a method of a made-up service, whose request has the field order_id and whose response the field text.
type method struct {
	service, name string
	intent        *intentgatev1.IntentOptions
	edit          func(file *descriptorpb.FileDescriptorProto)
}

func claiming(names ...string) *intentgatev1.IntentOptions {
	return &intentgatev1.IntentOptions{DisplayName: names, Tag: names}
}

// fileOf describes a method in a file of its own, as buf does.
func fileOf(m method) *descriptorpb.FileDescriptorProto {
	options := &descriptorpb.MethodOptions{}
	if m.intent != nil {
		proto.SetExtension(options, intentgatev1.E_Intent, m.intent)
	}
	text := &descriptorpb.FieldOptions{}
	proto.SetExtension(text, intentgatev1.E_Field, &intentgatev1.ParameterOptions{Text: true})
	pkg, service := protoreflect.FullName(m.service).Parent(), protoreflect.FullName(m.service).Name()
	file := &descriptorpb.FileDescriptorProto{
		Name: proto.String(m.service + m.name + ".proto"), Package: proto.String(string(pkg)), Syntax: proto.String("proto3"),
		Dependency: []string{"intentgate/v1/annotations.proto"},
		MessageType: []*descriptorpb.DescriptorProto{
			message(m.name+"Request", stringField("order_id", 1, nil)), message(m.name+"Response", stringField("text", 1, text)),
		},
		Service: []*descriptorpb.ServiceDescriptorProto{{Name: proto.String(string(service)), Method: []*descriptorpb.MethodDescriptorProto{{
			Name: proto.String(m.name), Options: options,
			InputType: proto.String("." + string(pkg) + "." + m.name + "Request"), OutputType: proto.String("." + string(pkg) + "." + m.name + "Response"),
		}}}},
	}
	if m.edit != nil {
		m.edit(file)
	}
	return file
}

func message(name string, fields ...*descriptorpb.FieldDescriptorProto) *descriptorpb.DescriptorProto {
	return &descriptorpb.DescriptorProto{Name: proto.String(name), Field: fields}
}

func stringField(name string, number int32, options *descriptorpb.FieldOptions) *descriptorpb.FieldDescriptorProto {
	return &descriptorpb.FieldDescriptorProto{
		Name: proto.String(name), JsonName: proto.String(name), Number: proto.Int32(number), Options: options,
		Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(), Type: descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum(),
	}
}

func typed(field *descriptorpb.FieldDescriptorProto, of descriptorpb.FieldDescriptorProto_Type, name string) *descriptorpb.FieldDescriptorProto {
	field.Type, field.TypeName = of.Enum(), proto.String(name)
	return field
}

// setOf is a descriptor set of files and of our annotations.
func setOf(tb testing.TB, files ...*descriptorpb.FileDescriptorProto) []byte {
	tb.Helper()
	set := &descriptorpb.FileDescriptorSet{File: append(closure(intentgatev1.File_intentgate_v1_annotations_proto), files...)}
	wire, err := proto.Marshal(set)
	if err != nil {
		tb.Fatal(err)
	}
	return wire
}

func methods(tb testing.TB, all ...method) []byte {
	tb.Helper()
	var files []*descriptorpb.FileDescriptorProto
	for _, m := range all {
		files = append(files, fileOf(m))
	}
	return setOf(tb, files...)
}

// closure is a file with all that it imports, imports first.
func closure(file protoreflect.FileDescriptor) (files []*descriptorpb.FileDescriptorProto) {
	seen := map[string]bool{}
	var add func(protoreflect.FileDescriptor)
	add = func(file protoreflect.FileDescriptor) {
		if seen[file.Path()] {
			return
		}
		seen[file.Path()] = true
		for i := range file.Imports().Len() {
			add(file.Imports().Get(i).FileDescriptor)
		}
		files = append(files, protodesc.ToFileDescriptorProto(file))
	}
	add(file)
	return files
}

// source is where a service's descriptors come from.
type source struct {
	mu   sync.Mutex
	set  []byte
	err  error
	read int
}

func (s *source) load(context.Context) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read++
	return s.set, s.err
}

func (s *source) become(set []byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set, s.err = set, err
}

func from(set []byte) func(context.Context) ([]byte, error) { return (&source{set: set}).load }

// line is a line of the log.
type line struct{ Msg, Service, Kind, Element, Problem, Error string }

type journal struct {
	mu    sync.Mutex
	lines []line
}

func (j *journal) Write(b []byte) (int, error) {
	var l line
	if err := json.Unmarshal(b, &l); err != nil {
		return 0, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, l)
	return len(b), nil
}

func (j *journal) count(msg, service string) (n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, l := range j.lines {
		if l.Msg == msg && l.Service == service {
			n++
		}
	}
	return n
}

// catalog is a catalog that a test looks at.
type catalog struct {
	*intents.Catalog

	t   testing.TB
	log *journal
	now time.Time
}

func newCatalog(tb testing.TB, views []intents.View, services ...intents.Service) *catalog {
	tb.Helper()
	c := &catalog{t: tb, log: &journal{}, now: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)}
	var err error
	c.Catalog, err = intents.New(intents.Config{
		Services: services, Views: views, Logger: slog.New(slog.NewJSONHandler(c.log, nil)), Now: func() time.Time { return c.now },
	})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// loaded is a catalog that has loaded all services.
func loaded(tb testing.TB, views []intents.View, services ...intents.Service) *catalog {
	tb.Helper()
	c := newCatalog(tb, views, services...)
	for _, service := range services {
		c.load(service.Name)
	}
	return c
}

func (c *catalog) load(service string) {
	c.t.Helper()
	if _, err := c.Load(c.t.Context(), service); err != nil {
		c.t.Fatal(err)
	}
}

// finds compares which service and method answer a turn of a name: `orders /shop.v1.Orders/Track`, or nothing.
func (c *catalog) finds(view intents.View, turn *dialogflow.Turn, want string) {
	c.t.Helper()
	got := ""
	if target, ok := c.Find(view, turn); ok {
		got = target.Service + " " + target.Method.Name
	}
	if got != want {
		c.t.Errorf("%s %s%s in %q is answered by %q, want %q", turn.Platform, turn.Intent.DisplayName, turn.Tag, turn.Session.Environment, got, want)
	}
}

// problems compares the kinds of problems of a service, and returns them.
func (c *catalog) problems(service string, want ...intents.Kind) []intents.Problem {
	c.t.Helper()
	for _, report := range c.Report() {
		if report.Service != service {
			continue
		}
		var got []intents.Kind
		for _, problem := range report.Problems {
			got = append(got, problem.Kind)
		}
		if !slices.Equal(got, want) {
			c.t.Errorf("service %s has %v, want %v: %+v", service, got, want, report.Problems)
		}
		return report.Problems
	}
	c.t.Fatalf("no service %s", service)
	return nil
}

func intent(name string) *dialogflow.Turn {
	return &dialogflow.Turn{Platform: dialogflow.ES, Intent: dialogflow.Intent{DisplayName: name}}
}

func tag(name, environment string) *dialogflow.Turn {
	return &dialogflow.Turn{Platform: dialogflow.CX, Tag: name, Session: dialogflow.Session{Project: "shop", Location: "eu", Agent: "a1", Environment: environment}}
}
