package simulator

import (
	"maps"
	"strings"

	"github.com/intentgate/intentgate/gateway/words"
)

// Design is what the designer of an agent has made, as far as a webhook meets it. The zero Design is an agent of which
// nothing is known: each turn says for itself what is called.
type Design struct {
	Intents map[string]Intent  // by display name
	Pages   map[string]Page    // CX, by ID, or as flows/F/pages/P
	Events  map[string]Handler // CX, by the event
}

// Intent is an intent, with the route to it on CX.
type Intent struct {
	Action     string      // ES
	Tag        string      // CX: of the webhook that its route calls; empty: none
	Events     []string    // ES: those that match it
	Parameters []Parameter // ES: with slots to be filled where they are required
	// Text is what the agent says by itself: on ES where the webhook says nothing, on CX before it does.
	Text *words.Texts
}

// Page is a page of a CX agent.
type Page struct {
	Tag  string       // of the webhook that is called when the form is complete; empty: none
	Text *words.Texts // what the agent says on entry
	Form []Parameter
}

// Parameter is one that an agent collects.
type Parameter struct {
	Name     string
	Required bool
	Prompt   *words.Texts // asks for it
	Reprompt *words.Texts // CX: asks again where the webhook has refused its value; nil: as Prompt
}

// Handler is what a CX agent does about an event.
type Handler struct {
	Tag  string       // of the webhook that is called; empty: none
	Text *words.Texts // what the agent says
	Page string       // where the conversation goes on; empty: where it is
}

// intentOf returns the intent that an event matches on ES.
func (d *Design) intentOf(event string) (name string, ok bool) {
	for name, intent := range d.Intents {
		for _, matches := range intent.Events {
			if strings.EqualFold(matches, event) {
				return name, true
			}
		}
	}
	return "", false
}

// handler returns what is done about an event on CX: webhook.error takes all webhook.error.* that have none of their own.
func (d *Design) handler(event string) (Handler, bool) {
	handler, ok := d.Events[event]
	if !ok && strings.HasPrefix(event, webhookError+".") {
		handler, ok = d.Events[webhookError]
	}
	return handler, ok
}

// The ends of the names of undocumented contexts in which ES keeps what it has collected for an intent, and what it asks for.
const (
	dialogCollected = "_dialog_context"
	dialogParameter = "_dialog_params_"
)

// slots are the values that ES has collected for an intent.
type slots struct {
	intent string
	values map[string]any
	done   bool // all that are required are there
}

// fill gives a turn of ES the values of its intent that were collected before.
func (c *Conversation) fill(u *Utterance) {
	if u.Intent != c.slots.intent || c.slots.done || c.slots.values == nil {
		c.slots = slots{intent: u.Intent, values: map[string]any{}}
	}
	intent := c.agent.Design.Intents[u.Intent]
	if u.Action == "" {
		u.Action = intent.Action
	}
	for name, value := range u.Parameters {
		if !empty(value) {
			c.slots.values[name] = value
		}
	}
	if len(intent.Parameters) == 0 {
		c.slots = slots{}
		return
	}
	u.Parameters = map[string]any{}
	for _, p := range intent.Parameters {
		u.Parameters[p.Name] = "" // as ES writes what it has not collected
	}
	maps.Copy(u.Parameters, c.slots.values)
	c.slots.done = c.missing() == nil
}

// missing is the first required parameter of ES that is not filled; nil: none.
func (c *Conversation) missing() *Parameter {
	for _, p := range c.agent.Design.Intents[c.slots.intent].Parameters {
		if p.Required && empty(c.slots.values[p.Name]) {
			return &p
		}
	}
	return nil
}

// dialog sets the undocumented contexts while slots are being filled. Afterwards they end by themselves.
func (c *Conversation) dialog(parameters map[string]any) {
	name := c.session + "/contexts/" + strings.ToLower(strings.ReplaceAll(c.slots.intent, " ", "_"))
	collected, asked := c.contexts[name+dialogCollected], c.missing()
	if asked != nil {
		collected = esContext{Name: name + dialogCollected, Lifespan: 2}
		asks := esContext{Name: name + dialogParameter + strings.ToLower(asked.Name), Lifespan: 1}
		c.contexts[asks.Name] = asks
	}
	if collected.Name != "" {
		collected.Parameters = parameters
		c.contexts[collected.Name] = collected
	}
}

// reopen forgets the values that a webhook has emptied there, which makes ES ask for them again.
func (c *Conversation) reopen(contexts []esContext) {
	for _, changed := range contexts {
		_, asked, _ := strings.Cut(changed.Name, dialogParameter)
		for _, p := range c.agent.Design.Intents[c.slots.intent].Parameters {
			emptied := changed.Parameters[p.Name] == "" && strings.HasSuffix(changed.Name, dialogCollected)
			if emptied || changed.Lifespan > 0 && strings.EqualFold(p.Name, asked) {
				delete(c.slots.values, p.Name)
				c.slots.done = c.slots.done && !p.Required
			}
		}
	}
}

func empty(value any) bool { return value == nil || value == "" }
