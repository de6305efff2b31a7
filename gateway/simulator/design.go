package simulator

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// intentOf returns the intent that an event matches on ES.
func (c *Conversation) intentOf(event string) (name string, ok bool) {
	for name, intent := range c.agent.Design.GetIntents() {
		if slices.ContainsFunc(intent.GetEvents(), func(matches string) bool { return strings.EqualFold(matches, event) }) {
			return name, true
		}
	}
	return "", false
}

// hand hands on the parameters of an event as ES does: in a context of its name, for this one turn; and to those parameters of the
// intent that are called like them, as if their default values asked for them.
func (c *Conversation) hand(intent string, event *followup) map[string]any {
	if len(event.parameters) > 0 {
		name := c.session + "/contexts/" + strings.ToLower(event.name)
		c.contexts[name] = esContext{Name: name, Lifespan: 1, Parameters: event.parameters} // of which none is left when it is sent
	}
	asked := map[string]any{}
	for _, p := range c.agent.Design.GetIntents()[intent].GetParameters() {
		if value, ok := event.parameters[p.GetName()]; ok {
			asked[p.GetName()] = value
		}
	}
	return asked
}

// handler returns what is done about an event on CX: webhook.error takes all webhook.error.* that have none of their own.
func (c *Conversation) handler(event string) (*gatewayv1.ConversationAgent_Handler, bool) {
	handlers := c.agent.Design.GetEvents()
	handler, ok := handlers[event]
	if !ok && strings.HasPrefix(event, webhookError+".") {
		handler, ok = handlers[webhookError]
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
	intent := c.agent.Design.GetIntents()[u.Intent]
	u.Action = cmp.Or(u.Action, intent.GetAction())
	for name, value := range u.Parameters {
		if !empty(value) {
			c.slots.values[name] = value
		}
	}
	if len(intent.GetParameters()) == 0 {
		c.slots = slots{}
		return
	}
	u.Parameters = map[string]any{}
	for _, p := range intent.GetParameters() {
		u.Parameters[p.GetName()] = "" // as ES writes what it has not collected
	}
	maps.Copy(u.Parameters, c.slots.values)
	c.slots.done = c.missing() == nil
}

// slotted are the parameters of the intent whose slots are filled.
func (c *Conversation) slotted() []*gatewayv1.ConversationAgent_Parameter {
	return c.agent.Design.GetIntents()[c.slots.intent].GetParameters()
}

// missing is the first required parameter of ES that is not filled; nil: none.
func (c *Conversation) missing() *gatewayv1.ConversationAgent_Parameter {
	for _, p := range c.slotted() {
		if p.GetRequired() && empty(c.slots.values[p.GetName()]) {
			return p
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
		asks := esContext{Name: name + dialogParameter + strings.ToLower(asked.GetName()), Lifespan: 1}
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
		for _, p := range c.slotted() {
			emptied := changed.Parameters[p.GetName()] == "" && strings.HasSuffix(changed.Name, dialogCollected)
			if emptied || changed.Lifespan > 0 && strings.EqualFold(p.GetName(), asked) {
				delete(c.slots.values, p.GetName())
				c.slots.done = c.slots.done && !p.GetRequired()
			}
		}
	}
}

func empty(value any) bool { return value == nil || value == "" }
