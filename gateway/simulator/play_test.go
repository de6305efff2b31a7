package simulator_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/simulator"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// asks is what a webhook was asked in a turn, as far as these tests look.
type asks struct {
	ResponseID, DetectIntentResponseID, LanguageCode string
	QueryResult                                      struct {
		QueryText, Action, FulfillmentText, LanguageCode string
		AllRequiredParamsPresent                         *bool
		Parameters                                       map[string]any
		Intent                                           struct{ DisplayName string }
		OutputContexts                                   []struct {
			Name          string
			LifespanCount int
			Parameters    map[string]any
		}
	}
	FulfillmentInfo struct{ Tag string }
	IntentInfo      struct {
		DisplayName string
		Parameters  map[string]any
	}
	PageInfo struct {
		CurrentPage string
		FormInfo    struct {
			ParameterInfo []struct {
				DisplayName, State      string
				Value                   any
				Required, JustCollected bool
			}
		}
	}
	SessionInfo struct{ Parameters map[string]any }
}

// es tells of a request in one line: `intent action parameters`, and + where all required ones are there.
func (a asks) es() string {
	parameters, _ := json.Marshal(a.QueryResult.Parameters)
	whole := ""
	if a.QueryResult.AllRequiredParamsPresent != nil {
		whole = " +"
	}
	return fmt.Sprintf("%s %s %s%s", a.QueryResult.Intent.DisplayName, a.QueryResult.Action, parameters, whole)
}

// cx likewise: `tag form session intent-parameters`, the form's values with the first letter of their states and * where they
// are just collected.
func (a asks) cx() string {
	form := []string{}
	for _, p := range a.PageInfo.FormInfo.ParameterInfo {
		just := ""
		if p.JustCollected {
			just = "*"
		}
		form = append(form, fmt.Sprintf("%s:%s%v%s", p.DisplayName, p.State[:1], p.Value, just))
	}
	session, _ := json.Marshal(a.SessionInfo.Parameters)
	return fmt.Sprintf("%s %v %s %d", a.FulfillmentInfo.Tag, form, session, len(a.IntentInfo.Parameters))
}

// stage is an agent whose webhook gives answers one after another. In an answer, SESSION and AGENT are the resource names. An
// answer that begins with a digit is an HTTP status.
type stage struct {
	*simulator.Conversation

	asked []asks
}

func plays(t *testing.T, api dialogflow.API, design *gatewayv1.ConversationAgent, answers ...string) *stage {
	t.Helper()
	s := &stage{}
	agent := simulator.Agent{API: api, Name: "projects/shop/agent", Session: "s", Language: "en", Design: design}
	if api == dialogflow.V3 {
		agent.Name = cxAgent
	}
	client := webhook(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var one asks
		if err := json.Unmarshal(body, &one); err != nil {
			t.Errorf("%v: %s", err, body)
		}
		if s.asked = append(s.asked, one); len(s.asked) > len(answers) {
			t.Errorf("one call too many: %s", body)
			return
		}
		answer := answers[len(s.asked)-1]
		if answer[0] != '{' {
			w.WriteHeader(int(answer[0]-'0') * 100)
			return
		}
		_, _ = io.WriteString(w, strings.NewReplacer("SESSION", agent.Name+"/sessions/s", "AGENT", agent.Name).Replace(answer))
	})
	s.Conversation = simulator.NewConversation(client, agent)
	return s
}

// step is a turn: what is said, how the webhook is asked, and what is heard.
type step struct {
	line  *gatewayv1.ConversationTurn
	asked []string
	heard []string
	form  map[string]string // state afterwards; nil: not looked at
}

