package binding_test

import (
	"bytes"
	"testing"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// A field of type Turn is the same turn that IntentService gets.
func TestMethodTakesTheTurn(t *testing.T) {
	fulfill := intentgatev1.File_intentgate_v1_intent_service_proto.Services().Get(0).Methods().Get(0)
	method, err := binding.Compile(fulfill, binding.Options{Platform: dialogflow.ES})
	if err != nil {
		t.Fatal(err)
	}
	turn := read(t, dialogflow.ES, esBody)
	got, err := method.Call(turn)
	if err != nil {
		t.Fatal(err)
	}
	want, err := binding.NewIntentService(method.Context).Call(turn, false)
	if err != nil {
		t.Fatal(err)
	}
	if got.Method != want.Method || request(t, got.Request).GetTurn().String() != request(t, want.Request).GetTurn().String() {
		t.Errorf("got %s %q, want %s %q", got.Method, got.Request, want.Method, want.Request)
	}
	if request(t, got.Hashed).GetTurn().GetId() != "" || bytes.Equal(got.Hashed, got.Request) {
		t.Error("the turn's id is hashed")
	}
}
