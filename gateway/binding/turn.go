package binding

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// The fields of Turn that hold Values, and so are written as wire bytes.
const (
	turnSessionParameters field = 25
	turnDiagnosticInfo    field = 32
)

// turn makes the message of a turn, without its id.
func (c *values) turn(t *dialogflow.Turn, contextName string) *intentgatev1.Turn {
	turn := &intentgatev1.Turn{
		Platform:           t.Platform.Proto(),
		Session:            t.Session.Name,
		Project:            t.Session.Project,
		Location:           t.Session.Location,
		Agent:              t.Session.Agent,
		Environment:        t.Session.Environment,
		SessionId:          t.Session.ID,
		User:               t.Session.User,
		Language:           t.Language,
		Intent:             c.intent(&t.Intent, t.Parameters),
		Action:             t.Action,
		Tag:                t.Tag,
		Page:               c.page(&t.Page),
		Contexts:           c.contexts(t.Contexts),
		SpeechConfidence:   t.SpeechConfidence,
		Channel:            c.channel(&t.Channel),
		Messages:           c.messages(t.Messages),
		Sentiment:          t.Sentiment,
		LanguageInfo:       t.LanguageInfo,
		KnowledgeAnswers:   t.KnowledgeAnswers,
		AlternativeResults: c.alternativeResults(t.AlternativeResults),
		FillingSlots:       t.FillingSlots,
		CancelsSlotFilling: t.CancelsSlotFilling,
		FulfillmentText:    t.FulfillmentText,
		WebhookResult:      c.webhookResult(t.WebhookSource, t.WebhookPayload),
	}
	setInput(turn, t.Input)
	from := len(c.b)
	if session := sessionParameters(t, contextName); len(session) > 0 {
		c.parameters(turnSessionParameters, session)
	}
	c.object(turnDiagnosticInfo, "diagnosticInfo", t.DiagnosticInfo)
	c.into(turn, from)
	return turn
}

// sessionParameters returns those of the session: on ES those of the context that is kept for the service.
func sessionParameters(t *dialogflow.Turn, contextName string) dialogflow.Parameters {
	if t.Platform == dialogflow.CX {
		return t.SessionParameters
	}
	held, _ := t.Context(contextName)
	return held.Parameters
}

// Parameters returns the parameters of a turn: on ES the intent's, on CX the form's over the intent's over the
// session's, where of one name the first that has a value wins. Null is no value; an empty text is one, for CX leaves out
// what is not filled.
func Parameters(t *dialogflow.Turn) dialogflow.Parameters {
	if t.Platform != dialogflow.CX {
		return t.Parameters
	}
	all := make(dialogflow.Parameters, 0, len(t.Page.Form)+len(t.Intent.Parameters)+len(t.SessionParameters))
	seen := make(map[string]bool, cap(all))
	add := func(name string, value dialogflow.Value) {
		if len(value) > 0 && value.Kind() != jsontext.KindNull && !seen[name] {
			seen[name] = true
			all = append(all, dialogflow.Parameter{Name: name, Value: value})
		}
	}
	for _, p := range t.Page.Form {
		add(p.Name, p.Value)
	}
	for _, p := range t.Intent.Parameters {
		add(p.Name, p.Resolved)
	}
	for _, p := range t.SessionParameters {
		add(p.Name, p.Value)
	}
	return all
}

func setInput(turn *intentgatev1.Turn, input dialogflow.Input) {
	switch input.Kind {
	case dialogflow.TextInput:
		turn.Input = &intentgatev1.Turn_Text{Text: input.Text}
	case dialogflow.EventInput:
		turn.Input = &intentgatev1.Turn_Event{Event: input.Text}
	case dialogflow.DTMFInput:
		turn.Input = &intentgatev1.Turn_DtmfDigits{DtmfDigits: input.Text}
	case dialogflow.TranscriptInput:
		turn.Input = &intentgatev1.Turn_Transcript{Transcript: input.Text}
	case dialogflow.IntentInput:
		turn.Input = &intentgatev1.Turn_TriggeredIntent{TriggeredIntent: input.Text}
	case dialogflow.NoInput:
	}
}
