package dialogflow_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"cloud.google.com/go/dialogflow/apiv2/dialogflowpb"
	betapb "cloud.google.com/go/dialogflow/apiv2beta1/dialogflowpb"
	"cloud.google.com/go/dialogflow/cx/apiv3/cxpb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// leftOut lists the fields of the published protos that are known and make no difference to a Turn: an intent as its
// designer wrote it, which a webhook call does not carry, and what another reading of the user's words has beyond the
// reading itself. All others must make one.
var leftOut = []string{
	"queryResult.intent.webhookState", "queryResult.intent.priority", "queryResult.intent.mlEnabled",
	"queryResult.intent.mlDisabled", "queryResult.intent.liveAgentHandoff", "queryResult.intent.inputContextNames",
	"queryResult.intent.events", "queryResult.intent.trainingPhrases", "queryResult.intent.action",
	"queryResult.intent.outputContexts", "queryResult.intent.resetContexts", "queryResult.intent.parameters",
	"queryResult.intent.messages", "queryResult.intent.defaultResponsePlatforms",
	"queryResult.intent.rootFollowupIntentName", "queryResult.intent.parentFollowupIntentName",
	"queryResult.intent.followupIntentInfo",
	"queryResult.sentimentAnalysisResult.status",
	"alternativeQueryResults[].speechRecognitionConfidence", "alternativeQueryResults[].parameters",
	"alternativeQueryResults[].allRequiredParamsPresent", "alternativeQueryResults[].cancelsSlotFilling",
	"alternativeQueryResults[].fulfillmentText", "alternativeQueryResults[].webhookSource",
	"alternativeQueryResults[].webhookPayload", "alternativeQueryResults[].outputContexts",
	"alternativeQueryResults[].diagnosticInfo", "alternativeQueryResults[].sentimentAnalysisResult",
}

// TestReadKnowsEveryField sets each field of the published requests alone and looks at what becomes of it.
func TestReadKnowsEveryField(t *testing.T) {
	const es = `{"session": "projects/shop/agent/sessions/1",
		"queryResult": {"parameters": {"size": ""}, "intent": {"displayName": "order.track"}}}`
	const cx = `{"sessionInfo": {"session": "projects/shop/locations/l/agents/a/sessions/1"}, "fulfillmentInfo": {"tag": "track"}}`
	for _, c := range []struct {
		platform dialogflow.Platform
		body     string
		request  proto.Message
	}{
		{dialogflow.ES, es, new(dialogflowpb.WebhookRequest)},
		{dialogflow.ES, es, new(betapb.WebhookRequest)},
		{dialogflow.CX, cx, new(cxpb.WebhookRequest)},
	} {
		md := c.request.ProtoReflect().Descriptor()
		t.Run(string(md.FullName()), func(t *testing.T) {
			var body map[string]any
			if err := json.Unmarshal([]byte(c.body), &body); err != nil {
				t.Fatal(err)
			}
			w := walk{t: t, platform: c.platform, root: body}
			w.message(md, body, "")
			if w.fields < 50 {
				t.Errorf("saw %d fields, so something is wrong with this test", w.fields)
			}
		})
	}
}

type walk struct {
	t        *testing.T
	platform dialogflow.Platform
	root     map[string]any
	fields   int
}

// message tries each field of a message that is read into in, which is a part of the root.
func (w *walk) message(md protoreflect.MessageDescriptor, in map[string]any, path string) {
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		name, at := fd.JSONName(), path+fd.JSONName()
		with, without := w.both(in, name, sample(fd))
		if slices.Contains(leftOut, strings.Replace(at, "alternativeQueryResults[].intent.", "queryResult.intent.", 1)) {
			if with != without {
				w.t.Errorf("%s makes a difference and is in the list of those that do not", at)
			}
			continue
		}
		sub := fd.Message()
		if fd.IsMap() {
			sub = fd.MapValue().Message()
		}
		kind := fd.ContainingOneof() != nil && name != "text" // of a message, which is kept whole
		if sub == nil || strings.HasPrefix(string(sub.FullName()), "google.protobuf.") || kind {
			if with == without {
				w.t.Errorf("%s makes no difference", at)
			}
			w.numbered(fd, in)
			continue
		}
		before, had := in[name]
		inner, _ := before.(map[string]any) // nil is as good
		inner = maps.Clone(inner)
		if inner == nil {
			inner = make(map[string]any)
		}
		switch {
		case fd.IsList():
			in[name] = []any{inner}
			w.message(sub, inner, at+"[].")
		case fd.IsMap():
			in[name] = map[string]any{"size": inner}
			w.message(sub, inner, at+"[].")
		default:
			in[name] = inner
			w.message(sub, inner, at+".")
		}
		if in[name] = before; !had {
			delete(in, name)
		}
	}
}

// both reads the root with a field in one of its parts, and without it.
func (w *walk) both(in map[string]any, name string, v any) (with, without string) {
	w.t.Helper()
	w.fields++
	before, had := in[name]
	delete(in, name)
	_, without = w.read()
	in[name] = v
	turn, with := w.read()
	if turn != nil && (len(turn.Unknown) > 0 || turn.Quirks != [len(turn.Quirks)]uint32{}) {
		w.t.Errorf("with %s: unknown %q, quirks %v, want none", name, turn.Unknown, turn.Quirks)
	}
	if in[name] = before; !had {
		delete(in, name)
	}
	return with, without
}

// numbered tries each value of an enum, by name and by number.
func (w *walk) numbered(fd protoreflect.FieldDescriptor, in map[string]any) {
	if fd.Enum() == nil {
		return
	}
	before := in[fd.JSONName()]
	for i := range fd.Enum().Values().Len() {
		value := fd.Enum().Values().Get(i)
		for _, v := range []any{value.Name(), value.Number()} {
			in[fd.JSONName()] = v
			if turn, _ := w.read(); turn == nil || turn.Quirks[dialogflow.UnknownEnumName] > 0 {
				w.t.Errorf("%s %v is not known", fd.FullName(), v)
			}
		}
	}
	if in[fd.JSONName()] = before; before == nil {
		delete(in, fd.JSONName())
	}
}

// read reads the root, and renders the Turn or the error.
func (w *walk) read() (*dialogflow.Turn, string) {
	w.t.Helper()
	body, err := json.Marshal(w.root)
	if err != nil {
		w.t.Fatal(err)
	}
	turn, err := dialogflow.Read(w.platform, body)
	if err != nil {
		return nil, err.Error()
	}
	return turn, string(render(w.t, turn))
}

// sample is a value of a field that is not its default.
func sample(fd protoreflect.FieldDescriptor) any {
	var v any
	switch fd.Kind() {
	case protoreflect.BoolKind:
		v = true
	case protoreflect.StringKind:
		v = "x"
	case protoreflect.EnumKind:
		v = string(fd.Enum().Values().Get(1).Name())
	case protoreflect.MessageKind:
		v = map[string]any{}
		if !fd.IsMap() && fd.Message().FullName() == "google.protobuf.Struct" {
			v = map[string]any{"size": "XL"}
		}
	default:
		v = 2
	}
	switch {
	case fd.IsList():
		return []any{v}
	case fd.IsMap():
		return map[string]any{"size": v}
	default:
		return v
	}
}
