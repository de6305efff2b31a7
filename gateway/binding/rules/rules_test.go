package rules_test

import (
	"errors"
	"strings"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/intentgate/intentgate/gateway/binding/rules"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// TestAsGenerated compares with what protovalidate says of messages in their generated types: the gateway's own configuration,
// whose descriptors come here as those of a stranger.
func TestAsGenerated(t *testing.T) {
	own := linked(t, protodesc.ToFileDescriptorProto(gatewayv1.File_intentgate_gateway_v1_config_proto)).ParentFile()
	compiler := rules.NewCompiler(now)
	broken := 0
	for _, m := range []proto.Message{
		&gatewayv1.Route{}, &gatewayv1.Route{Service: "orders"}, &gatewayv1.Service{Name: "a"}, &gatewayv1.Service{Name: "Not a name", Target: "x:1"},
		&gatewayv1.Webhook{Path: "dialogflow"}, &gatewayv1.Webhook{Path: "/dialogflow", Platform: "es", Timeout: durationpb.New(-1)},
		&gatewayv1.Webhook{Path: "/dialogflow", Platform: "es"},
		&gatewayv1.Reprompt{Field: "x"}, &gatewayv1.Reprompt{Field: "x.y", Text: map[string]string{"en": "a"}},
		&gatewayv1.Fallback{Causes: map[string]*gatewayv1.Fallback{"timeout": {}, "nothing": {}}},
		&gatewayv1.Edge{Clients: []*gatewayv1.Profile{{Name: "a"}, {Name: "b b", Like: "c"}}, Limits: &gatewayv1.Limits{Turns: 1 << 30}, Drain: durationpb.New(-1)},
	} {
		checker, problems := compiler.Compile(own.Messages().ByName(m.ProtoReflect().Descriptor().Name()))
		if problems != nil {
			t.Fatal(problems)
		}
		wire, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		got, err := checker.Check(wire)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := errors.AsType[*protovalidate.ValidationError](protovalidate.Validate(m))
		if want == nil {
			want = new(protovalidate.ValidationError)
		}
		broken += len(want.Violations)
		if len(got) != len(want.Violations) {
			t.Errorf("%v: got %v, want %v", m, got, want)
			continue
		}
		for i, v := range want.Violations {
			if path := strings.ReplaceAll(protovalidate.FieldPathString(v.Proto.GetField()), `["nothing"]`, "[…]"); got[i].Path != path ||
				got[i].Rule != v.Proto.GetRuleId() || got[i].Message != v.Proto.GetMessage() {
				t.Errorf("%v: got %+v, want %v", m, got[i], v.Proto)
			}
		}
	}
	if broken < 10 {
		t.Errorf("%d violations: are the rules applied?", broken)
	}
}

func TestNoRules(t *testing.T) {
	if checker, err := rules.NewCompiler(now).Compile(on(t, nil, nil).Fields().ByName("flat").Message()); checker != nil || err != nil {
		t.Errorf("got %v, %v; want nothing to pay for", checker, err)
	}
}

// A rule that is newer than the gateway, or makes no sense, is refused: it must not be taken for none.
func TestRefused(t *testing.T) {
	text := validate.FieldRules_builder{String: validate.StringRules_builder{MinLen: proto.Uint64(1)}.Build()}.Build()
	with := func(rules proto.Message) *validate.FieldRules {
		known, ok := rules.(*validate.FieldRules)
		if !ok {
			t.Fatal("no rules of a field")
		}
		return known
	}
	newer := with(proto.Clone(text))
	newer.ProtoReflect().SetUnknown(protoreflect.RawFields("\xf8\x7f\x01"))
	newerText := with(proto.Clone(text))
	newerText.GetString().ProtoReflect().SetUnknown(protoreflect.RawFields("\xf8\x7f\x01"))
	field := func(name string, rules *validate.FieldRules) protoreflect.MessageDescriptor {
		return on(t, nil, map[string]*validate.FieldRules{name: rules})
	}
	for name, c := range map[string]struct {
		message protoreflect.MessageDescriptor
		want    string
	}{
		"a newer rule":          {field("text", newer), "Thing.text: its rules have a member of buf.validate.FieldRules that this gateway does not know"},
		"a newer rule of texts": {field("text", newerText), "Thing.text: its rules have a member of buf.validate.StringRules that this gateway does not know"},
		"of another type":       {field("number", text), `Thing.number: its rules do not compile: compilation error: expected rule "buf.validate.FieldRules.int32"`},
		"of elements":           {field("texts", text), `Thing.texts: its rules do not compile`},
		"no field":              {cel(t, "this.nothing == 1"), "Thing: its rules do not compile: compilation error: failed to compile expression this.nothing == 1: ERROR: <input>:1:5: undefined field"},
		"not a boolean":         {cel(t, "this.number"), "outputs int, wanted either bool or string"},
		"a oneof of no field":   {on(t, validate.MessageRules_builder{Oneof: []*validate.MessageOneofRule{validate.MessageOneofRule_builder{Fields: []string{"none"}}.Build()}}.Build(), nil), "field none not found"},
		// Its evaluation fails for the empty message, which must not hide what comes after it.
		"behind one that fails": {on(t, validate.MessageRules_builder{CelExpression: []string{"1 / this.number > 0"}}.Build(), map[string]*validate.FieldRules{"texts": text}), "Thing.texts: its rules do not compile"},
	} {
		t.Run(name, func(t *testing.T) {
			compiler := rules.NewCompiler(now)
			for range 2 { // for two webhooks
				checker, err := compiler.Compile(c.message)
				if checker != nil || err == nil || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("got %v, want %q", err, c.want)
				}
				for _, one := range err {
					if one.Remedy == "" || one.At == nil {
						t.Errorf("got %v, want a remedy", one)
					}
				}
			}
		})
	}
	torn := protodesc.ToFileDescriptorProto(on(t, nil, nil).ParentFile())
	torn.MessageType[0].Field[0].Options = &descriptorpb.FieldOptions{}
	torn.MessageType[0].Field[0].Options.ProtoReflect().SetUnknown(protoreflect.RawFields("\xba\x48\x01\xff"))
	if _, err := rules.NewCompiler(now).Compile(linked(t, torn)); err == nil || !strings.Contains(err.Error(), "Thing.text: its rules cannot be read") {
		t.Errorf("got %v, want that they cannot be read", err)
	}
	many := make([]*validate.Rule, 2001)
	for i := range many {
		many[i] = validate.Rule_builder{Id: proto.String("x"), Expression: proto.String("true")}.Build()
	}
	_, err := rules.NewCompiler(now).Compile(on(t, validate.MessageRules_builder{Cel: many}.Build(), nil))
	if err == nil || !strings.Contains(err.Error(), "more rules than 10000 fields would have") {
		t.Errorf("got %v", err)
	}
}

