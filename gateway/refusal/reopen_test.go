package refusal_test

import (
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/refusal"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// collecting are the contexts of an ES agent that has collected a size, and asks for a colour.
func collecting() []dialogflow.Context {
	slots := dialogflow.Value(`{"Size": 7, "Size.original": "seven", "colour": "", "colour.original": ""}`)
	return []dialogflow.Context{
		{Name: "shop_order-new_dialog_context", Lifespan: 2, Object: slots},
		{Name: "0A1B_id_dialog_context", Lifespan: 2, Object: slots},
		{Name: "shop_order-new_dialog_params_colour", Lifespan: 1, Object: slots},
		{Name: "shop_order-new_dialog_params_size", Lifespan: 1, Object: slots},
		{Name: "other_dialog_context", Lifespan: 2, Object: slots},
		{Name: "ffff_id_dialog_context", Lifespan: 2, Object: slots},
		{Name: "size", Lifespan: 2, Object: slots},
	}
}

// TestReopened has ES asked to ask again, with contexts of that intent only, and only where slots are being filled.
func TestReopened(t *testing.T) {
	t.Parallel()
	const again = `{"texts": ["No."], "contexts": [
		{"name": "shop_order-new_dialog_context", "lifespan": 2, "parameters": {"Size": "", "Size.original": ""}},
		{"name": "0A1B_id_dialog_context", "lifespan": 2, "parameters": {"Size": "", "Size.original": ""}},
		{"name": "shop_order-new_dialog_params_colour"},
		{"name": "shop_order-new_dialog_params_size", "lifespan": 1}]}`
	for name, c := range map[string]struct {
		field    string
		platform dialogflow.Platform
		contexts []dialogflow.Context
		reopen   bool
		want     string
	}{
		"on":                {"Size", dialogflow.ES, collecting(), true, again},
		"off":               {"Size", dialogflow.ES, collecting(), false, `{"texts": ["No."]}`},
		"no slots":          {"Size", dialogflow.ES, collecting()[4:], true, `{"texts": ["No."]}`},
		"no such parameter": {"weight", dialogflow.ES, collecting(), true, `{"texts": ["No."]}`},
		"by ID only": {
			"Size", dialogflow.ES, collecting()[1:2], true,
			`{"texts": ["No."], "contexts": [{"name": "0A1B_id_dialog_context", "lifespan": 2, "parameters": {"Size": "", "Size.original": ""}}]}`,
		},
		"CX": {"Size", dialogflow.CX, collecting(), true, `{"texts": ["No."]}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			turn := &dialogflow.Turn{
				Platform: c.platform, Language: "en", Contexts: c.contexts,
				Intent: dialogflow.Intent{Name: "projects/shop/agent/intents/0a1b", DisplayName: "Shop.Order-new"},
			}
			got, _, _ := refusal.OfStatus(turn, pack(t, badIn(c.field, text("en", "No."))), fields{t}, c.reopen)
			want := new(intentgatev1.Reply)
			if err := protojson.Unmarshal([]byte(c.want), want); err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}