func (s *stage) run(t *testing.T, steps ...step) (turns []simulator.Turn) {
	t.Helper()
	for i, step := range steps {
		before := len(s.asked)
		turn, err := s.Play(t.Context(), step.line)
		if err != nil {
			t.Fatalf("turn %d: %v", i+1, err)
		}
		var asked []string
		for _, one := range s.asked[before:] {
			if one.ResponseID != "" {
				asked = append(asked, one.es())
			} else {
				asked = append(asked, one.cx())
			}
		}
		if !reflect.DeepEqual(asked, step.asked) {
			t.Errorf("turn %d: asked %q, want %q", i+1, asked, step.asked)
		}
		if !reflect.DeepEqual(turn.Heard, step.heard) {
			t.Errorf("turn %d: heard %q, want %q; %v", i+1, turn.Heard, step.heard, turn.Problems)
		}
		if form := s.State().Form; step.form != nil && !reflect.DeepEqual(form, step.form) {
			t.Errorf("turn %d: the form is %v, want %v", i+1, form, step.form)
		}
		turns = append(turns, turn)
	}
	return turns
}

func text(english string) map[string]string {
	return map[string]string{"en": english, "de": "auf Deutsch: " + english}
}

func says(what string) *gatewayv1.ConversationTurn { return &gatewayv1.ConversationTurn{Say: what} }

func means(intent string, parameters ...any) *gatewayv1.ConversationTurn {
	turn := &gatewayv1.ConversationTurn{Say: "t", Intent: intent, Parameters: &structpb.Struct{Fields: map[string]*structpb.Value{}}}
	for pair := range slices.Chunk(parameters, 2) {
		name, _ := pair[0].(string)
		turn.Parameters.Fields[name], _ = structpb.NewValue(pair[1])
	}
	return turn
}

func booking() *gatewayv1.ConversationAgent {
	form := []*gatewayv1.ConversationAgent_Parameter{
		{Name: "date", Required: true, Prompt: text("Which day?"), Reprompt: text("Which other day?")},
		{Name: "people", Prompt: text("How many?")},
		{Name: "time", Required: true, Prompt: text("What time?")},
	}
	return &gatewayv1.ConversationAgent{
		Intents: map[string]*gatewayv1.ConversationAgent_Intent{
			"book":    {Action: "a.book", Tag: "begin", Parameters: form, Text: text("I book.")},
			"late":    {Events: []string{"LATE"}, Action: "a.late"},
			"route":   {Tag: "route", Text: text("On my way.")},
			"greet":   {Text: text("Good day.")},
			"english": {Text: text("Yes.")},
		},
		Pages: map[string]*gatewayv1.ConversationAgent_Page{
			"book":                {Tag: "complete", Form: form},
			"flows/other/pages/p": {Text: text("Here.")},
			"done":                {Form: []*gatewayv1.ConversationAgent_Parameter{{Name: "date", Required: true}}, Tag: "known"},
		},
		Events: map[string]*gatewayv1.ConversationAgent_Handler{
			"webhook.error":         {Text: text("Sorry.")},
			"webhook.error.timeout": {Text: text("Slow.")},
			"again":                 {Tag: "route", Page: "book", Text: text("Once more.")},
		},
	}
}

