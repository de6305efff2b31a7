package binding

import (
	"github.com/intentgate/intentgate/gateway/dialogflow"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// The fields of the parts of a turn.
const (
	intentName           field = 1
	intentDisplayName    field = 2
	intentConfidence     field = 3
	intentFallback       field = 4
	intentEndInteraction field = 5
	intentParameters     field = 6

	parameterOriginal field = 1
	parameterValue    field = 2

	pageName        field = 1
	pageDisplayName field = 2
	pageForm        field = 3

	formParameterName          field = 1
	formParameterRequired      field = 2
	formParameterState         field = 3
	formParameterValue         field = 4
	formParameterJustCollected field = 5

	contextName       field = 1
	contextLifespan   field = 2
	contextParameters field = 3

	channelSource  field = 1
	channelVersion field = 2
	channelPayload field = 3

	agentMessageKind    field = 1
	agentMessageChannel field = 2
	agentMessageText    field = 3
	agentMessageContent field = 4

	resultText             field = 1
	resultLanguage         field = 2
	resultIntent           field = 3
	resultAction           field = 4
	resultKnowledgeAnswers field = 5
	resultMessages         field = 6

	webhookResultSource  field = 1
	webhookResultPayload field = 2
)

// Each part is absent in the message if the request left it out.

// intent writes an intent. Its parameters are its own on CX, those of the turn on ES.
func (c *values) intent(n field, i *dialogflow.Intent, parameters dialogflow.Parameters) {
	if i.Name == "" && i.DisplayName == "" && i.Confidence == 0 && !i.Fallback && !i.EndInteraction &&
		len(i.Parameters) == 0 && len(parameters) == 0 {
		return
	}
	at, base := c.open(n), len(c.members)
	c.string(intentName, i.Name)
	c.string(intentDisplayName, i.DisplayName)
	c.number(intentConfidence, i.Confidence)
	c.bool(intentFallback, i.Fallback)
	c.bool(intentEndInteraction, i.EndInteraction)
	for _, p := range i.Parameters {
		c.intentParameter(p.Name, p.Original, p.Resolved)
	}
	for _, p := range parameters {
		c.intentParameter(p.Name, "", p.Value)
	}
	c.sorted(base)
	c.close(at)
}

func (c *values) intentParameter(name, original string, value dialogflow.Value) {
	from, entry := len(c.b), c.open(intentParameters)
	c.said(mapKey, name)
	named, at := len(c.b), c.open(mapValue)
	c.string(parameterOriginal, original)
	c.value(parameterValue, name, value)
	c.close(at)
	c.entry(from, entry, named)
}

func (c *values) page(n field, p *dialogflow.Page) {
	if p.Name == "" && p.DisplayName == "" && len(p.Form) == 0 {
		return
	}
	at := c.open(n)
	c.string(pageName, p.Name)
	c.string(pageDisplayName, p.DisplayName)
	for i := range p.Form {
		f := &p.Form[i]
		parameter := c.open(pageForm)
		c.string(formParameterName, f.Name)
		c.bool(formParameterRequired, f.Required)
		c.string(formParameterState, f.State)
		c.value(formParameterValue, f.Name, f.Value)
		c.bool(formParameterJustCollected, f.JustCollected)
		c.close(parameter)
	}
	c.close(at)
}

func (c *values) contexts(n field, all []dialogflow.Context) {
	for i := range all {
		x := &all[i]
		at := c.open(n)
		c.string(contextName, x.Name)
		c.varint(contextLifespan, int64(x.Lifespan))
		c.object(contextParameters, x.Name, x.Object)
		c.close(at)
	}
}

func (c *values) channel(n field, x *dialogflow.Channel) {
	if x.Source == "" && x.Version == "" && len(x.Payload) == 0 {
		return
	}
	at := c.open(n)
	c.string(channelSource, x.Source)
	c.string(channelVersion, x.Version)
	c.object(channelPayload, "payload", x.Payload)
	c.close(at)
}

func (c *values) messages(n field, all []dialogflow.Message) {
	for i := range all {
		m := &all[i]
		at := c.open(n)
		c.string(agentMessageKind, m.Kind)
		c.string(agentMessageChannel, m.Channel)
		for _, text := range m.Text {
			c.said(agentMessageText, text)
		}
		c.object(agentMessageContent, "message", m.Content)
		c.close(at)
	}
}

func (c *values) knowledgeAnswers(n field, all []*intentgatev1.Turn_KnowledgeAnswer) {
	for _, answer := range all {
		c.message(n, answer, true)
	}
}

func (c *values) alternativeResults(n field, all []dialogflow.AlternativeResult) {
	for i := range all {
		r := &all[i]
		at := c.open(n)
		c.string(resultText, r.Text)
		c.string(resultLanguage, r.Language)
		c.intent(resultIntent, &r.Intent, nil)
		c.string(resultAction, r.Action)
		c.knowledgeAnswers(resultKnowledgeAnswers, r.KnowledgeAnswers)
		c.messages(resultMessages, r.Messages)
		c.close(at)
	}
}

func (c *values) webhookResult(n field, source string, payload dialogflow.Value) {
	if source == "" && len(payload) == 0 {
		return
	}
	at := c.open(n)
	c.string(webhookResultSource, source)
	c.object(webhookResultPayload, "webhookPayload", payload)
	c.close(at)
}
