package simulator

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
)

// Conversation is a session with an agent: it makes the request of each turn and takes over what the answer changes.
// It is for one goroutine.
type Conversation struct {
	client   *Client
	session  string
	language string
	dialect  dialect
	// parameters are the CX session's, contexts the ES session's.
	parameters map[string]any
	contexts   map[string]esContext
}

// dialect is how one edition of Dialogflow words a turn and reads an answer.
type dialect struct {
	request func(*Conversation, Utterance) map[string]any
	apply   func(*Conversation, []byte) (texts []string, err error)
}

// Utterance is what the user said and what the agent made of it.
type Utterance struct {
	Text       string
	Intent     string         // display name
	Action     string         // ES
	Tag        string         // CX
	Parameters map[string]any // JSON values by name
}

// Exchange is one turn as it went over the wire.
type Exchange struct {
	Request []byte
	Answer  Answer
	// Texts are what the user hears, in order.
	Texts []string
}

// NewES starts a conversation with the ES agent of a project.
func NewES(client *Client, project, language string) *Conversation {
	return &Conversation{
		client:   client,
		session:  "projects/" + project + "/agent/sessions/" + newID(),
		language: language,
		dialect:  dialect{request: esRequest, apply: applyES},
		contexts: map[string]esContext{},
	}
}

// NewCX starts a conversation with a CX agent, by its resource name.
func NewCX(client *Client, agent, language string) *Conversation {
	return &Conversation{
		client:     client,
		session:    agent + "/sessions/" + newID(),
		language:   language,
		dialect:    dialect{request: cxRequest, apply: applyCX},
		parameters: map[string]any{},
	}
}

// Say plays one turn. It returns an error if there was no answer, or none that Dialogflow would use: a status other
// than 200 or a body that is not an answer. The exchange is as complete as it got.
func (c *Conversation) Say(ctx context.Context, utterance Utterance) (Exchange, error) {
	body, err := c.Request(utterance)
	if err != nil {
		return Exchange{}, err
	}
	exchange := Exchange{Request: body}
	exchange.Answer, err = c.client.Call(ctx, body)
	if err != nil {
		return exchange, err
	}
	if exchange.Answer.Status != http.StatusOK {
		return exchange, fmt.Errorf("the webhook answered with HTTP status %d, 200 is wanted: %s",
			exchange.Answer.Status, exchange.Answer.Body)
	}
	exchange.Texts, err = c.dialect.apply(c, exchange.Answer.Body)
	if err != nil {
		return exchange, fmt.Errorf("the answer cannot be used: %w", err)
	}
	return exchange, nil
}

// Request makes the request of the next turn without sending it.
func (c *Conversation) Request(utterance Utterance) ([]byte, error) {
	return json.MarshalIndent(c.dialect.request(c, utterance), "", "  ")
}

// message is a response message of either edition, as far as a conversation needs it.
type message struct {
	Text struct {
		Text []string `json:"text"`
	} `json:"text"`
}

// texts returns the first variant of each text message.
func texts(messages []message) []string {
	var all []string
	for _, m := range messages {
		if len(m.Text.Text) > 0 {
			all = append(all, m.Text.Text[0])
		}
	}
	return all
}

// esContext is an active context.
type esContext struct {
	Name       string         `json:"name"`
	Lifespan   int            `json:"lifespanCount,omitempty"`
	Parameters map[string]any `json:"parameters,omitempty"`
}

func esRequest(c *Conversation, u Utterance) map[string]any {
	// Contexts age before the webhook is called; the system's own is on every request.
	contexts := []esContext{{
		Name:       c.session + "/contexts/__system_counters__",
		Parameters: map[string]any{"no-input": 0, "no-match": 0},
	}}
	for name, active := range c.contexts {
		active.Lifespan--
		if active.Lifespan < 0 {
			delete(c.contexts, name)
			continue
		}
		c.contexts[name] = active
		contexts = append(contexts, active)
	}
	project := c.session[:strings.Index(c.session, "/agent/")]
	return map[string]any{
		"responseId": newID(),
		"session":    c.session,
		"queryResult": map[string]any{
			"queryText":                u.Text,
			"action":                   u.Action,
			"parameters":               orEmpty(u.Parameters),
			"allRequiredParamsPresent": true,
			"outputContexts":           contexts,
			"intent": map[string]any{
				"name":        project + "/agent/intents/" + newID(),
				"displayName": u.Intent,
			},
			"intentDetectionConfidence": 1,
			"languageCode":              c.language,
		},
		"originalDetectIntentRequest": map[string]any{"source": "DIALOGFLOW_CONSOLE", "payload": map[string]any{}},
	}
}

func applyES(c *Conversation, body []byte) ([]string, error) {
	var answer struct {
		FulfillmentText     string      `json:"fulfillmentText"`
		FulfillmentMessages []message   `json:"fulfillmentMessages"`
		OutputContexts      []esContext `json:"outputContexts"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	for _, changed := range answer.OutputContexts {
		if changed.Lifespan == 0 {
			delete(c.contexts, changed.Name)
			continue
		}
		c.contexts[changed.Name] = changed
	}
	if len(answer.FulfillmentMessages) == 0 && answer.FulfillmentText != "" {
		return []string{answer.FulfillmentText}, nil
	}
	return texts(answer.FulfillmentMessages), nil
}

func cxRequest(c *Conversation, u Utterance) map[string]any {
	agent := c.session[:strings.Index(c.session, "/sessions/")]
	parameters := map[string]any{}
	for name, value := range u.Parameters {
		parameters[name] = map[string]any{"originalValue": fmt.Sprint(value), "resolvedValue": value}
		c.parameters[name] = value // an intent's parameters become the session's
	}
	return map[string]any{
		"detectIntentResponseId": newID(),
		"text":                   u.Text,
		"languageCode":           c.language,
		"fulfillmentInfo":        map[string]any{"tag": u.Tag},
		"intentInfo": map[string]any{
			"lastMatchedIntent": agent + "/intents/" + newID(),
			"displayName":       u.Intent,
			"parameters":        parameters,
			"confidence":        1,
		},
		"pageInfo": map[string]any{
			"currentPage": agent + "/flows/00000000-0000-0000-0000-000000000000/pages/START_PAGE",
			"displayName": "Start Page",
			"formInfo":    map[string]any{},
		},
		"sessionInfo": map[string]any{"session": c.session, "parameters": maps.Clone(c.parameters)},
	}
}

func applyCX(c *Conversation, body []byte) ([]string, error) {
	var answer struct {
		FulfillmentResponse struct {
			Messages []message `json:"messages"`
		} `json:"fulfillmentResponse"`
		SessionInfo struct {
			Parameters map[string]any `json:"parameters"`
		} `json:"sessionInfo"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	for name, value := range answer.SessionInfo.Parameters {
		if value == nil {
			delete(c.parameters, name)
			continue
		}
		c.parameters[name] = value
	}
	return texts(answer.FulfillmentResponse.Messages), nil
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
