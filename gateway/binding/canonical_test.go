package binding_test

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cloud.google.com/go/dialogflow/apiv2/dialogflowpb"
	dialogflowbeta "cloud.google.com/go/dialogflow/apiv2beta1/dialogflowpb"
	"cloud.google.com/go/dialogflow/cx/apiv3/cxpb"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// canonical is a method that takes a message of Google's and answers with one.
func canonical(tb testing.TB, request, response proto.Message) protoreflect.MethodDescriptor {
	tb.Helper()
	file := &descriptorpb.FileDescriptorProto{Name: proto.String("canonical.proto"), Package: proto.String("kinds.v1"), Syntax: proto.String("proto3")}
	method := &descriptorpb.MethodDescriptorProto{Name: proto.String("Handle")}
	for message, name := range map[proto.Message]**string{request: &method.InputType, response: &method.OutputType} {
		of := message.ProtoReflect().Descriptor()
		if path := of.ParentFile().Path(); !slices.Contains(file.GetDependency(), path) {
			file.Dependency = append(file.Dependency, path)
		}
		*name = proto.String("." + string(of.FullName()))
	}
	file.Service = []*descriptorpb.ServiceDescriptorProto{{Name: proto.String("Canonical"), Method: []*descriptorpb.MethodDescriptorProto{method}}}
	built, err := protodesc.NewFile(file, protoregistry.GlobalFiles)
	if err != nil {
		tb.Fatal(err)
	}
	return built.Services().Get(0).Methods().Get(0)
}

// editions are Dialogflow's own messages.
var editions = map[string]struct {
	platform          dialogflow.Platform
	request, response proto.Message
}{
	"v2":      {dialogflow.ES, new(dialogflowpb.WebhookRequest), new(dialogflowpb.WebhookResponse)},
	"v2beta1": {dialogflow.ES, new(dialogflowbeta.WebhookRequest), new(dialogflowbeta.WebhookResponse)},
	"cx.v3":   {dialogflow.CX, new(cxpb.WebhookRequest), new(cxpb.WebhookResponse)},
}