func TestSlots(t *testing.T) {
	t.Parallel()
	const prompt, own = "Which day?", "I book."
	t.Run("filled one by one", func(t *testing.T) {
		t.Parallel()
		s := plays(t, dialogflow.V2, booking(), `{}`, `{"fulfillmentText": "At what time, then?"}`, `5`, `{"fulfillmentText": "Booked."}`, `{}`)
		s.run(t,
			step{means("book"), []string{`book a.book {"date":"","people":"","time":""}`}, []string{prompt}, map[string]string{"date": "EMPTY", "people": "EMPTY", "time": "EMPTY"}},
			step{means("", "date", "d"), []string{`book a.book {"date":"d","people":"","time":""}`}, []string{"At what time, then?"}, map[string]string{"date": "FILLED", "people": "EMPTY", "time": "EMPTY"}},
			step{says("hm"), []string{`book a.book {"date":"d","people":"","time":""}`}, []string{"What time?"}, nil},
			step{means("", "time", "t"), []string{`book a.book {"date":"d","people":"","time":"t"} +`}, []string{"Booked."}, map[string]string{"date": "FILLED", "people": "EMPTY", "time": "FILLED"}},
			step{means("greet"), []string{`greet  {} +`}, []string{"Good day."}, map[string]string{}})
		if query := s.asked[0].QueryResult; query.FulfillmentText != prompt || len(query.OutputContexts) != 3 {
			t.Errorf("while filling it says %q in contexts %+v", query.FulfillmentText, query.OutputContexts)
		}
	})
	t.Run("left", func(t *testing.T) {
		t.Parallel()
		s := plays(t, dialogflow.V2, booking(), `{}`, `{}`, `{}`)
		s.run(t,
			step{means("book", "date", "d"), []string{`book a.book {"date":"d","people":"","time":""}`}, []string{"What time?"}, nil},
			step{means("greet"), []string{`greet  {} +`}, []string{"Good day."}, nil},
			step{means("book", "time", "t"), []string{`book a.book {"date":"","people":"","time":"t"}`}, []string{prompt}, nil})
	})
	t.Run("at once, in words of the turn and another language", func(t *testing.T) {
		t.Parallel()
		s := plays(t, dialogflow.V2, booking(), `{}`, `4`)
		german, own := means("book", "date", "d", "time", "t"), means("book")
		german.Language, own.Agent = "de-AT", "Tell me."
		s.run(t,
			step{german, []string{`book a.book {"date":"d","people":"","time":"t"} +`}, []string{"auf Deutsch: I book."}, nil},
			step{own, []string{`book a.book {"date":"","people":"","time":""}`}, []string{"Tell me."}, nil})
		if s.asked[0].QueryResult.LanguageCode != "de-AT" || s.asked[1].QueryResult.LanguageCode != "en" {
			t.Errorf("asked in %q, then %q", s.asked[0].QueryResult.LanguageCode, s.asked[1].QueryResult.LanguageCode)
		}
	})
	for name, contexts := range map[string]string{
		"emptied":   `{"name": "SESSION/contexts/book_dialog_context", "lifespanCount": 2, "parameters": {"date": "", "time": "t"}}`,
		"asked for": `{"name": "SESSION/contexts/book_dialog_params_date", "lifespanCount": 1}, {"name": "SESSION/contexts/book_dialog_params_time"}`,
	} {
		t.Run("reopened, "+name, func(t *testing.T) {
			t.Parallel()
			s := plays(t, dialogflow.V2, booking(), `{}`, `{"fulfillmentText": "Not that day.", "outputContexts": [`+contexts+`]}`, `{}`)
			s.run(t,
				step{means("book", "date", "d"), []string{`book a.book {"date":"d","people":"","time":""}`}, []string{"What time?"}, nil},
				step{means("", "time", "t"), []string{`book a.book {"date":"d","people":"","time":"t"} +`}, []string{"Not that day."}, nil},
				step{means("", "date", "e"), []string{`book a.book {"date":"e","people":"","time":"t"} +`}, []string{own}, nil})
			dialog := s.asked[1].QueryResult.OutputContexts
			if last := dialog[1]; len(dialog) != 3 || last.LifespanCount != 1 || last.Parameters["date"] != "d" {
				t.Errorf("the contexts of the last slot are %+v", dialog)
			}
			if left := s.State().Contexts; len(left) != 0 {
				t.Errorf("the conversation remembers %v of its own", left)
			}
		})
	}
}

