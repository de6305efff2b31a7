package binding_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strconv"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// FuzzCall: whatever the reader takes for a turn becomes a request that protobuf reads, whose parameters say what the
// JSON said, number by number; and what is hashed is that request without the turn's id and the webhook's JSON.
func FuzzCall(f *testing.F) {
	f.Add(false, []byte(esBody))
	f.Add(true, []byte(cxBody))
	files, err := filepath.Glob("../testdata/turns/*.good.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		f.Add(platformOf(filepath.Base(file)) == dialogflow.CX, readFile(f, file))
	}
	f.Fuzz(func(t *testing.T, cx bool, body []byte) {
		platform := dialogflow.ES
		if cx {
			platform = dialogflow.CX
		}
		turn, err := dialogflow.Read(platform, body)
		if err != nil {
			t.Skip()
		}
		got := call(t, turn, true)
		message := request(t, got.Request)
		if message.GetTurn().GetId() != turn.ID || !bytes.Equal(message.GetWebhookJson(), body) {
			t.Error("the id or the body got lost")
		}
		for _, p := range turn.Parameters {
			same(t, p.Name, p.Value, message.GetParameters().GetFields()[p.Name])
			same(t, p.Name, p.Value, message.GetTurn().GetIntent().GetParameters()[p.Name].GetValue())
		}
		for _, p := range turn.SessionParameters {
			same(t, p.Name, p.Value, message.GetTurn().GetSessionParameters().GetFields()[p.Name])
		}
		message.Turn.Id, message.WebhookJson = "", nil
		if !proto.Equal(message, request(t, got.Hashed)) {
			t.Errorf("hashed is %v, want %v", request(t, got.Hashed), message)
		}
	})
}

// same compares a Value with the JSON that it was made of.
func same(t *testing.T, name string, raw dialogflow.Value, got *structpb.Value) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var want any
	if err := decoder.Decode(&want); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	if !equal(want, got) {
		t.Errorf("%q: got %v, want %s", name, got, raw)
	}
}

func equal(want any, got *structpb.Value) bool {
	switch want := want.(type) {
	case nil:
		_, ok := got.GetKind().(*structpb.Value_NullValue)
		return ok
	case bool:
		return got.GetKind() != nil && got.AsInterface() == want
	case string:
		return got.GetKind() != nil && got.AsInterface() == want
	case json.Number:
		if _, ok := got.GetKind().(*structpb.Value_StringValue); ok {
			return got.GetStringValue() == want.String()
		}
		f, err := strconv.ParseFloat(want.String(), 64)
		_, ok := got.GetKind().(*structpb.Value_NumberValue)
		return ok && err == nil && got.GetNumberValue() == f
	case []any:
		values := got.GetListValue().GetValues()
		if got.GetListValue() == nil || len(values) != len(want) {
			return false
		}
		for i := range want {
			if !equal(want[i], values[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		fields := got.GetStructValue().GetFields()
		if got.GetStructValue() == nil || len(fields) != len(want) {
			return false
		}
		for name := range want {
			if !equal(want[name], fields[name]) {
				return false
			}
		}
		return true
	default:
		return false
	}
}