func compileCanonical(tb testing.TB, edition string) *binding.Method {
	tb.Helper()
	e := editions[edition]
	m, err := binding.Compile(canonical(tb, e.request, e.response), binding.Options{Platform: e.platform})
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// The body becomes the request as protojson reads it, for every recorded turn that protojson takes; others are refused.
func TestCanonicalCall(t *testing.T) {
	files, err := filepath.Glob("../testdata/turns/*.good.json")
	if err != nil {
		t.Fatal(err)
	}
	for edition, e := range editions {
		m := compileCanonical(t, edition)
		taken := 0
		for _, file := range files {
			if platformOf(filepath.Base(file)) != e.platform {
				continue
			}
			body := readFile(t, file)
			want, got := e.request.ProtoReflect().New().Interface(), e.request.ProtoReflect().New().Interface()
			wantErr := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(body, want)
			call, err := m.Call(read(t, e.platform, string(body)))
			if invalid, ok := errors.AsType[*binding.InvalidError](err); (wantErr == nil) != (err == nil) || err != nil && !ok {
				t.Errorf("%s of %s: got %v, want %v", file, edition, invalid, wantErr)
			}
			if wantErr != nil {
				continue
			}
			taken++
			if err := proto.Unmarshal(call.Request, got); err != nil || !proto.Equal(got, want) {
				t.Errorf("%s of %s: got %v, %v; want %v", file, edition, got, err, want)
			}
			for _, id := range []protoreflect.Name{"response_id", "detect_intent_response_id"} {
				if f := want.ProtoReflect().Descriptor().Fields().ByName(id); f != nil {
					want.ProtoReflect().Clear(f)
				}
			}
			if err := proto.Unmarshal(call.Hashed, got); err != nil || !proto.Equal(got, want) {
				t.Errorf("%s of %s: hashed is %v, %v; want %v", file, edition, got, err, want)
			}
		}
		if taken < 10 {
			t.Errorf("%s takes %d of the recorded turns", edition, taken)
		}
	}
}

func TestCanonicalCallIsDeterministic(t *testing.T) {
	m := compileCanonical(t, "cx.v3")
	a, err := m.Call(read(t, dialogflow.CX, cxBody))
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.Call(read(t, dialogflow.CX, strings.Replace(cxBody, `"detectIntentResponseId": "turn-1"`, `"detectIntentResponseId": "turn-2"`, 1)))
	if err != nil || !bytes.Equal(a.Hashed, b.Hashed) || bytes.Equal(a.Request, b.Request) {
		t.Errorf("two turns that differ in their id alone, %v, are hashed as %q and %q", err, a.Hashed, b.Hashed)
	}
}

// What the service's proto has no place for is named.
func TestCanonicalLosses(t *testing.T) {
	const es = `{"session": "projects/p/agent/sessions/s", "agentId": 1, "queryResult": {"intent": {"displayName": "kinds"}, "fulfillmentMessages": [
		{"platform": "TELEPHONY", "text": {"text": ["a"], "redactedText": ["b"]}}, {"platform": "SLACK", "source": "x"}, {"source": "y"}],
		"parameters": {"any": {"thing": 1}}, "knowledge_answers": {"answers": [{"match_confidence_level": "HUGE"}]}}, "alternativeQueryResults": [{"queryText": "a"}]}`
	for edition, want := range map[string][]string{
		"v2": {
			"agentId", "queryResult.fulfillmentMessages[].platform", "queryResult.fulfillmentMessages[].text.redactedText", "queryResult.fulfillmentMessages[].source",
			"queryResult.knowledge_answers", "alternativeQueryResults",
		},
		"v2beta1": {
			"agentId", "queryResult.fulfillmentMessages[].text.redactedText", "queryResult.fulfillmentMessages[].source",
			"queryResult.knowledge_answers.answers[].match_confidence_level",
		},
	} {
		call, err := compileCanonical(t, edition).Call(read(t, dialogflow.ES, es))
		if err != nil || !slices.Equal(call.Lost, want) {
			t.Errorf("%s: got %q, %v; want %q", edition, call.Lost, err, want)
		}
	}
	cx := func(more string) string {
		return `{"fulfillmentInfo": {"tag": "kinds"` + more + `}, "intentInfo": {"parameters": {"a": {"originalValue": "b", "new": 1}}},
			"sessionInfo": {"session": "projects/p/locations/l/agents/a/sessions/s"}}`
	}
	m := compileCanonical(t, "cx.v3")
	if call, err := m.Call(read(t, dialogflow.CX, cx(""))); err != nil || !slices.Equal(call.Lost, []string{"intentInfo.parameters[].new"}) {
		t.Errorf("got %q, %v", call.Lost, err)
	}
	names := `, "` + strings.Repeat("ä", 100) + `": 0`
	for i := range 200 {
		names += fmt.Sprintf(`, "x%d": {}`, i)
	}
	if call, err := m.Call(read(t, dialogflow.CX, cx(names))); err != nil || len(call.Lost) != 100 || call.Lost[0] != "fulfillmentInfo."+strings.Repeat("ä", 32) {
		t.Errorf("got %d losses, %q, %v; want 100, cut", len(call.Lost), call.Lost, err)
	}
}

// Bodies that protojson refuses are refused, with nothing but the reason.
func TestCanonicalCallRefuses(t *testing.T) {
	_, err := compileCanonical(t, "v2").Call(read(t, dialogflow.ES, `{"session": "projects/p/agent/sessions/s", "queryResult": {"intent": {"displayName": "kinds"}, "parameters": []}}`))
	if v := violation(err); v.Field != "google.cloud.dialogflow.v2.WebhookRequest" || v.Problem == "" {
		t.Errorf("got %v, want an error of the request", err)
	}
}

func TestCanonicalAnswer(t *testing.T) {
	parameters, err := structpb.NewStruct(map[string]any{"a": 7, "b": nil, "c": []any{"<x>", 1e21}})
	if err != nil {
		t.Fatal(err)
	}
	for edition, c := range map[string]struct {
		response proto.Message
		want     string
	}{
		"v2": {
			&dialogflowpb.WebhookResponse{FulfillmentText: "Grüß <b>", OutputContexts: []*dialogflowpb.Context{{Name: "c", LifespanCount: 2, Parameters: parameters}}},
			`{"fulfillmentText":"Grüß <b>","outputContexts":[{"name":"c","lifespanCount":2,"parameters":{"a":7,"b":null,"c":["<x>",1e+21]}}]}`,
		},
		"v2beta1": {&dialogflowbeta.WebhookResponse{EndInteraction: true}, `{"endInteraction":true}`},
		"cx.v3": {&cxpb.WebhookResponse{
			FulfillmentResponse: &cxpb.WebhookResponse_FulfillmentResponse{MergeBehavior: cxpb.WebhookResponse_FulfillmentResponse_REPLACE},
			SessionInfo:         &cxpb.SessionInfo{Parameters: map[string]*structpb.Value{"gone": structpb.NewNullValue()}},
		}, `{"fulfillmentResponse":{"mergeBehavior":"REPLACE"},"sessionInfo":{"parameters":{"gone":null}}}`},
	} {
		m := compileCanonical(t, edition)
		wire, err := proto.Marshal(c.response)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := m.Answer(wire)
		if err != nil || answer.Reply != nil || string(answer.JSON) != c.want {
			t.Errorf("%s: got %s, %v; want %s", edition, answer.JSON, err, c.want)
		}
		back := c.response.ProtoReflect().New().Interface()
		if err := protojson.Unmarshal(answer.JSON, back); err != nil || !proto.Equal(back, c.response) {
			t.Errorf("%s: the answer is %v, %v; want %v", edition, back, err, c.response)
		}
		if answer, err := m.Answer(nil); err != nil || string(answer.JSON) != "{}" {
			t.Errorf("%s: got %s, %v; want {}", edition, answer.JSON, err)
		}
		if answer, err := m.Answer([]byte{0x0a, 5}); err == nil {
			t.Errorf("%s: got %s, want an error", edition, answer.JSON)
		}
		if d := m.Describe(); len(d.Request)+len(d.Response) > 0 {
			t.Errorf("%s: got %v, want nothing", edition, d)
		}
	}
}

func TestCanonicalAnswerRefuses(t *testing.T) {
	m := compileCanonical(t, "v2")
	for size, large := range map[int]bool{dialogflow.MaxAnswer: false, dialogflow.MaxAnswer + 1: true} {
		wire, err := proto.Marshal(&dialogflowpb.WebhookResponse{FulfillmentText: strings.Repeat("x", size-len(`{"fulfillmentText":""}`))})
		if err != nil {
			t.Fatal(err)
		}
		answer, err := m.Answer(wire)
		tooLarge, ok := errors.AsType[*dialogflow.TooLargeError](err)
		if ok != large || large && tooLarge.Size != size || !large && len(answer.JSON) != size {
			t.Errorf("%d bytes: got %d, %v", size, len(answer.JSON), err)
		}
	}
	wire, err := proto.Marshal(&dialogflowpb.WebhookResponse{Payload: &structpb.Struct{Fields: map[string]*structpb.Value{"none": {}}}})
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := m.Answer(wire); err == nil {
		t.Errorf("got %s, want an error for a value of no kind", answer.JSON)
	}
}

// An entry of a map with a key and one of another type makes the library panic.
func TestCanonicalAnswerRefusesOddMaps(t *testing.T) {
	fields := new(cxpb.WebhookResponse).ProtoReflect().Descriptor().Fields()
	session := fields.ByName("session_info")
	parameters := session.Message().Fields().ByName("parameters")
	entry := raw{}.bytes(1, "a").varint(1, 0)
	response := raw{}.bytes(session.Number(), string(raw{}.bytes(parameters.Number(), string(entry))))
	if answer, err := compileCanonical(t, "cx.v3").Answer(response); err == nil {
		t.Errorf("got %s, want an error", answer.JSON)
	}
}

// Either side may be Dialogflow's, but not another platform's.
func TestCanonicalOfOneSide(t *testing.T) {
	for _, e := range editions {
		other := dialogflow.ES + dialogflow.CX - e.platform
		_, err := binding.Compile(canonical(t, e.request, e.response), binding.Options{Platform: other})
		if got := problems(t, err); len(got) != 2 {
			t.Errorf("got %q, want a problem of each message", got)
		}
	}
	m, err := binding.Compile(canonical(t, new(dialogflowbeta.WebhookRequest), new(structpb.Struct)), binding.Options{Platform: dialogflow.ES})
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := m.Answer(nil); err != nil || answer.Reply == nil {
		t.Errorf("got %v, %v; want a reply", answer, err)
	}
}

// FuzzCanonical: what a service answers in Dialogflow's own words is JSON that Google's types take strictly, or refused.
func FuzzCanonical(f *testing.F) {
	methods := map[string]*binding.Method{}
	for edition := range editions {
		methods[edition] = compileCanonical(f, edition)
		f.Add(edition, []byte(nil))
	}
	f.Add("v2", []byte("\x0a\x01a\x1a\x01b"))
	f.Add("cx.v3", []byte("\x0a\x02\x10\x02\x1a\x00"))
	f.Fuzz(func(t *testing.T, edition string, response []byte) {
		m, ok := methods[edition]
		if !ok {
			t.Skip()
		}
		answer, err := m.Answer(response)
		if err != nil {
			t.Skip()
		}
		if err := protojson.Unmarshal(answer.JSON, editions[edition].response.ProtoReflect().New().Interface()); err != nil {
			t.Errorf("%s: %v", answer.JSON, err)
		}
	})
}
