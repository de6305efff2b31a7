package binding_test

import (
	"reflect"
	"testing"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
)

func TestDescribe(t *testing.T) {
	const es, cx = dialogflow.ES, dialogflow.CX
	intent, places := []string{"intent"}, []string{"form", "intent", "session"}
	for _, c := range []struct {
		method   string
		platform dialogflow.Platform
		want     binding.RequestField
	}{
		{"Origins", es, binding.RequestField{Path: "said", Type: "string", From: "query_text", Names: []string{}}},
		{"Origins", es, binding.RequestField{Path: "caller", Type: "string", From: "payload", Names: []string{"telephony.caller_id"}}},
		{"Origins", es, binding.RequestField{Path: "remembered_otherwise", Type: "string", From: "parameter", Names: []string{"remembered"}, ES: []string{"intent", "context second", "context first"}}},
		{"Origins", cx, binding.RequestField{Path: "remembered_otherwise", Type: "string", From: "parameter", Names: []string{"remembered"}, CX: places}},
		{"Origins", cx, binding.RequestField{Path: "from_intent", Type: "string", From: "parameter", Names: []string{"where"}, CX: []string{"intent"}}},
		{"Origins", cx, binding.RequestField{Path: "pin", Type: "int32", From: "parameter", Names: []string{"pin"}, CX: places, Sensitive: true}},
		{"Joins", es, binding.RequestField{Path: "pick_up", Type: "google.type.DateTime", From: "join", Names: []string{"day", "time"}, ES: intent}},
		{"Kinds", es, binding.RequestField{Path: "size", Type: "kinds.v1.Size", From: "parameter", Names: []string{"size"}, ES: intent, Words: []string{"SMALL", "LARGE", "BELOW", "tiny", "Extra Klein", "große"}}},
		{"Kinds", es, binding.RequestField{Path: "items", Type: "repeated kinds.v1.Item", From: "parameter", Names: []string{"items"}, ES: intent}},
		{"Kinds", es, binding.RequestField{Path: "by_flag", Type: "map<bool, kinds.v1.Item>", From: "parameter", Names: []string{"by_flag"}, ES: intent}},
		{"Kinds", es, binding.RequestField{Path: "items.price", Type: "google.type.Money", From: "parameter", Names: []string{"price"}}},
		{"Kinds", es, binding.RequestField{Path: "line.count", Type: "int32", From: "parameter", Names: []string{"quantity", "number"}}},
		{"Kinds", es, binding.RequestField{Path: "tree.left", Type: "kinds.v1.Tree", From: "parameter", Names: []string{"left"}}},
		{"Ruled", es, binding.RequestField{Path: "order_id", Type: "string", From: "parameter", Names: []string{"order_id"}, ES: intent, Rules: []string{"required", "string.pattern"}, Reprompt: true, Required: true}},
		{"Ruled", es, binding.RequestField{Path: "plate", Type: "string", From: "parameter", Names: []string{"plate"}, ES: intent, Rules: []string{"string.…"}}},
		{"Ruled", es, binding.RequestField{Path: "pin", Type: "string", From: "parameter", Names: []string{"pin"}, ES: intent, Rules: []string{"this.size() < 5 ? '' : 'a pin has four digits, and not ' + this"}, Sensitive: true}},
		{"Whole", es, binding.RequestField{Path: "turn", Type: "intentgate.v1.Turn", From: "turn"}},
	} {
		service := "KindsService."
		if c.method == "Ruled" {
			service = "RulesService."
		}
		method := compile(t, service+c.method, binding.Options{Platform: c.platform, TimeZone: berlin(t)})
		found := false
		for _, got := range method.Describe().Request {
			if got.Path == c.want.Path {
				found = true
				if !reflect.DeepEqual(got, c.want) {
					t.Errorf("%v: got %+v, want %+v", c.platform, got, c.want)
				}
			}
			if got.Path == "tree.left.name" {
				t.Error("a message that holds itself is described again")
			}
		}
		if !found {
			t.Errorf("%s has no field %s", c.method, c.want.Path)
		}
	}
}
