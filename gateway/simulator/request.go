package simulator

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// esContext is an active context.
type esContext struct {
	Name       string         `json:"name"`
	Lifespan   int            `json:"lifespanCount,omitempty"`
	Parameters map[string]any `json:"parameters,omitempty"`
}

func (c *Conversation) esRequest(u Utterance) map[string]any {
	// Contexts age before the webhook is called; the system's own is on every request.
	contexts := []esContext{{
		Name:       c.session + "/contexts/__system_counters__",
		Parameters: map[string]any{"no-input": 0, "no-match": 0},
	}}
	for name, active := range c.contexts {
		active.Lifespan--
		c.contexts[name] = active
		if active.Lifespan < 0 {
			delete(c.contexts, name)
		}
	}
	c.dialog(u.Parameters)
	for _, name := range slices.Sorted(maps.Keys(c.contexts)) {
		contexts = append(contexts, c.contexts[name])
	}
	agent, _, _ := strings.Cut(c.session, "/agent/")
	text := u.Text
	if text == "" {
		text = u.Event
	}
	request := map[string]any{
		"responseId": newID(),
		"session":    c.session,
		"queryResult": map[string]any{
			"queryText":                text,
			"action":                   u.Action,
			"parameters":               orEmpty(u.Parameters),
			"allRequiredParamsPresent": true,
			"outputContexts":           contexts,
			"intent": map[string]any{
				"name":        agent + "/agent/intents/" + newID(),
				"displayName": u.Intent,
			},
			"intentDetectionConfidence": 1,
			"languageCode":              c.agent.Language,
		},
		"originalDetectIntentRequest": map[string]any{"source": "DIALOGFLOW_CONSOLE", "payload": map[string]any{}},
	}
	query, _ := request["queryResult"].(map[string]any)
	if c.missing() != nil {
		delete(query, "allRequiredParamsPresent") // ES leaves out what is false
	}
	if len(c.words) > 0 {
		query["fulfillmentText"] = c.words[0]
		query["fulfillmentMessages"] = []any{map[string]any{"text": map[string]any{"text": c.words}}}
	}
	if c.agent.Undocumented {
		request["agentId"] = newID()
		request["agentSettings"] = map[string]any{"enableAgentWideKnowledgeConnector": true}
	}
	return request
}

func (c *Conversation) cxRequest(u Utterance) map[string]any {
	agent, _, _ := strings.Cut(c.session, "/sessions/")
	agent, _, _ = strings.Cut(agent, "/environments/")
	parameters := map[string]any{}
	for name, value := range u.Parameters {
		original, isText := value.(string)
		if !isText {
			original = compactJSON(value)
		}
		parameters[name] = map[string]any{"originalValue": original, "resolvedValue": value}
	}
	c.change(nil, u.Parameters) // an intent's parameters become the session's
	c.intent = cmp.Or(u.Intent, c.intent)
	_, page, _ := strings.Cut(c.page, "/pages/")
	if page == startPage {
		page = "Start Page"
	}
	form := map[string]any{}
	if len(c.form) > 0 {
		form["parameterInfo"] = c.form
	}
	request := map[string]any{
		"detectIntentResponseId": newID(),
		"languageCode":           c.agent.Language,
		"fulfillmentInfo":        map[string]any{"tag": u.Tag},
		"intentInfo": map[string]any{
			"lastMatchedIntent": agent + "/intents/" + newID(),
			"displayName":       c.intent,
			"parameters":        parameters,
			"confidence":        1,
		},
		"pageInfo": map[string]any{
			"currentPage": agent + "/" + c.page,
			"displayName": page,
			"formInfo":    form,
		},
		"sessionInfo": map[string]any{"session": c.session, "parameters": maps.Clone(c.parameters)},
	}
	if u.Event != "" {
		request["triggerEvent"] = u.Event
	} else {
		request["text"] = u.Text
	}
	if c.agent.Undocumented {
		request["agentId"] = newID()
		request["messages"] = []any{map[string]any{
			"text":         map[string]any{"text": []string{""}, "redactedText": []string{""}},
			"responseType": "HANDLER_PROMPT",
			"source":       "VIRTUAL_AGENT",
		}}
	}
	return request
}

func orEmpty(parameters map[string]any) map[string]any {
	if parameters == nil {
		return map[string]any{}
	}
	return parameters
}

// newID returns a random ID in the shape of Dialogflow's.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
