package main

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	dialogflowbeta "cloud.google.com/go/dialogflow/apiv2beta1/dialogflowpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// turnsService is the service that the recorded turns are played with.
const turnsService = "kinds.v1.TurnsService"

// TestTypedTurns sends the recorded turns of typed intents through HTTPS to a typed gRPC service, and its answers back,
// whichever way the gateway has learnt of the service.
func TestTypedTurns(t *testing.T) {
	t.Parallel()
	files := typedFiles(t)
	for _, door := range []struct{ name, source string }{{"descriptor set", "descriptor_set: turns.binpb"}, {"reflection", "reflection: {}"}} {
		t.Run(door.name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t)
			fulfill := startService(t, dir, "127.0.0.1:0")
			turns := startTyped(t, dir, files, turnsService, echo)
			file, err := files.FindFileByPath("turns.proto")
			if err != nil {
				t.Fatal(err)
			}
			writeSet(t, filepath.Join(dir, "turns.binpb"), file)
			configure(t, dir, edit{"127.0.0.1:1\n", fulfill.addr + "\n"}, edit{"platform: CX\n", "platform: CX\n    time_zone: Europe/Berlin\n"},
				typedSettings("turns", turns.addr, door.source+`, allow: {intents: ["order.*"], tags: ["*-order", choose-size]}`))
			g := serveFolder(t, dir)
			g.service = fulfill
			g.log.await(t, 2, entry{"msg": "Service reachable"})
			g.log.await(t, 1, entry{"msg": "Intents learnt", "service": "turns"})
			for _, name := range recorded(t, "turns", ".typed.golden.json", 10) {
				t.Run(name, func(t *testing.T) { testTypedTurn(t, g, turns, name) })
			}
			if calls := fulfill.all(); len(calls) > 0 {
				t.Errorf("%d claimed turns reached the service of the general route", len(calls))
			}
			wantES(t, g.post(t, g.dialogflow(t), esPath, esTurn("unclaimed")), "heard unclaimed")
		})
	}
}

func testTypedTurn(t *testing.T, g *gate, turns *typedService, name string) {
	t.Helper()
	var want struct {
		Request, Answer json.RawMessage
		Error           string
	}
	if err := json.Unmarshal(golden(t, "turns", name+".typed.golden.json"), &want); err != nil {
		t.Fatal(err)
	}
	body := golden(t, "turns", name+".good.json")
	got := g.post(t, g.dialogflow(t), pathOf(name), string(body))
	calls := turns.take()
	if turn, err := dialogflow.Read(dialogflow.ES, body); err == nil && pathOf(name) != cxPath && turn.FillingSlots {
		if got.StatusCode != http.StatusOK || got.body != "{}" || len(calls) > 0 {
			t.Errorf("while the agent fills slots: status %d, %s after %d calls; want its own prompt", got.StatusCode, got.body, len(calls))
		}
		return
	}
	if want.Error != "" && pathOf(name) == cxPath { // its form is to ask again
		if got.StatusCode != http.StatusOK || !strings.Contains(got.body, `"state":"INVALID"`) || len(calls) > 0 {
			t.Errorf("status %d, %s after %d calls; want the parameter invalid", got.StatusCode, got.body, len(calls))
		}
		return
	}
	if want.Error != "" {
		if code, sentence := got.message(t); got.StatusCode != http.StatusBadRequest || code != codes.InvalidArgument || sentence != want.Error || len(calls) > 0 {
			t.Errorf("status %d, code %s, %q after %d calls; want 400 and %q", got.StatusCode, code, sentence, len(calls), want.Error)
		}
		return
	}
	if len(calls) != 1 {
		t.Fatalf("%d calls reached the service, want 1: status %d, %s", len(calls), got.StatusCode, got.body)
	}
	request := calls[0].request.ProtoReflect().New().Interface()
	if err := protojson.Unmarshal(want.Request, request); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(calls[0].request, request) {
		t.Errorf("the service was asked\n%s\nwant\n%s", protojson.Format(calls[0].request), want.Request)
	}
	for _, key := range []string{"intentgate-caller-bin", "intentgate-call-bin", "intentgate-request-id"} {
		if values := calls[0].metadata[key]; len(values) != 1 {
			t.Errorf("%d values of %s, want 1", len(values), key)
		}
	}
	if got.StatusCode != http.StatusOK || got.body != compacted(t, string(want.Answer)) {
		t.Errorf("status %d, answer\n%s\nwant\n%s", got.StatusCode, got.body, want.Answer)
	}
}

