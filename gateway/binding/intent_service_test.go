package binding_test

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

var service = binding.NewIntentService(binding.IntentServiceOptions{Context: "Shop-Orders"})

func call(tb testing.TB, turn *dialogflow.Turn, withWebhookJSON bool) binding.Call {
	tb.Helper()
	call, err := binding.NewIntentService(binding.IntentServiceOptions{Context: "Shop-Orders", WebhookJSON: withWebhookJSON}).Call(turn)
	if err != nil {
		tb.Fatal(err)
	}
	return call
}

func request(tb testing.TB, wire []byte) *intentgatev1.FulfillRequest {
	tb.Helper()
	request := new(intentgatev1.FulfillRequest)
	if err := proto.Unmarshal(wire, request); err != nil {
		tb.Fatal(err)
	}
	return request
}

const esWant = `{"turn": {
  "platform": "PLATFORM_ES", "id": "turn-1",
  "session": "projects/shop/locations/europe-west1/agent/environments/prod/users/u-1/sessions/s-1",
  "project": "shop", "location": "europe-west1", "environment": "prod", "user": "u-1", "sessionId": "s-1",
  "language": "en-us", "text": "where is A-1001", "speechConfidence": 0.5, "action": "order.track",
  "intent": {"name": "projects/shop/agent/intents/i-1", "displayName": "order.track", "confidence": 0.87, "fallback": true, "endInteraction": true,
    "parameters": {"order_id": {"value": "A-1001"}, "number": {"value": 7}, "big": {"value": "9007199254740993"},
      "card": {"value": "12345678901234567890"}, "empty": {"value": ""}, "none": {"value": null},
      "list": {"value": [1616583749, {"amount": 0.1, "unit": "kg"}, true, []]}, "": {"value": "nameless"}}},
  "contexts": [
    {"name": "shop-orders", "lifespan": 4, "parameters": {"order_id": "A-1001", "order_id.original": "a 1001", "id": "98765432109876543210"}},
    {"name": "bare"}],
  "sessionParameters": {"order_id": "A-1001", "order_id.original": "a 1001", "id": "98765432109876543210"},
  "channel": {"source": "slack", "version": "2", "payload": {"data": {"user": "20000000000000001"}}},
  "messages": [{"kind": "text", "channel": "SLACK", "text": ["Let me see.", "One moment."],
    "content": {"text": {"text": ["Let me see.", "One moment."]}, "platform": "SLACK"}}],
  "sentiment": {"score": -0.5, "magnitude": 0.9},
  "knowledgeAnswers": [{"source": "projects/shop/knowledgeBases/1", "question": "Where?", "answer": "There.", "confidenceLevel": "HIGH", "confidence": 0.75}],
  "alternativeResults": [{"text": "where is A-1001", "language": "en", "action": "knowledge",
    "intent": {"displayName": "Knowledge.1", "confidence": 0.25},
    "knowledgeAnswers": [{"answer": "There."}],
    "messages": [{"kind": "text", "text": ["There."], "content": {"text": {"text": ["There."]}}}]}],
  "fillingSlots": true, "cancelsSlotFilling": true,
  "webhookResult": {"source": "earlier", "payload": {"k": [1]}},
  "diagnosticInfo": {"webhook_latency_ms": 12},
  "fulfillmentText": "Let me see."
}, "parameters": {"order_id": "A-1001", "number": 7, "big": "9007199254740993", "card": "12345678901234567890", "empty": "", "none": null,
   "list": [1616583749, {"amount": 0.1, "unit": "kg"}, true, []], "": "nameless"}}`

