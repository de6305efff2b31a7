package main

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/intentgate/intentgate/gateway/authn"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// The turns that the golden replies answer: what the writer reads of them is what package dialogflow's own test of these
// files has.
const (
	esReplied = `{
  "responseId": "turn-1",
  "session": "projects/shop/agent/sessions/s-1",
  "queryResult": {
    "queryText": "hello", "languageCode": "en-us", "intent": {"displayName": "welcome"},
    "outputContexts": [
      {"name": "projects/shop/agent/sessions/s-1/contexts/__system_counters__", "lifespanCount": 1, "parameters": {"no-input": 0.0}},
      {"name": "projects/shop/agent/sessions/s-1/contexts/shop-orders", "lifespanCount": 3, "parameters": {
        "order_id": "A-1001",
        "order_id.original": "a 1001",
        "big": 9007199254740993,
        "price": {
          "amount": 24795.0,
          "currency": "EUR"
        },
        "price.original": "it\u0027s 24795",
        "forgotten": [1.616583749E9],
        "forgotten.original": "secret"
      }}
    ]
  }
}`
	cxReplied = `{
  "detectIntentResponseId": "turn-1",
  "text": "hello", "languageCode": "en",
  "fulfillmentInfo": {"tag": "order"},
  "pageInfo": {"currentPage": "projects/shop/locations/europe-west1/agents/a-1/flows/f-1/pages/p-1", "displayName": "Order", "formInfo": {"parameterInfo": [
    {"displayName": "size", "required": true, "state": "FILLED", "value": {
      "amount": 9007199254740993.0
    }},
    {"displayName": "colour", "required": true, "state": "EMPTY"},
    {"displayName": "count", "required": true, "state": "FILLED", "value": 1.0},
    {"displayName": "gift", "state": "FILLED", "value": "card"},
    {"displayName": "wrap", "state": "FILLED", "value": true},
    {"displayName": "untouched", "state": "FILLED", "value": 1},
    {"displayName": "note", "state": "INVALID", "value": null}
  ]}},
  "sessionInfo": {"session": "projects/shop/locations/europe-west1/agents/a-1/environments/draft/sessions/s-1"}
}`
)

// TestReplies has the service give every golden reply.
func TestReplies(t *testing.T) {
	t.Parallel()
	g := start(t)
	client := g.dialogflow(t)
	lines := 0
	for _, name := range recorded(t, "replies", ".reply.json", 40) {
		t.Run(name, func(t *testing.T) {
			reply := &intentgatev1.Reply{}
			if err := protojson.Unmarshal(golden(t, "replies", name+".reply.json"), reply); err != nil {
				t.Fatal(err)
			}
			g.service.answers(func(context.Context, *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
				return &intentgatev1.FulfillResponse{Reply: reply}, nil
			})
			body := esReplied
			if strings.HasPrefix(name, "cx-") {
				body = cxReplied
			}
			var want struct {
				Answer  json.RawMessage
				Dropped []string
			}
			if err := json.Unmarshal(golden(t, "replies", name+".answer.golden.json"), &want); err != nil {
				t.Fatal(err)
			}
			got := g.post(t, client, pathOf(name), strings.Replace(body, `esponseId": "`, `esponseId": "`+name, 1))
			if got.StatusCode != http.StatusOK || compacted(t, got.body) != compacted(t, string(want.Answer)) {
				t.Errorf("status %d, answer\n%s\nwant 200 and\n%s", got.StatusCode, got.body, want.Answer)
			}
			lines++
			line := g.log.await(t, lines, entry{"msg": "Turn"})[lines-1]
			for i, sentence := range want.Dropped {
				want.Dropped[i] = authn.Printable(regexp.MustCompile(`"[^"]*"`).ReplaceAllString(sentence, `"…"`)) // the log cuts it, and quotes no reply
			}
			if dropped := strings.Join(want.Dropped, ", "); line.text("dropped") != dropped {
				t.Errorf("the log says that %q was dropped, want %q", line.text("dropped"), dropped)
			}
		})
	}
}

// compacted is JSON without white space and needless escapes; numbers stay as they are written.
func compacted(t *testing.T, text string) string {
	t.Helper()
	value := jsontext.Value(text)
	if err := value.Compact(jsontext.PreserveRawStrings(false)); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return string(value)
}
