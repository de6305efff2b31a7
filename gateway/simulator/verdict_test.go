package simulator_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/simulator"
)

const (
	esSession = "projects/shop/agent/sessions/s-1"
	cxAgent   = "projects/shop/locations/europe-west1/agents/a-1"
	esAsked   = `{"session": "` + esSession + `"}`
	cxAsked   = `{
		"pageInfo": {
			"currentPage": "projects/415104041262/locations/europe-west1/agents/a-1/flows/f/pages/p",
			"formInfo": {"parameterInfo": [
				{"displayName": "size", "state": "FILLED"}, {"displayName": "colour", "state": "EMPTY"},
				{"displayName": "count", "state": "FILLED", "required": true}, {"displayName": "gift", "state": "FILLED"}]}},
		"sessionInfo": {"session": "` + cxAgent + `/environments/draft/sessions/s-1"}}`
)

// judge judges an answer with status 200.
func judge(api dialogflow.API, body string) simulator.Outcome {
	asked := esAsked
	if api == dialogflow.V3 {
		asked = cxAsked
	}
	return simulator.Judge(api, []byte(asked), simulator.Answer{Status: http.StatusOK, Body: []byte(body)}, nil)
}

// TestAccepted has answers that are used, and all that is done with them.
func TestAccepted(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		api                     dialogflow.API
		body                    string
		heard, effects, notices []string
	}{
		"ES says nothing": {
			api: dialogflow.V2, body: `{}`,
			effects: []string{"say the intent's own responses or prompts, because the answer says nothing"},
		},
		"ES empty values of the right types": {
			api:     dialogflow.V2,
			body:    `{"fulfillmentText": "", "fulfillmentMessages": [], "outputContexts": null, "payload": null, "source": ""}`,
			effects: []string{"say the intent's own responses or prompts, because the answer says nothing"},
		},
		"ES text": {api: dialogflow.V2, body: `{"fulfillmentText": "Hello"}`, heard: []string{"Hello"}},
		"ES text, snake case": {
			api: dialogflow.V2, body: `{"fulfillment_messages": [{"text": {"text": ["Hello"]}}]}`, heard: []string{"Hello"},
		},
		"ES messages go before the text": {
			api:     dialogflow.V2,
			body:    `{"fulfillmentText": "t", "fulfillmentMessages": [{"text": {"text": ["a", "b"]}}, {"text": {"text": ["c"]}}, {}]}`,
			heard:   []string{"a", "c"},
			effects: []string{"choose one of the 2 texts of fulfillmentMessages[0]"},
			notices: []string{"fulfillmentMessages[2]: no kind"},
		},
		"ES messages for one platform": {
			api:     dialogflow.V2,
			body:    `{"fulfillmentText": "t", "fulfillmentMessages": [{"platform": "SLACK", "text": {"text": ["a"]}}, {"card": {"title": "x"}}]}`,
			heard:   []string{"t"},
			effects: []string{"show fulfillmentMessages[0] on SLACK only: text", "show fulfillmentMessages[1]: card"},
		},
		"ES payload": {
			api: dialogflow.V2, body: `{"payload": {"b": 1, "a": {}}}`, effects: []string{"pass on the payload: a, b"},
		},
		"ES contexts": {
			api: dialogflow.V2,
			body: `{"fulfillmentText": "t", "outputContexts": [
				{"name": "` + esSession + `/contexts/Order", "lifespanCount": 5, "parameters": {"id": "A-1", "at": null}},
				{"name": "` + esSession + `/contexts/old"}]}`,
			heard:   []string{"t"},
			effects: []string{"set the context order for 5 turns with at, id", "end the context old"},
		},
		"ES event cancels words, not contexts": {
			api: dialogflow.V2,
			body: `{"fulfillmentText": "t", "followupEventInput": {"name": "RETRY", "parameters": {"n": 1}},
				"outputContexts": [{"name": "` + esSession + `/contexts/c", "lifespanCount": 1}]}`,
			effects: []string{
				"raise the event RETRY with n, and go on with the intent that it matches, calling its webhook",
				"set the context c for 1 turns with nothing",
			},
			notices: []string{"fulfillmentText, fulfillmentMessages and payload are ignored"},
		},
		"ES event alone": {
			api: dialogflow.V2, body: `{"followup_event_input": {"name": "RETRY"}}`,
			effects: []string{"raise the event RETRY with nothing, and go on with the intent that it matches, calling its webhook"},
		},
		"ES entity types": {
			api: dialogflow.V2,
			body: `{"fulfillmentText": "t", "sessionEntityTypes": [{"name": "` + esSession + `/entityTypes/fruit",
				"entityOverrideMode": "ENTITY_OVERRIDE_MODE_OVERRIDE", "entities": [{"value": "apple", "synonyms": ["apple"]}]}]}`,
			heard:   []string{"t"},
			effects: []string{"take 1 values for @fruit in this session: ENTITY_OVERRIDE_MODE_OVERRIDE"},
		},
		"ES beta ends and hands over": {
			api: dialogflow.V2Beta1, body: `{"fulfillmentText": "t", "endInteraction": true, "liveAgentHandoff": true}`,
			heard: []string{"t"}, effects: []string{"bring in a live agent", "end the conversation"},
		},
		"CX says nothing": {api: dialogflow.V3, body: `{}`},
		"CX text": {
			api: dialogflow.V3, body: `{"fulfillmentResponse": {"messages": [{"text": {"text": ["a"]}}]}}`, heard: []string{"a"},
		},
		"CX words": {
			api: dialogflow.V3,
			body: `{"fulfillment_response": {"merge_behavior": "REPLACE", "messages": [
				{"text": {"text": ["a", "b"]}}, {"outputAudioText": {"ssml": "<speak>c</speak>"}}, {"payload": {}},
				{"endInteraction": {}}, {}]}}`,
			heard: []string{"a", "<speak>c</speak>"},
			effects: []string{
				"choose one of the 2 texts of messages[0]", "show messages[2]: payload",
				"forget the messages that the agent has for this turn, for these",
			},
			notices: []string{"messages[3]: endInteraction is only for Dialogflow to send", "messages[4]: no kind"},
		},
		"CX session parameters": {
			api: dialogflow.V3, body: `{"sessionInfo": {"session": "x", "parameters": {"b": null, "a": {"x": [1]}}}, "payload": {"k": 1}}`,
			effects: []string{`set the session parameter a = {"x":[1]}`, "delete the session parameter b", "pass on the payload: k"},
			notices: []string{`sessionInfo.session: "x" is another session`},
		},
		"CX form": {
			api: dialogflow.V3,
			body: `{"pageInfo": {"formInfo": {"parameterInfo": [
				{"displayName": "size", "state": "INVALID"}, {"displayName": "count", "value": 2},
				{"displayName": "colour", "state": "INVALID"}, {"displayName": "gift", "state": "FILLED"},
				{"displayName": "elsewhere", "state": "INVALID", "value": 1}]}}}`,
			effects: []string{
				"ask for the form parameter size again", "make the form parameter count optional", "set the form parameter count = 2", "ask for the form parameter colour again",
			},
			notices: []string{
				"parameterInfo[2]: colour has no value yet", "parameterInfo[3]: a webhook may set no state but INVALID",
				`parameterInfo[4]: the form of this page has no parameter "elsewhere"`,
			},
		},
		"CX page": {
			api: dialogflow.V3, body: `{"targetPage": "` + cxAgent + `/flows/f/pages/END_SESSION"}`,
			effects: []string{"go to flows/f/pages/END_SESSION"},
		},
		"CX flow, project by number": {
			api: dialogflow.V3, body: `{"targetFlow": "projects/415104041262/locations/europe-west1/agents/a-1/flows/f"}`,
			effects: []string{"go to flows/f"},
		},
		"CX no page": {api: dialogflow.V3, body: `{"targetPage": ""}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := judge(test.api, test.body)
			if !got.Accepted || !slices.Equal(got.Heard, test.heard) || !slices.Equal(got.Effects, test.effects) || got.Event != "" {
				t.Errorf("%+v\nwant heard %q, effects %q", got, test.heard, test.effects)
			}
			if !slices.EqualFunc(got.Problems, test.notices, strings.HasPrefix) {
				t.Errorf("problems %q\nwant   %q", got.Problems, test.notices)
			}
		})
	}
}

// TestRefused has answers that are not used, each differing in one thing from one that is.
func TestRefused(t *testing.T) {
	t.Parallel()
	es, beta, cx := dialogflow.V2, dialogflow.V2Beta1, dialogflow.V3
	for name, test := range map[string]struct {
		api        dialogflow.API
		body, want string
	}{
		"nothing":                    {es, ``, "it is no google.cloud.dialogflow.v2.WebhookResponse in JSON"},
		"null":                       {es, `null`, "it is no "},
		"a list":                     {cx, `[{}]`, "it is no google.cloud.dialogflow.cx.v3.WebhookResponse in JSON"},
		"a page of HTML":             {es, `<br>`, "it is no "},
		"more behind it":             {es, `{} {}`, "it is no "},
		"a byte order mark":          {es, "\ufeff{}", "it is no "},
		"bytes that are no UTF-8":    {es, "{\"fulfillmentText\": \"\xff\"}", "it is no "},
		"ES unknown field":           {es, `{"fulfillmentText": "t", "speech": "t"}`, `unknown field "speech"`},
		"ES deep unknown field":      {es, `{"fulfillmentMessages": [{"text": {"text": ["t"], "ssml": "t"}}]}`, `unknown field "ssml"`},
		"ES answer of CX":            {es, `{"fulfillmentResponse": {}}`, `unknown field "fulfillmentResponse"`},
		"CX answer of ES":            {cx, `{"fulfillmentText": "t"}`, `unknown field "fulfillmentText"`},
		"CX unknown field":           {cx, `{"sessionInfo": {"params": {}}}`, `unknown field "params"`},
		"a field of v2beta1":         {es, `{"fulfillmentMessages": [{"telephonySynthesizeSpeech": {"text": "t"}}]}`, `unknown field "telephonySynthesizeSpeech"`},
		"an unknown platform":        {es, `{"fulfillmentMessages": [{"platform": "MSN"}]}`, `"MSN"`},
		"both spellings":             {es, `{"fulfillmentText": "t", "fulfillment_text": "t"}`, "duplicate field"},
		"two kinds of message":       {es, `{"fulfillmentMessages": [{"text": {}, "payload": {}}]}`, "oneof"},
		"an empty text for a list":   {es, `{"fulfillmentMessages": ""}`, "it is no "},
		"an empty list for a text":   {es, `{"fulfillmentText": []}`, "it is no "},
		"an empty list for a struct": {beta, `{"payload": []}`, "v2beta1.WebhookResponse"},
		"a text for texts":           {cx, `{"fulfillmentResponse": {"messages": [{"text": "t"}]}}`, "it is no "},
		"a number for a text":        {es, `{"fulfillmentText": 1}`, "it is no "},
		"a lifespan of 1.5":          {es, `{"outputContexts": [{"name": "` + esSession + `/contexts/c", "lifespanCount": 1.5}]}`, "it is no "},
		"a context's bare name":      {es, `{"outputContexts": [{"name": "c", "lifespanCount": 1}]}`, `outputContexts[0]: the name "c"`},
		"a context of another session": {
			es, `{"outputContexts": [{"name": "projects/shop/agent/sessions/s-2/contexts/c"}]}`, "outputContexts[0]",
		},
		"a context's name with a space": {es, `{"outputContexts": [{"name": "` + esSession + `/contexts/a b"}]}`, "outputContexts[0]"},
		"a context without a name":      {es, `{"outputContexts": [{"name": "` + esSession + `/contexts/"}]}`, "outputContexts[0]"},
		"an event without a name":       {es, `{"followupEventInput": {"languageCode": "en"}}`, "followupEventInput"},
		"entities without a mode":       {es, `{"sessionEntityTypes": [{"name": "` + esSession + `/entityTypes/e"}]}`, "sessionEntityTypes[0]"},
		"entities of another session": {
			es, `{"sessionEntityTypes": [{"name": "e", "entityOverrideMode": "ENTITY_OVERRIDE_MODE_OVERRIDE"}]}`, "sessionEntityTypes[0]",
		},
		"no entities": {
			es, `{"sessionEntityTypes": [{"name": "` + esSession + `/entityTypes/e", "entityOverrideMode": "ENTITY_OVERRIDE_MODE_OVERRIDE"}]}`,
			"sessionEntityTypes[0]: entities",
		},
		"an entity without synonyms": {
			es, `{"sessionEntityTypes": [{"name": "` + esSession + `/entityTypes/e", "entityOverrideMode": "ENTITY_OVERRIDE_MODE_OVERRIDE", "entities": [{"value": "v"}]}]}`,
			"sessionEntityTypes[0]: entities",
		},
		"page and flow":           {cx, `{"targetPage": "a", "targetFlow": "b"}`, "oneof"},
		"a page's bare name":      {cx, `{"targetPage": "pages/p"}`, "targetPage: "},
		"a flow for a page":       {cx, `{"targetPage": "` + cxAgent + `/flows/f"}`, "targetPage: "},
		"a page for a flow":       {cx, `{"targetFlow": "` + cxAgent + `/flows/f/pages/p"}`, "targetFlow: "},
		"a page of another agent": {cx, `{"targetPage": "` + cxAgent + `0/flows/f/pages/p"}`, "is not of the agent"},
		"an unknown state":        {cx, `{"pageInfo": {"formInfo": {"parameterInfo": [{"displayName": "size", "state": "BAD"}]}}}`, `"BAD"`},
		"ES too large":            {es, `{"fulfillmentText": "` + strings.Repeat("x", 64<<10) + `"}`, "larger than the 65536 bytes"},
		"CX too large":            {cx, `{"payload": {"k": "` + strings.Repeat("x", 64<<10) + `"}}`, "larger than the 65536 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := judge(test.api, test.body)
			if got.Accepted || len(got.Problems) != 1 || !strings.Contains(got.Problems[0], test.want) || len(got.Heard) != 0 {
				t.Errorf("%+v, want it refused for %q", got, test.want)
			}
			wantFailure(t, test.api, got, "webhook.error")
		})
	}
}

// wantFailure checks what is done in place of the answer.
func wantFailure(t *testing.T, api dialogflow.API, got simulator.Outcome, event string) {
	t.Helper()
	want := []string{"raise the event " + event}
	if api != dialogflow.V3 {
		event, want = "", []string{"say the intent's own responses", `tell the API's caller "Webhook call failed", status 206`}
	}
	if got.Accepted || got.Event != event || !slices.Equal(got.Effects, want) {
		t.Errorf("%+v, want event %q, effects %q", got, event, want)
	}
}