func TestFollowUp(t *testing.T) {
	t.Parallel()
	const again = `{"followupEventInput": {"name": "late", "languageCode": "de", "parameters": {"n": 1}}, "outputContexts": [{"name": "SESSION/contexts/c", "lifespanCount": 4}]}`
	followed := `late a.late {} +`
	for name, c := range map[string]struct {
		answers  []string
		asked    []string
		want     simulator.Turn
		language string
	}{
		"followed": {
			[]string{again, `{"fulfillmentText": "There."}`}, []string{`x  null +`, followed}, simulator.Turn{Heard: []string{"There."}, Event: "late"}, "de",
		},
		"unknown": {
			[]string{`{"followupEventInput": {"name": "never"}}`}, []string{`x  null +`}, simulator.Turn{Event: "never", Unhandled: true}, "en",
		},
		"without end": {
			[]string{again, again, again, again},
			[]string{`x  null +`, followed, followed, followed},
			simulator.Turn{Event: "late", Problems: []string{"the event late is one more than the 3 that Dialogflow follows in a turn"}},
			"de",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.asked[0] = strings.Replace(c.asked[0], "null", "{}", 1)
			s := plays(t, dialogflow.V2, booking(), c.answers...)
			turn := s.run(t, step{means("x"), c.asked, c.want.Heard, nil})[0]
			if last := turn.Exchanges[len(turn.Exchanges)-1]; !strings.Contains(string(last.Request), `"languageCode": "`+c.language+`"`) {
				t.Errorf("the last request is not in %s: %s", c.language, last.Request)
			}
			if turn.Event != c.want.Event || turn.Unhandled != c.want.Unhandled || turn.Failed || !slices.Equal(turn.Problems, c.want.Problems) {
				t.Errorf("%+v, want %+v", turn, c.want)
			}
		})
	}
	t.Run("with parameters", func(t *testing.T) {
		t.Parallel()
		design := booking()
		design.Intents["go on"] = &gatewayv1.ConversationAgent_Intent{Events: []string{"Go-On"}, Parameters: []*gatewayv1.ConversationAgent_Parameter{{Name: "n"}, {Name: "o"}}}
		s := plays(t, dialogflow.V2, design, `{"followupEventInput": {"name": "go-ON", "parameters": {"n": 1, "m": 2}}}`, `{}`, `{}`)
		s.run(t, step{means("x"), []string{`x  {} +`, `go on  {"n":1,"o":""} +`}, nil, nil}, step{means("x"), []string{`x  {} +`}, nil, nil})
		contexts := s.asked[1].QueryResult.OutputContexts
		if last := contexts[len(contexts)-1]; !strings.HasSuffix(last.Name, "/contexts/go-on") || last.LifespanCount != 0 || last.Parameters["m"] != 2.0 {
			t.Errorf("the contexts of the event are %+v", contexts)
		}
		if later := s.asked[2].QueryResult.OutputContexts; len(later) != 1 {
			t.Errorf("the contexts of the next turn are %+v", later)
		}
	})
	s := plays(t, dialogflow.V2, booking(), again, `{}`, `{}`)
	s.run(t, step{&gatewayv1.ConversationTurn{Event: "late"}, []string{`late a.late {} +`, followed}, nil, nil}, step{means("x"), []string{`x  {} +`}, nil, nil})
	if state := s.State(); len(state.Contexts) != 1 || state.Contexts["c"].Lifespan != 2 {
		t.Errorf("the contexts are %v", state.Contexts)
	}
}

