package binding

import (
	"github.com/intentgate/intentgate/gateway/dialogflow"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// The parts of a turn. Each is absent in the message if the request left it out. The numbers are those of the fields
// that hold Values, and so are written as wire bytes.

const (
	intentParameters     field = 6
	parameterOriginal    field = 1
	parameterValue       field = 2
	formParameterValue   field = 4
	contextParameters    field = 3
	channelPayload       field = 3
	agentMessageContent  field = 4
	webhookResultPayload field = 2
)

// intent makes the message of an intent. Its parameters are its own on CX, those of the turn on ES.
func (c *values) intent(i *dialogflow.Intent, parameters dialogflow.Parameters) *intentgatev1.Turn_Intent {
	if i.Name == "" && i.DisplayName == "" && i.Confidence == 0 && !i.Fallback && !i.EndInteraction &&
		len(i.Parameters) == 0 && len(parameters) == 0 {
		return nil
	}
	intent := &intentgatev1.Turn_Intent{
		Name:           i.Name,
		DisplayName:    i.DisplayName,
		Confidence:     i.Confidence,
		Fallback:       i.Fallback,
		EndInteraction: i.EndInteraction,
	}
	from, base := len(c.b), len(c.members)
	for _, p := range i.Parameters {
		c.intentParameter(p.Name, p.Original, p.Resolved)
	}
	for _, p := range parameters {
		c.intentParameter(p.Name, "", p.Value)
	}
	c.sorted(base)
	c.into(intent, from)
	return intent
}

func (c *values) intentParameter(name, original string, value dialogflow.Value) {
	from, entry := len(c.b), c.open(intentParameters)
	c.text(mapKey, name)
	named, at := len(c.b), c.open(mapValue)
	if original != "" {
		c.text(parameterOriginal, original)
	}
	c.value(parameterValue, name, value)
	c.close(at)
	c.entry(from, entry, named)
}

func (c *values) page(p *dialogflow.Page) *intentgatev1.Turn_Page {
	if p.Name == "" && p.DisplayName == "" && len(p.Form) == 0 {
		return nil
	}
	page := &intentgatev1.Turn_Page{Name: p.Name, DisplayName: p.DisplayName}
	for _, f := range p.Form {
		parameter := &intentgatev1.Turn_FormParameter{
			Name:          f.Name,
			Required:      f.Required,
			State:         f.State,
			JustCollected: f.JustCollected,
		}
		from := len(c.b)
		c.value(formParameterValue, f.Name, f.Value)
		c.into(parameter, from)
		page.Form = append(page.Form, parameter)
	}
	return page
}

func (c *values) contexts(all []dialogflow.Context) []*intentgatev1.Turn_Context {
	var contexts []*intentgatev1.Turn_Context
	for _, x := range all {
		context := &intentgatev1.Turn_Context{Name: x.Name, Lifespan: x.Lifespan}
		if len(x.Parameters) > 0 {
			from := len(c.b)
			c.parameters(contextParameters, x.Parameters)
			c.into(context, from)
		}
		contexts = append(contexts, context)
	}
	return contexts
}

func (c *values) channel(x *dialogflow.Channel) *intentgatev1.Turn_Channel {
	if x.Source == "" && x.Version == "" && len(x.Payload) == 0 {
		return nil
	}
	channel := &intentgatev1.Turn_Channel{Source: x.Source, Version: x.Version}
	from := len(c.b)
	c.object(channelPayload, "payload", x.Payload)
	c.into(channel, from)
	return channel
}

func (c *values) messages(all []dialogflow.Message) []*intentgatev1.Turn_AgentMessage {
	var messages []*intentgatev1.Turn_AgentMessage
	for _, m := range all {
		message := &intentgatev1.Turn_AgentMessage{Kind: m.Kind, Channel: m.Channel, Text: m.Text}
		from := len(c.b)
		c.object(agentMessageContent, "message", m.Content)
		c.into(message, from)
		messages = append(messages, message)
	}
	return messages
}

func (c *values) alternativeResults(all []dialogflow.AlternativeResult) []*intentgatev1.Turn_AlternativeResult {
	var results []*intentgatev1.Turn_AlternativeResult
	for _, r := range all {
		results = append(results, &intentgatev1.Turn_AlternativeResult{
			Text:             r.Text,
			Language:         r.Language,
			Intent:           c.intent(&r.Intent, nil),
			Action:           r.Action,
			KnowledgeAnswers: r.KnowledgeAnswers,
			Messages:         c.messages(r.Messages),
		})
	}
	return results
}

func (c *values) webhookResult(source string, payload dialogflow.Value) *intentgatev1.Turn_WebhookResult {
	if source == "" && len(payload) == 0 {
		return nil
	}
	result := &intentgatev1.Turn_WebhookResult{Source: source}
	from := len(c.b)
	c.object(webhookResultPayload, "webhookPayload", payload)
	c.into(result, from)
	return result
}