// TestFailures has the statuses and errors that stand for no answer.
func TestFailures(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status int
		err    error
		event  string
	}{
		"400":        {status: 400, event: "webhook.error.bad-request"},
		"401":        {status: 401, event: "webhook.error.rejected"},
		"403":        {status: 403, event: "webhook.error.rejected"},
		"404":        {status: 404, event: "webhook.error"},
		"429":        {status: 429, event: "webhook.error"},
		"500":        {status: 500, event: "webhook.error"},
		"503":        {status: 503, event: "webhook.error.unavailable"},
		"504":        {status: 504, event: "webhook.error"},
		"204":        {status: 204, event: "webhook.error"},
		"307":        {status: 307, event: "webhook.error"},
		"timeout":    {err: context.DeadlineExceeded, event: "webhook.error.timeout"},
		"no network": {err: errors.New("no route to host"), event: "webhook.error.not-found"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := simulator.Answer{Status: test.status, Body: []byte(`{}`)}
			for _, api := range []dialogflow.API{dialogflow.V2, dialogflow.V3} {
				wantFailure(t, api, simulator.Judge(api, nil, answer, test.err), test.event)
			}
		})
	}
}

// TestGatewaysAnswers has all answers of the golden folder, which the gateway writes, accepted.
func TestGatewaysAnswers(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../testdata/replies/*.answer.golden.json")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d golden answers, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			body := golden(t, file)
			if got := judge(apiOf(file), body); !got.Accepted {
				t.Errorf("%q\n%s", got.Problems, body)
			}
		})
	}
}

func golden(tb testing.TB, file string) string {
	tb.Helper()
	text, err := os.ReadFile(file) //nolint:gosec // of the golden folder
	if err != nil {
		tb.Fatal(err)
	}
	var recorded struct {
		Answer json.RawMessage `json:"answer"`
	}
	if err := json.Unmarshal(text, &recorded); err != nil {
		tb.Fatal(err)
	}
	return string(recorded.Answer)
}

func apiOf(file string) dialogflow.API {
	prefix, _, _ := strings.Cut(filepath.Base(file), "-")
	return map[string]dialogflow.API{"es": dialogflow.V2, "esbeta": dialogflow.V2Beta1, "cx": dialogflow.V3}[prefix]
}

// FuzzJudge looks for an answer whose verdict depends on its spelling, or that is refused and has an effect.
func FuzzJudge(f *testing.F) {
	files, err := filepath.Glob("../testdata/replies/*.answer.golden.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		f.Add(uint8(apiOf(file)-dialogflow.V2), []byte(golden(f, file)))
	}
	f.Add(uint8(0), []byte(`{"fulfillment_text": "t", "outputContexts": [{"name": "c"}]}`))
	f.Fuzz(func(t *testing.T, version uint8, body []byte) {
		api := dialogflow.V2 + dialogflow.API(version%3)
		got := judge(api, string(body))
		if !got.Accepted {
			wantFailure(t, api, got, "webhook.error")
			if len(got.Problems) == 0 || len(got.Heard) > 0 {
				t.Errorf("refused without a reason, or heard: %+v", got)
			}
			return
		}
		again, err := simulator.Canonical(api, body)
		if err != nil {
			t.Fatalf("accepted, but: %v", err)
		}
		if len(again) > simulator.MaxAnswer {
			return // spelled out it is longer
		}
		if second := judge(api, string(again)); !reflect.DeepEqual(got, second) {
			t.Errorf("%s\n%+v\nspelled otherwise:\n%s\n%+v", body, got, again, second)
		}
	})
}