func TestForms(t *testing.T) {
	t.Parallel()
	on := func(page string, line *gatewayv1.ConversationTurn) *gatewayv1.ConversationTurn {
		line.Page = page
		return line
	}
	const form = `{"pageInfo": {"formInfo": {"parameterInfo": [{"displayName": "date", %s}]}}, "fulfillmentResponse": {"messages": [{"text": {"text": ["No."]}}]}}`
	said := func(what, more string) string {
		return `{"fulfillmentResponse": {"messages": [{"text": {"text": ["` + what + `"]}}]` + more + `}}`
	}
	t.Run("filled, refused, complete", func(t *testing.T) {
		t.Parallel()
		s := plays(t, dialogflow.V3, booking(), fmt.Sprintf(form, `"state": "INVALID", "value": "d"`), said("Booked.", ""), `{}`)
		s.run(t,
			step{on("book", says("book")), nil, []string{"Which day?"}, map[string]string{"date": "EMPTY", "people": "EMPTY", "time": "EMPTY"}},
			step{means("", "date", "d", "else", 1), nil, []string{"What time?"}, map[string]string{"date": "FILLED", "people": "EMPTY", "time": "EMPTY"}},
			step{means("", "time", "t"), []string{`complete [date:Fd people:E<nil> time:Ft*] {"date":"d","else":1,"time":"t"} 0`}, []string{"No.", "Which other day?"}, map[string]string{"date": "INVALID", "people": "EMPTY", "time": "FILLED"}},
			step{says("hm"), nil, []string{"Which other day?"}, nil},
			step{means("", "date", "e"), []string{`complete [date:Fe* people:E<nil> time:Ft] {"date":"e","else":1,"time":"t"} 0`}, []string{"Booked."}, nil},
			step{says("thanks"), nil, nil, nil},
			step{means("route", "x", 1), []string{`route [date:Fe people:E<nil> time:Ft] {"date":"e","else":1,"time":"t","x":1} 1`}, []string{"On my way."}, nil})
	})
	t.Run("not the session's before it is complete", func(t *testing.T) {
		t.Parallel()
		s := plays(t, dialogflow.V3, booking(), said("Hm.", ""))
		tagged := on("book", means("", "date", "d"))
		tagged.Tag, tagged.Agent = "reprompt", "Then?"
		s.run(t, step{tagged, []string{`reprompt [date:Fd* people:E<nil> time:E<nil>] {} 0`}, []string{"Hm.", "Then?"}, nil})
	})
	t.Run("set, cleared and left by the webhook", func(t *testing.T) {
		t.Parallel()
		s := plays(t, dialogflow.V3, booking(),
			`{"pageInfo": {"form_info": {"parameterInfo": [{"displayName": "date", "value": "d"}, {"displayName": "time", "value": "t"}, {"displayName": "people", "value": null}]}}}`,
			`{"pageInfo": {"formInfo": {"parameterInfo": [{"displayName": "date", "value": null}]}}}`,
			`{"targetPage": "AGENT/flows/other/pages/p"}`, `{"targetFlow": "AGENT/flows/f"}`)
		begin := on("book", means("book"))
		away, further := means("route"), says("x")
		further.Tag = "route"
		turns := s.run(t,
			step{begin, []string{`begin [date:E<nil> people:E<nil> time:E<nil>] {} 0`, `complete [date:Fd people:E<nil> time:Ft] {"date":"d","time":"t"} 0`}, []string{"I book.", "Which day?"}, map[string]string{"date": "EMPTY", "people": "EMPTY", "time": "FILLED"}},
			step{away, []string{`route [date:E<nil> people:E<nil> time:Ft] {"date":"d","time":"t"} 0`}, []string{"On my way.", "Here."}, map[string]string{}},
			step{further, []string{`route [] {"date":"d","time":"t"} 0`}, nil, nil})
		if turns[1].Target != "flows/other/pages/p" || turns[2].Target != "flows/f" || s.State().Page != "flows/f/pages/START_PAGE" {
			t.Errorf("targets %q and %q, on page %q", turns[1].Target, turns[2].Target, s.State().Page)
		}
		if page := s.asked[3].PageInfo.CurrentPage; page != cxAgent+"/flows/other/pages/p" {
			t.Errorf("it asks from page %q", page)
		}
		if s.asked[3].IntentInfo.DisplayName != "route" {
			t.Errorf("the last matched intent is %q", s.asked[3].IntentInfo.DisplayName)
		}
	})
	t.Run("known of the session, in words that replace the agent's", func(t *testing.T) {
		t.Parallel()
		s := plays(t, dialogflow.V3, booking(), said("Instead.", `, "mergeBehavior": "REPLACE"`), `{}`, `{}`)
		own := means("route")
		own.Agent = "My words."
		s.run(t,
			step{means("route", "date", "d"), []string{`route [] {"date":"d"} 1`}, []string{"Instead."}, nil},
			step{on("done", says("x")), []string{`known [date:Fd] {"date":"d"} 0`}, nil, nil},
			step{own, []string{`route [date:Fd] {"date":"d"} 0`}, []string{"My words.", "On my way."}, nil})
	})
	t.Run("failures and events", func(t *testing.T) {
		t.Parallel()
		s := plays(t, dialogflow.V3, booking(), `5`, `4`)
		event := &gatewayv1.ConversationTurn{Event: "again"}
		turns := s.run(t,
			step{on("book", means("route")), []string{`route [date:E<nil> people:E<nil> time:E<nil>] {} 0`}, []string{"On my way.", "Sorry.", "Which day?"}, nil},
			step{event, []string{`route [date:E<nil> people:E<nil> time:E<nil>] {} 0`}, []string{"Once more.", "Sorry.", "Which day?"}, nil})
		if turns[0].Event != "webhook.error" || !turns[0].Failed || turns[0].Unhandled || turns[1].Event != "webhook.error.bad-request" {
			t.Errorf("%+v", turns)
		}
		bare := plays(t, dialogflow.V3, nil, `5`)
		if turn := bare.run(t, step{&gatewayv1.ConversationTurn{Say: "x", Tag: "g"}, []string{`g [] {} 0`}, nil, nil})[0]; !turn.Unhandled {
			t.Errorf("%+v", turn)
		}
	})
	t.Run("without end", func(t *testing.T) {
		t.Parallel()
		design := booking()
		design.Events["webhook.error"] = &gatewayv1.ConversationAgent_Handler{Tag: "route"}
		s := plays(t, dialogflow.V3, design, `5`, `5`, `5`, `5`)
		const asked = `route [] {} 0`
		turn := s.run(t, step{means("greet"), nil, []string{"Good day."}, nil}, step{means("route"), []string{asked, asked, asked, asked}, []string{"On my way."}, nil})[1]
		if last := turn.Problems[len(turn.Problems)-1]; last != "the webhook is called more than 4 times in a turn" {
			t.Errorf("problems are %q", turn.Problems)
		}
	})
}

