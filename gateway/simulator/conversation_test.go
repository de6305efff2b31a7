package simulator_test

import (
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/simulator"
)

// requested is what a conversation asks, as far as these tests look.
type requested struct {
	ResponseID  string `json:"responseId"`
	Session     string `json:"session"`
	QueryResult struct {
		QueryText      string
		OutputContexts []struct {
			Name          string
			LifespanCount int
			Parameters    map[string]any
		}
	}
	SessionInfo struct {
		Session    string
		Parameters map[string]any
	}
	IntentInfo struct {
		Parameters map[string]struct{ OriginalValue, ResolvedValue any }
	}
	Text, TriggerEvent, AgentID *string
	Messages                    []struct{ Source string }
}

// contexts are the lifespans by ID, the system's own left out.
func (r requested) contexts() map[string]int {
	all := map[string]int{}
	for _, c := range r.QueryResult.OutputContexts {
		if _, id, _ := strings.Cut(c.Name, r.Session+"/contexts/"); id != "__system_counters__" {
			all[id] = c.LifespanCount
		}
	}
	return all
}

// talk returns a client whose webhook gives the answers one after another, and the requests that came.
func talk(t *testing.T, answers ...string) (*simulator.Client, *[]requested) {
	t.Helper()
	var came []requested
	client := webhook(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var one requested
		if err := json.Unmarshal(body, &one); err != nil {
			t.Errorf("%v: %s", err, body)
		}
		came = append(came, one)
		_, _ = io.WriteString(w, answers[len(came)-1])
	})
	return client, &came
}

func TestConversationES(t *testing.T) {
	t.Parallel()
	const session = "projects/shop/agent/environments/e/users/-/sessions/s-9"
	name := `"name": "` + session + `/contexts/`
	client, came := talk(t,
		`{"outputContexts": [{`+name+`Order", "lifespanCount": 2, "parameters": {"id": 1}}, {`+name+`other", "lifespanCount": 5}]}`,
		`{"outputContexts": [{`+name+`OTHER"}]}`,
		`{"outputContexts": [{"name": "other", "lifespanCount": 9}]}`, // is refused
		`{}`, `{}`,
		`{"outputContexts": [{"name": "projects/p/agent/sessions/two/contexts/c", "lifespanCount": 3}]}`,
		`{}`)
	conversation := simulator.NewConversation(client, simulator.Agent{
		API: dialogflow.V2, Name: "projects/shop/agent/environments/e/users/-", Session: "s-9", Language: "en", Undocumented: true,
	})
	for i, want := range []map[string]int{{}, {"order": 1, "other": 4}, {"order": 0}, {}} {
		exchange, err := conversation.Say(t.Context(), simulator.Utterance{Event: "E", Parameters: map[string]any{"n": json.Number("9007199254740993")}})
		if (err == nil) != (i != 2) || exchange.Outcome.Accepted != (i != 2) || !strings.Contains(string(exchange.Request), "9007199254740993") {
			t.Errorf("turn %d: %v, %+v", i+1, err, exchange.Outcome)
		}
		got := (*came)[i]
		if got.Session != session || got.ResponseID == "" || got.QueryResult.QueryText != "E" || got.AgentID == nil || !reflect.DeepEqual(got.contexts(), want) {
			t.Errorf("turn %d: %+v\nwant contexts %v", i+1, got, want)
		}
	}
	// A request that is there already says where the conversation is.
	const whole = `{"session": "projects/p/agent/sessions/two", "queryResult": {"outputContexts": [
		{"name": "projects/p/agent/sessions/two/contexts/theirs", "lifespanCount": 4}]}}`
	if exchange, err := conversation.Send(t.Context(), []byte(whole)); err != nil || string(exchange.Request) != whole {
		t.Errorf("%v: %s", err, exchange.Request)
	}
	for i, want := range []map[string]int{{"theirs": 3}, {"theirs": 2, "c": 2}} {
		if exchange, err := conversation.Say(t.Context(), simulator.Utterance{}); err != nil || strings.Contains(string(exchange.Request), "null") {
			t.Errorf("%v: %s", err, exchange.Request)
		}
		if got := (*came)[5+i]; got.Session != "projects/p/agent/sessions/two" || !reflect.DeepEqual(got.contexts(), want) {
			t.Errorf("after it, turn %d: %+v\nwant contexts %v", i+1, got, want)
		}
	}
}

func TestConversationCX(t *testing.T) {
	t.Parallel()
	client, came := talk(t,
		`{"sessionInfo": {"parameters": {"b": {"x": 1}, "c": 2}}}`, `{"session_info": {"parameters": {"c": null, "never": null}}}`, `{}`)
	conversation := simulator.NewConversation(client, simulator.Agent{API: dialogflow.V3, Name: cxAgent, Language: "en"})
	b := map[string]any{"x": 1.0}
	for i, want := range []map[string]any{{"a": "1"}, {"a": "2", "b": b, "c": 2.0}, {"a": "2", "b": b}} {
		said := []simulator.Utterance{
			{Text: "t", Parameters: map[string]any{"a": "1"}}, {Event: "E", Parameters: map[string]any{"a": "2"}}, {},
		}[i]
		if _, err := conversation.Say(t.Context(), said); err != nil {
			t.Error(err)
		}
		got := (*came)[i]
		if !reflect.DeepEqual(got.SessionInfo.Parameters, want) || len(got.IntentInfo.Parameters) != len(said.Parameters) ||
			!strings.HasPrefix(got.SessionInfo.Session, cxAgent+"/sessions/") || (got.TriggerEvent != nil) != (said.Event != "") || (got.Text == nil) != (said.Event != "") ||
			got.AgentID != nil || got.Messages != nil {
			t.Errorf("turn %d: %+v\nwant parameters %v", i+1, got, want)
		}
	}
}

// TestRequests has the gateway read what conversations ask, which has fields that it does not know only where it is to.
func TestRequests(t *testing.T) {
	t.Parallel()
	for _, undocumented := range []bool{true, false} {
		for _, agent := range []simulator.Agent{
			{API: dialogflow.V2, Name: "projects/shop/agent"},
			{API: dialogflow.V3, Name: cxAgent + "/environments/live"},
		} {
			platform := dialogflow.ES
			if agent.API == dialogflow.V3 {
				platform = dialogflow.CX
			}
			agent.Undocumented, agent.Language = undocumented, "en"
			body, err := simulator.NewConversation(nil, agent).Request(simulator.Utterance{
				Text: "t", Intent: "i", Action: "a", Tag: "g", Parameters: map[string]any{"n": 1, "s": "x", "o": map[string]any{"k": nil}},
			})
			if err != nil {
				t.Fatal(err)
			}
			turn, err := dialogflow.Read(platform, body)
			for _, words := range []string{`{\"k\":null}`, "x", "1"} {
				if platform == dialogflow.CX && !strings.Contains(string(body), `"originalValue": "`+words+`"`) {
					t.Errorf("the user's words %s for a value are missing: %s", words, body)
				}
			}
			if err != nil || turn.Session.Project != "shop" || turn.Language != "en" || turn.Input.Text != "t" || len(turn.Unknown) > 0 != undocumented {
				t.Errorf("%v: %+v\n%s", err, turn, body)
			}
		}
	}
}
