package conversation_test

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/intentgate/intentgate/gateway/conversation"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/simulator"
	"github.com/intentgate/intentgate/services/mtls/mtlstest"
)

// perform plays the conversations of a file on ES with a webhook that gives these answers, an answer that begins with a digit
// being an HTTP status, and services that get these calls in each turn.
func perform(t *testing.T, file *conversation.File, platform string, calls []simulator.Call, answers ...string) (results []*conversation.Result) {
	t.Helper()
	ca, agent, asked := mtlstest.NewCA(t), "projects/shop/agent", 0
	api := dialogflow.V2
	if platform == conversation.CX {
		api, agent = dialogflow.V3, "projects/shop/locations/l/agents/a"
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer := answers[min(asked, len(answers)-1)]
		if asked++; answer[0] != '{' {
			w.WriteHeader(int(answer[0]-'0') * 100)
			return
		}
		_, _ = io.WriteString(w, strings.NewReplacer("SESSION", agent+"/sessions/s", "AGENT", agent).Replace(answer))
	}))
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{ca.Issue(ca.Leaf("dns:hook.test")).TLS()}}
	server.StartTLS()
	t.Cleanup(server.Close)
	client, err := simulator.New(simulator.Config{URL: server.URL, TLS: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: ca.Pool(), ServerName: "hook.test"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	whose := simulator.Agent{API: api, Name: agent, Session: "s"}
	if calls != nil {
		whose.Calls = func(string) []simulator.Call { return calls }
	}
	for _, c := range file.Conversations {
		if c.Plays(platform) {
			results = append(results, c.Play(t.Context(), client, whose))
		}
	}
	return results
}

func parsed(t *testing.T, data []byte) *conversation.File {
	t.Helper()
	file, err := conversation.Parse("testdata/file.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

var (
	// What the webhook of es.wrong.yaml answers, and what each of its turns calls.
	wrongAnswers = []string{
		`{"fulfillmentMessages": [{"text": {"text": ["first"]}}, {"text": {"text": ["the last"]}}], "payload": {"x": [1, 3]},
		  "outputContexts": [{"name": "SESSION/contexts/c", "lifespanCount": 5, "parameters": {
		    "n": 1, "big": 9007199254740992, "yes": true, "gone": "no", "list": [1, {"a": "c"}], "o": {"k": "w", "same": 1}, "date": "2026-12-01"}},
		    {"name": "SESSION/contexts/d", "lifespanCount": 1}]}`,
		`{"fulfillmentMessages": [{"text": {"text": ["two"]}}, {"text": {"text": ["texts"]}}]}`,
		`{"fulfillmentText": "a\nb: c"}`,
		`{"fulfillmentText": "yes"}`,
		`3`,
		`5`, `{"followupEventInput": {"name": "never"}}`, `{"fulfillmentText": "x", "followupEventInput": {"name": "E"}}`,
	}
	wrongCalls = []simulator.Call{{Method: "shop.v1.OrderService/Track", Request: json.RawMessage(`{"orderId": "A", "turn": {"id": "x"}}`)}}
)

// seconds are what no two runs have alike.
var seconds = regexp.MustCompile(`[0-9]+\.[0-9]{3}(s?)`)

func TestWrong(t *testing.T) {
	t.Parallel()
	results := perform(t, parsed(t, read(t, "es.wrong.yaml")), conversation.ES, wrongCalls, wrongAnswers...)
	var text, report strings.Builder
	for _, r := range results {
		if !r.Failed() {
			t.Errorf("%s is as expected", r.Name)
		}
		text.WriteString(r.Text(false))
	}
	golden(t, "es.wrong.golden.txt", seconds.ReplaceAllString(text.String(), "0.001$1"))
	results = append(results, parsed(t, read(t, "everything.good.yaml")).Conversations[0].Skipped("CX", "not <today>"),
		parsed(t, read(t, "everything.good.yaml")).Conversations[0].Failed("ES", io.ErrUnexpectedEOF))
	if err := conversation.WriteJUnit(&report, results); err != nil {
		t.Fatal(err)
	}
	golden(t, "junit.golden.xml", seconds.ReplaceAllString(report.String(), "0.001$1"))
}