// A message that breaks a rule says so in words that hold nothing of it, or Made tells that they may.
func TestMade(t *testing.T) {
	message := on(t, validate.MessageRules_builder{
		Cel: []*validate.Rule{
			validate.Rule_builder{Id: proto.String("made"), Message: proto.String("is static"), Expression: proto.String("this.text")}.Build(),
			validate.Rule_builder{Id: proto.String("string.len"), Message: proto.String("it says so"), Expression: proto.String("false")}.Build(),
			validate.Rule_builder{Id: proto.String("bare"), Expression: proto.String("this.text == ''")}.Build(),
		},
		Oneof: []*validate.MessageOneofRule{validate.MessageOneofRule_builder{Fields: []string{"text", "number"}}.Build()},
	}.Build(), map[string]*validate.FieldRules{"text": validate.FieldRules_builder{
		CelExpression: []string{"'no ' + this"}, String: validate.StringRules_builder{Len: proto.Uint64(1)}.Build(),
	}.Build()})
	got, err := compiled(t, message).Check(largest(t, message, `text: "secret" number: 1`))
	if err != nil {
		t.Fatal(err)
	}
	made := map[string]bool{"secret": true, "no secret": true, "it says so": false, `"this.text == ''" returned false`: false, "only one of text, number can be set": false, "must be 1 characters": false}
	for _, v := range got {
		want, known := made[v.Message]
		if !known || v.Made != want {
			t.Errorf("got %+v, want it made: %t", v, want)
		}
		delete(made, v.Message)
	}
	if len(made) > 0 {
		t.Errorf("not told: %v", made)
	}
}

// FuzzCheck: whatever a message holds, it is judged as protovalidate judges it.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{`{"path": "/a", "platform": "es"}`, `{"path": "", "timeout": "-1s"}`, `{"credentials": [{"name": ""}]}`, `{"fallback": {"causes": {"x": {}}}}`} {
		f.Add(seed)
	}
	own := linked(f, protodesc.ToFileDescriptorProto(gatewayv1.File_intentgate_gateway_v1_config_proto)).ParentFile()
	checker := compiled(f, own.Messages().ByName("Webhook"))
	f.Fuzz(func(t *testing.T, text string) {
		m := new(gatewayv1.Webhook)
		if protojson.Unmarshal([]byte(text), m) != nil {
			t.Skip()
		}
		wire, err := proto.Marshal(m)
		if err != nil {
			t.Skip()
		}
		got, err := checker.Check(wire)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) > 0 && got[0].Rule == "size" {
			return
		}
		if want := protovalidate.Validate(m); (want == nil) != (len(got) == 0) {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	})
}
