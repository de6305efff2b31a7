package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// Agent is whose conversation is played.
type Agent struct {
	// API is the version that it speaks, hence its edition.
	API dialogflow.API
	// Name is its resource name: `projects/P/agent` on ES, where an environment and a user may follow,
	// `projects/P/locations/L/agents/A` on CX, where an environment may.
	Name string
	// Session is the conversation's ID; empty: a new one.
	Session string
	// Language is that of the user, such as `en`.
	Language string
	// Undocumented adds fields to requests that no documentation knows, as Dialogflow does.
	Undocumented bool
	// Design is what is known of the agent, for [Conversation.Play]: what its designer has made, as far as a webhook meets it.
	// Without any, each turn says for itself what is called.
	Design *gatewayv1.ConversationAgent
	// Express gives a value that a played turn names the form that the agent gives it, for the intent, action and tag of the
	// utterance. Nil leaves it as it is.
	Express func(utterance Utterance, parameter string, value any) any
	// Calls returns the calls of services that were made for a session since it was last asked; nil: they cannot be seen.
	Calls func(session string) []Call
}

// Conversation is a session with an agent: it makes the request of each turn and takes over what the answer changes.
// It is for one goroutine.
type Conversation struct {
	client  *Client
	agent   Agent
	session string // its resource name
	// parameters are the CX session's, contexts the ES session's.
	parameters map[string]any
	contexts   map[string]esContext

	// Of ES: the slots of the last intent, and what the agent says by itself in this turn.
	slots slots
	words []string
	// Of CX: the current page without the agent's name, its form, and whether that has values that nobody was told of.
	page      string
	form      []formParameter
	collected bool
	intent    string // the last one that was matched
}

// Utterance is what the user said, or the event in its place, and what the agent made of it.
type Utterance struct {
	Text       string         `json:"text"`
	Event      string         `json:"event"`
	Intent     string         `json:"intent"` // display name
	Action     string         `json:"action"` // ES
	Tag        string         `json:"tag"`    // CX
	Parameters map[string]any `json:"parameters"`
}

// NewConversation starts a conversation. The client may be nil if nothing is sent.
func NewConversation(client *Client, agent Agent) *Conversation {
	if agent.Session == "" {
		agent.Session = newID()
	}
	return &Conversation{
		client: client, agent: agent, session: agent.Name + "/sessions/" + agent.Session,
		parameters: map[string]any{}, contexts: map[string]esContext{}, page: defaultFlow + "/pages/" + startPage,
	}
}

// Say plays one turn. It returns an error if Dialogflow would not use the answer, or there was none. The exchange is as
// complete as it got.
func (c *Conversation) Say(ctx context.Context, utterance Utterance) (Exchange, error) {
	body, err := c.Request(utterance)
	if err != nil {
		return Exchange{}, err
	}
	return c.send(ctx, body)
}

// Send plays a turn whose request is there already, and sends it as it is. What it says of session, contexts and session
// parameters is what the conversation goes on with.
func (c *Conversation) Send(ctx context.Context, request []byte) (Exchange, error) {
	var said asked
	if json.Unmarshal(request, &said) == nil && said.Session+said.SessionInfo.Session != "" {
		c.session = said.Session + said.SessionInfo.Session // it has one of them
		c.contexts, c.parameters = map[string]esContext{}, map[string]any{}
		c.change(said.QueryResult.Contexts, said.SessionInfo.Parameters)
	}
	return c.send(ctx, request)
}

func (c *Conversation) send(ctx context.Context, request []byte) (Exchange, error) {
	answer, err := c.client.Call(ctx, request)
	exchange := Exchange{
		URL: c.client.config.URL, Request: request, Answer: answer, Calls: c.calls(), Outcome: Judge(c.agent.API, request, answer, err),
	}
	c.change(exchange.Outcome.contexts, exchange.Outcome.parameters)
	if !exchange.Outcome.Accepted {
		return exchange, errors.New(strings.Join(exchange.Outcome.Problems, "; "))
	}
	return exchange, nil
}

func (c *Conversation) calls() []Call {
	if c.agent.Calls == nil {
		return nil
	}
	return c.agent.Calls(c.session)
}

// change takes over what an answer, or a request, says of the conversation's state.
func (c *Conversation) change(contexts []esContext, parameters map[string]any) {
	for _, changed := range contexts {
		c.contexts[changed.Name] = changed // one without a lifespan ends when contexts age
	}
	for name, value := range parameters {
		c.parameters[name] = value
		if value == nil {
			delete(c.parameters, name)
		}
	}
}

// Request makes the request of the next turn without sending it.
func (c *Conversation) Request(utterance Utterance) ([]byte, error) {
	request := c.esRequest
	if c.agent.API == dialogflow.V3 {
		request = c.cxRequest
	}
	return json.MarshalIndent(request(utterance), "", "  ")
}