const cxWant = `{"turn": {
  "platform": "PLATFORM_CX", "id": "turn-1",
  "session": "projects/shop/locations/eu/agents/a/environments/e/sessions/s-1",
  "project": "shop", "location": "eu", "agent": "a", "environment": "e", "sessionId": "s-1",
  "language": "en", "text": "a large one", "tag": "choose-size",
  "intent": {"name": "projects/shop/locations/eu/agents/a/intents/i", "displayName": "order.new", "confidence": 0.75,
    "parameters": {"size": {"original": "big", "value": "intent"}, "colour": {"original": "red", "value": "intent"}, "nothing": {}}},
  "page": {"name": "projects/shop/locations/eu/agents/a/flows/f/pages/p", "displayName": "Size", "form": [
    {"name": "size", "required": true, "state": "FILLED", "value": "form", "justCollected": true},
    {"name": "nothing", "state": "EMPTY"}, {"name": "gift", "state": "EMPTY"}, {"name": "blank", "state": "FILLED", "value": ""}]},
  "sessionParameters": {"size": "session", "colour": "session", "nothing": "session", "gift": "session", "blank": "session",
    "account": "12345678901234567890", "gone": null},
  "channel": {"payload": {"caller": "+15550100"}},
  "messages": [{"kind": "text", "channel": "WEB", "text": ["Which size?"], "content": {"text": {"text": ["Which size?"]}, "channel": "WEB"}}],
  "sentiment": {"score": 0.5, "magnitude": 0.5},
  "languageInfo": {"inputLanguage": "en", "resolvedLanguage": "en-us", "confidence": 0.5}
}, "parameters": {"size": "form", "colour": "intent", "nothing": "session", "gift": "session", "blank": "", "account": "12345678901234567890"}}`

// TestCall proves that every field of a turn arrives, with every digit.
func TestCall(t *testing.T) {
	for _, c := range []struct {
		platform   dialogflow.Platform
		body, want string
	}{
		{dialogflow.ES, esBody, esWant},
		{dialogflow.CX, cxBody, cxWant},
	} {
		t.Run(c.platform.String(), func(t *testing.T) {
			got := call(t, read(t, c.platform, c.body), false)
			if got.Method != "/intentgate.v1.IntentService/Fulfill" {
				t.Errorf("method %s", got.Method)
			}
			want := new(intentgatev1.FulfillRequest)
			if err := protojson.Unmarshal([]byte(c.want), want); err != nil {
				t.Fatal(err)
			}
			if message := request(t, got.Request); !proto.Equal(message, want) {
				t.Errorf("got %s\nwant %s", protojson.Format(message), protojson.Format(want))
			}
		})
	}
}

// TestCallInputs proves that each way of input arrives as itself, an empty text too.
func TestCallInputs(t *testing.T) {
	for kind, want := range map[dialogflow.InputKind]*intentgatev1.Turn{
		dialogflow.NoInput:         {},
		dialogflow.TextInput:       {Input: &intentgatev1.Turn_Text{Text: "x"}},
		dialogflow.EventInput:      {Input: &intentgatev1.Turn_Event{Event: "x"}},
		dialogflow.DTMFInput:       {Input: &intentgatev1.Turn_DtmfDigits{DtmfDigits: "x"}},
		dialogflow.TranscriptInput: {Input: &intentgatev1.Turn_Transcript{Transcript: "x"}},
		dialogflow.IntentInput:     {Input: &intentgatev1.Turn_TriggeredIntent{TriggeredIntent: "x"}},
	} {
		turn := &dialogflow.Turn{Input: dialogflow.Input{Kind: kind, Text: "x"}}
		if got := request(t, call(t, turn, false).Request).GetTurn(); !proto.Equal(got, want) {
			t.Errorf("kind %d: got %v, want %v", kind, got, want)
		}
	}
	empty := request(t, call(t, &dialogflow.Turn{Input: dialogflow.Input{Kind: dialogflow.TextInput}}, false).Request).GetTurn()
	if _, ok := empty.GetInput().(*intentgatev1.Turn_Text); !ok {
		t.Errorf("empty text: got %v", empty)
	}
}