// TestCanonicalTurn has a service that was written for Dialogflow's own messages answer, bound by the configuration.
func TestCanonicalTurn(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	request, response := new(dialogflowbeta.WebhookRequest).ProtoReflect().Descriptor(), new(dialogflowbeta.WebhookResponse).ProtoReflect().Descriptor()
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("canonical.proto"), Package: proto.String("kinds.v1"), Syntax: proto.String("proto3"), Dependency: []string{request.ParentFile().Path()},
		Service: []*descriptorpb.ServiceDescriptorProto{{Name: proto.String("Canonical"), Method: []*descriptorpb.MethodDescriptorProto{
			{Name: proto.String("Handle"), InputType: proto.String("." + string(request.FullName())), OutputType: proto.String("." + string(response.FullName()))},
		}}},
	}, protoregistry.GlobalFiles)
	if err != nil {
		t.Fatal(err)
	}
	files := new(protoregistry.Files)
	if err := files.RegisterFile(file); err != nil {
		t.Fatal(err)
	}
	const answer = `{"fulfillmentText":"Auf Wiedersehen <b>","endInteraction":true}`
	service := startTyped(t, dir, files, "kinds.v1.Canonical", func(_ proto.Message, response *dynamicpb.Message) error {
		return protojson.Unmarshal([]byte(answer), response)
	})
	writeSet(t, filepath.Join(dir, "canonical.binpb"), file)
	configure(t, dir, typedSettings("canonical", service.addr,
		`descriptor_set: canonical.binpb, allow: {intents: [welcome]}, methods: [{method: kinds.v1.Canonical/Handle, intents: [welcome]}]`))
	g := serveFolder(t, dir)
	g.log.await(t, 1, entry{"msg": "Service reachable"})

	const body = `{"responseId": "one", "session": "projects/shop/agent/sessions/s-1", "queryResult": {"intent": {"displayName": "welcome"}, "parameters": {"n": 1.5},
		"fulfillmentMessages": [{"text": {"text": ["a"]}, "source": "new"}]}}`
	got := g.post(t, g.dialogflow(t), esBetaPath, body)
	if got.StatusCode != http.StatusOK || got.body != answer {
		t.Errorf("status %d, %s; want %s", got.StatusCode, got.body, answer)
	}
	want := new(dialogflowbeta.WebhookRequest)
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal([]byte(body), want); err != nil {
		t.Fatal(err)
	}
	calls := service.take()
	if len(calls) != 1 || !sameBytes(t, calls[0].request, want) {
		t.Errorf("got %v, want one of %v", calls, want)
	}
	g.log.await(t, 1, entry{"msg": "Turn", "turn_id": "one", "method": "/kinds.v1.Canonical/Handle", "unknown_fields": 1.0})

	// A CX agent has no such messages, so that nobody answers it.
	if got := g.post(t, g.dialogflow(t), cxPath, cxTurn("two")); got.StatusCode == http.StatusOK {
		t.Errorf("status %d, %s", got.StatusCode, got.body)
	}
}

// sameBytes compares messages of different programs.
func sameBytes(t *testing.T, a, b proto.Message) bool {
	t.Helper()
	var texts [2]string
	for i, m := range []proto.Message{a, b} {
		wire, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = string(wire)
	}
	return texts[0] == texts[1]
}
