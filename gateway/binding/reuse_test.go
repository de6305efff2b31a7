package binding_test

import (
	"bytes"
	"sync"
	"testing"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// What a call holds is its own, whatever is put together after it and beside it.
func TestCallsShareNothing(t *testing.T) {
	var turns []*dialogflow.Turn
	var want []binding.Call
	for range 20 {
		for _, turn := range []*dialogflow.Turn{read(t, dialogflow.ES, esBody), read(t, dialogflow.CX, cxBody)} {
			call, err := binding.NewIntentService(binding.IntentServiceOptions{Context: "shop-orders", WebhookJSON: true}).Call(turn)
			if err != nil {
				t.Fatal(err)
			}
			turns, want = append(turns, turn), append(want, call)
		}
	}
	orders := binding.NewIntentService(binding.IntentServiceOptions{Context: "shop-orders", WebhookJSON: true})
	broken := &dialogflow.Turn{Parameters: dialogflow.Parameters{{Name: "broken", Value: dialogflow.Value("{")}}}
	got := make([]binding.Call, len(turns))
	var calls sync.WaitGroup
	for i, turn := range turns {
		calls.Go(func() {
			if _, err := orders.Call(broken); err == nil {
				t.Error("no error for a value that is no JSON")
			}
			var err error
			if got[i], err = orders.Call(turn); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	for i := range want {
		if !bytes.Equal(got[i].Request, want[i].Request) || !bytes.Equal(got[i].Hashed, want[i].Hashed) {
			t.Errorf("call %d is another one", i)
		}
	}
}
