package dialogflow_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"cloud.google.com/go/dialogflow/apiv2/dialogflowpb"
	betapb "cloud.google.com/go/dialogflow/apiv2beta1/dialogflowpb"
	"cloud.google.com/go/dialogflow/cx/apiv3/cxpb"
	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// A dialect is a kind of agent that replies are written for; the first part of a golden file's name is its name.
type dialect struct {
	name     string
	turn     func() *dialogflow.Turn
	options  dialogflow.WriteOptions
	response func() proto.Message
}

var dialects = []dialect{
	{
		name: "es", turn: esTurn,
		options:  dialogflow.WriteOptions{API: dialogflow.V2, Context: "shop-orders", ContextLifespan: 5},
		response: func() proto.Message { return new(dialogflowpb.WebhookResponse) },
	},
	{
		name: "esbeta", turn: esTurn,
		options:  dialogflow.WriteOptions{API: dialogflow.V2Beta1, Context: "shop-orders", ContextLifespan: 5},
		response: func() proto.Message { return new(betapb.WebhookResponse) },
	},
	{
		name: "cx", turn: cxTurn,
		options:  dialogflow.WriteOptions{API: dialogflow.V3},
		response: func() proto.Message { return new(cxpb.WebhookResponse) },
	},
}

// esTurn is what every ES reply in testdata answers. Its values are written the way Dialogflow writes them.
func esTurn() *dialogflow.Turn {
	return &dialogflow.Turn{
		Platform: dialogflow.ES,
		ID:       "turn-1",
		Session:  dialogflow.Session{Name: "projects/shop/agent/sessions/s-1", Project: "shop", ID: "s-1"},
		Language: "en-us",
		Contexts: []dialogflow.Context{
			{Name: "__system_counters__", Lifespan: 1, Object: dialogflow.Value(`{"no-input": 0.0}`)},
			{Name: "shop-orders", Lifespan: 3, Object: dialogflow.Value(`{
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
			}`)},
		},
	}
}

// cxTurn is what every CX reply in testdata answers.
func cxTurn() *dialogflow.Turn {
	const agent = "projects/shop/locations/europe-west1/agents/a-1"
	return &dialogflow.Turn{
		Platform: dialogflow.CX,
		ID:       "turn-1",
		Session: dialogflow.Session{
			Name:    agent + "/environments/draft/sessions/s-1",
			Project: "shop", Location: "europe-west1", Agent: "a-1", Environment: "draft", ID: "s-1",
		},
		Language: "en",
		Page: dialogflow.Page{Name: agent + "/flows/f-1/pages/p-1", DisplayName: "Order", Form: []dialogflow.FormParameter{
			{Name: "size", Required: true, State: "FILLED", Value: dialogflow.Value("{\n  \"amount\": 9007199254740993.0\n}")},
			{Name: "colour", Required: true, State: "EMPTY"},
			{Name: "count", Required: true, State: "FILLED", Value: dialogflow.Value("1.0")},
			{Name: "gift", State: "FILLED", Value: dialogflow.Value(`"card"`)},
			{Name: "wrap", State: "FILLED", Value: dialogflow.Value("true")},
			{Name: "untouched", State: "FILLED", Value: dialogflow.Value("1")},
			{Name: "note", State: "INVALID", Value: dialogflow.Value("null")},
		}},
	}
}

// TestWriteGolden plays every reply of testdata/replies: dropping a file in adds a case.
func TestWriteGolden(t *testing.T) {
	const suffix = ".reply.json"
	files, err := filepath.Glob("../testdata/replies/*" + suffix)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 40 {
		t.Fatalf("%d replies: want at least 40", len(files))
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), suffix)
		t.Run(name, func(t *testing.T) {
			d := dialectOf(t, name)
			body, dropped, err := dialogflow.Write(d.turn(), readReply(t, file), d.options)
			if err != nil {
				t.Fatal(err)
			}
			checkCanonical(t, body, d.response())
			golden(t, strings.TrimSuffix(file, suffix)+".answer.golden.json", document(t, body, dropped))
		})
	}
}

func dialectOf(t *testing.T, name string) dialect {
	t.Helper()
	prefix, _, _ := strings.Cut(name, "-")
	for _, d := range dialects {
		if d.name == prefix {
			return d
		}
	}
	t.Fatalf("%s: the name begins with no dialect", name)
	return dialect{}
}

func readReply(t *testing.T, file string) *intentgatev1.Reply {
	t.Helper()
	text, err := os.ReadFile(file) //nolint:gosec // the path is of this repository
	if err != nil {
		t.Fatal(err)
	}
	reply := new(intentgatev1.Reply)
	if err := protojson.Unmarshal(text, reply); err != nil {
		t.Fatal(err)
	}
	// Through the wire, as a reply comes to the gateway.
	wire, err := proto.Marshal(reply)
	if err != nil {
		t.Fatal(err)
	}
	reply = new(intentgatev1.Reply)
	if err := proto.Unmarshal(wire, reply); err != nil {
		t.Fatal(err)
	}
	return reply
}

// document is an answer with what was dropped from it, for people to read; numbers and strings stay as written.
func document(t *testing.T, body []byte, dropped []string) []byte {
	t.Helper()
	text, err := json.Marshal(map[string]any{"answer": json.RawMessage(body), "dropped": dropped})
	if err != nil {
		t.Fatal(err)
	}
	value := jsontext.Value(text)
	if err := value.Indent(jsontext.WithIndent("  "), jsontext.PreserveRawStrings(true)); err != nil {
		t.Fatal(err)
	}
	return append(value, '\n')
}

// checkCanonical proves that an answer means the same to Google's own types, read strictly, and that it is minimal:
// what they would write of it is what it says, but for a lifespan of 0.
func checkCanonical(t *testing.T, body []byte, response proto.Message) {
	t.Helper()
	if len(body) > dialogflow.MaxAnswer {
		t.Errorf("answer of %d bytes", len(body))
	}
	if !jsontext.Value(body).IsValid() {
		t.Fatalf("answer is no JSON: %q", body)
	}
	if err := protojson.Unmarshal(body, response); err != nil {
		t.Fatalf("%T does not take %s: %v", response, body, err)
	}
	canonical, err := protojson.Marshal(response)
	if err != nil {
		t.Fatal(err)
	}
	got, want := decode(t, body), decode(t, canonical)
	if contexts, ok := got["outputContexts"].([]any); ok {
		for _, c := range contexts {
			if c, ok := c.(map[string]any); ok && c["lifespanCount"] == 0.0 {
				delete(c, "lifespanCount")
			}
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %s\nwant %s", body, canonical)
	}
}

func decode(t *testing.T, text []byte) map[string]any {
	t.Helper()
	var value map[string]any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	return value
}