// TestPlayedTwice has the webhook answer a second try differently or not.
func TestPlayedTwice(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		retry   string
		second  string
		problem string
	}{
		"same":          {"SAME_ID", `{"fulfillmentText": "a", "outputContexts": []}`, ""},
		"new ID":        {"NEW_ID", `{"fulfillmentText":"a","outputContexts":[]}`, ""},
		"another":       {"SAME_ID", `{"fulfillmentText": "b"}`, `the second try is answered differently: HTTP 200 {"fulfillmentText":"b"}`},
		"failure":       {"NEW_ID", `5`, `the second try is answered differently: HTTP 500, no JSON`},
		"no such thing": {"", ``, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := plays(t, dialogflow.V2, nil, `{"fulfillmentText": "a", "outputContexts": []}`, c.second)
			line := means("i")
			line.Retry = c.retry
			turn, err := s.Play(t.Context(), line)
			if err != nil || strings.Join(turn.Problems, "; ") != c.problem || len(turn.Exchanges) != 1 {
				t.Errorf("%v, %q in %d exchanges, want %q in one", err, turn.Problems, len(turn.Exchanges), c.problem)
			}
			if len(s.asked) == 2 != (c.retry != "") {
				t.Fatalf("%d calls", len(s.asked))
			}
			if len(s.asked) == 2 && (s.asked[0].ResponseID == s.asked[1].ResponseID) != (c.retry == "SAME_ID") {
				t.Errorf("turn ids %s and %s", s.asked[0].ResponseID, s.asked[1].ResponseID)
			}
		})
	}
}

// TestExpress has an agent give values another form, for the intent or the tag that they end with.
func TestExpress(t *testing.T) {
	t.Parallel()
	for _, api := range []dialogflow.API{dialogflow.V2, dialogflow.V3} {
		s := plays(t, api, booking(), `{}`, `{}`)
		line := means("", "date", "d", "time", "t")
		want := `complete [date:Fcomplete/d* people:E<nil> time:Fcomplete/t*] {"date":"complete/d","time":"complete/t"} 0`
		if line.Page = "book"; api == dialogflow.V2 {
			line.Page, line.Intent, want = "", "book", `book a.book {"date":"book/d","people":"","time":"book/t"} +`
		}
		s.Express(func(u simulator.Utterance, _ string, value any) any {
			if u.Tag != "" {
				return fmt.Sprint(u.Tag, "/", value)
			}
			return fmt.Sprint(u.Intent, "/", value)
		})
		heard := []string{"I book."}
		if api == dialogflow.V3 {
			heard = nil
		}
		s.run(t, step{line, []string{want}, heard, nil})
		if line.GetParameters().AsMap()["date"] != "d" {
			t.Errorf("the line has become %v", line.Parameters)
		}
	}
}
