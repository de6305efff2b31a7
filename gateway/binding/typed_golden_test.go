package binding_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// heard is what becomes of a turn whose method is TurnsService.Hear, whose service echoes what it hears.
type heard struct {
	Request json.RawMessage `json:"request,omitempty"`
	Answer  json.RawMessage `json:"answer,omitempty"`
	Error   string          `json:"error,omitempty"` // instead
}

// TestTypedGolden plays those good turns of testdata/turns that have a typed.golden.json: touching one adds a case.
func TestTypedGolden(t *testing.T) {
	const suffix = ".typed.golden.json"
	files, err := filepath.Glob("../testdata/turns/*" + suffix)
	if err != nil || len(files) == 0 {
		t.Fatalf("%d turns, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), suffix)
		t.Run(name, func(t *testing.T) {
			options := binding.Options{Platform: platformOf(name)}
			if options.Platform == dialogflow.CX {
				options.TimeZone = berlin(t)
			}
			turn := read(t, options.Platform, string(readFile(t, strings.TrimSuffix(file, suffix)+".good.json")))
			text, err := json.MarshalIndent(hear(t, compile(t, "TurnsService.Hear", options), turn), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, file, append(text, '\n'))
		})
	}
}

func hear(t *testing.T, method *typed, turn *dialogflow.Turn) heard {
	t.Helper()
	call, err := method.Call(turn)
	if invalid, ok := errors.AsType[*binding.InvalidError](err); ok {
		return heard{Error: invalid.Error()}
	}
	if err != nil {
		t.Fatal(err)
	}
	// The fields of request and response have the same numbers and types.
	response := dynamicpb.NewMessage(descriptor(t, "TurnsService.Hear").Output())
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(call.Request, response); err != nil {
		t.Fatal(err)
	}
	if fields := response.Descriptor().Fields(); !response.Has(fields.ByName("order_id")) {
		reply := dynamicpb.NewMessage(response.Descriptor())
		if err := protojson.Unmarshal([]byte(`{"reply": {"texts": ["Which order?"], "sessionParameters": {"asked": true}}}`), reply); err != nil {
			t.Fatal(err)
		}
		proto.Merge(response, reply)
	}
	wire, err := proto.Marshal(response)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := method.Answer(wire)
	if err != nil {
		t.Fatal(err)
	}
	var options dialogflow.WriteOptions
	options.Context, options.ContextLifespan = method.Context()
	body, dropped, err := dialogflow.Write(turn, answer.Reply, options)
	if err != nil || len(dropped) > 0 {
		t.Fatalf("%v, %q", err, dropped)
	}
	return heard{Request: document(t, method.decode(t, call.Request)), Answer: body}
}