// TestCallOfNothing proves that what a request leaves out is absent, and that parameters are always there to be looked at.
func TestCallOfNothing(t *testing.T) {
	want := &intentgatev1.FulfillRequest{}
	if err := protojson.Unmarshal([]byte(`{"turn": {}, "parameters": {}}`), want); err != nil {
		t.Fatal(err)
	}
	if got := request(t, call(t, &dialogflow.Turn{}, false).Request); !proto.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestCallIsDeterministic(t *testing.T) {
	for platform, body := range map[dialogflow.Platform]string{dialogflow.ES: esBody, dialogflow.CX: cxBody} {
		first := call(t, read(t, platform, body), true)
		for range 100 {
			again := call(t, read(t, platform, body), true)
			if !bytes.Equal(first.Request, again.Request) || !bytes.Equal(first.Hashed, again.Hashed) {
				t.Fatalf("%v: two calls of one turn differ", platform)
			}
		}
	}
}

// TestCallHashed proves what Hashed is: the request with the turn's id and the webhook's JSON cleared, and so the same
// in a retry of another id, and in a body of other white space.
func TestCallHashed(t *testing.T) {
	for platform, body := range map[dialogflow.Platform]string{dialogflow.ES: esBody, dialogflow.CX: cxBody} {
		turn := read(t, platform, body)
		with, without := call(t, turn, true), call(t, turn, false)
		if !bytes.Equal(with.Hashed, without.Hashed) {
			t.Errorf("%v: the webhook's JSON changes what is hashed", platform)
		}
		full := request(t, with.Request)
		if full.GetTurn().GetId() != "turn-1" || string(full.GetWebhookJson()) != body {
			t.Errorf("%v: the request lacks the id or the JSON", platform)
		}
		full.Turn.Id, full.WebhookJson = "", nil
		if !proto.Equal(full, request(t, with.Hashed)) {
			t.Errorf("%v: hashed is %v, want %v", platform, request(t, with.Hashed), full)
		}

		retry := read(t, platform, string(bytes.ReplaceAll([]byte(body), []byte(`"turn-1"`), []byte(` "turn-2" `))))
		if got := call(t, retry, true); !bytes.Equal(got.Hashed, with.Hashed) || bytes.Equal(got.Request, with.Request) {
			t.Errorf("%v: another id changes what is hashed, or does not arrive", platform)
		}
		other := read(t, platform, string(bytes.ReplaceAll([]byte(body), []byte(`en-us`), []byte(`de`))))
		if got := call(t, other, true); bytes.Equal(got.Hashed, with.Hashed) {
			t.Errorf("%v: another language changes nothing of what is hashed", platform)
		}
	}
}

// TestCallRefuses proves that a turn that was not read is not trusted to be JSON.
func TestCallRefuses(t *testing.T) {
	for name, turn := range map[string]*dialogflow.Turn{
		"cut":         {Parameters: dialogflow.Parameters{{Name: "x", Value: dialogflow.Value(`{"a": [1, `)}}},
		"two values":  {Parameters: dialogflow.Parameters{{Name: "x", Value: dialogflow.Value(`1 2`)}}},
		"no object":   {DiagnosticInfo: dialogflow.Value(`[]`)},
		"not UTF-8":   {Parameters: dialogflow.Parameters{{Name: "x", Value: dialogflow.Value("\"\xff\"")}}},
		"bad text":    {Language: "\xff"},
		"bad payload": {Channel: dialogflow.Channel{Payload: dialogflow.Value(`{`)}},
	} {
		if got, err := service.Call(turn); err == nil {
			t.Errorf("%s: got %q, want an error", name, got.Request)
		}
	}
}

func TestAnswer(t *testing.T) {
	want := &intentgatev1.Reply{Texts: []string{"Hello"}}
	wire, err := proto.Marshal(&intentgatev1.FulfillResponse{Reply: want})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := service.Answer(wire); err != nil || !proto.Equal(got.Reply, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	if got, err := service.Answer(nil); err != nil || got.Reply != nil {
		t.Errorf("no bytes: got %v, %v; want no reply", got, err)
	}
	for _, malformed := range []string{"\x0a", "\x0a\x05ab", "not protobuf", "\x0a\x03\x0a\x01\xff"} {
		if got, err := service.Answer([]byte(malformed)); err == nil {
			t.Errorf("%q: got %v, want an error", malformed, got)
		}
	}
}

func BenchmarkCall(b *testing.B) {
	for name, turn := range map[string]*dialogflow.Turn{
		"ES":             read(b, dialogflow.ES, esBody),
		"CX":             read(b, dialogflow.CX, cxBody),
		"es-order-track": read(b, dialogflow.ES, string(readFile(b, "../testdata/turns/es-order-track.good.json"))),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := service.Call(turn); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
