package binding

import (
	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// The fields of Turn. Its id is written by appendTurn.
const (
	turnPlatform           field = 1
	turnID                 field = 2
	turnSession            field = 3
	turnProject            field = 4
	turnLocation           field = 5
	turnAgent              field = 6
	turnEnvironment        field = 7
	turnSessionID          field = 8
	turnUser               field = 9
	turnLanguage           field = 10
	turnIntent             field = 11
	turnAction             field = 12
	turnTag                field = 13
	turnPage               field = 14
	turnContexts           field = 15
	turnText               field = 16
	turnEvent              field = 17
	turnDTMFDigits         field = 18
	turnTranscript         field = 19
	turnTriggeredIntent    field = 20
	turnSpeechConfidence   field = 21
	turnChannel            field = 22
	turnMessages           field = 23
	turnSentiment          field = 24
	turnSessionParameters  field = 25
	turnLanguageInfo       field = 26
	turnKnowledgeAnswers   field = 27
	turnAlternativeResults field = 28
	turnFillingSlots       field = 29
	turnCancelsSlotFilling field = 30
	turnWebhookResult      field = 31
	turnDiagnosticInfo     field = 32
	turnFulfillmentText    field = 33
)

// turn writes the fields of a Turn, without its id: straight from what was read, since a message made for it would be marshalled and
// thrown away.
func (c *values) turn(t *dialogflow.Turn, contextName string) {
	c.varint(turnPlatform, int64(t.Platform))
	c.string(turnSession, t.Session.Name)
	c.string(turnProject, t.Session.Project)
	c.string(turnLocation, t.Session.Location)
	c.string(turnAgent, t.Session.Agent)
	c.string(turnEnvironment, t.Session.Environment)
	c.string(turnSessionID, t.Session.ID)
	c.string(turnUser, t.Session.User)
	c.string(turnLanguage, t.Language)
	c.intent(turnIntent, &t.Intent, t.Parameters)
	c.string(turnAction, t.Action)
	c.string(turnTag, t.Tag)
	c.page(turnPage, &t.Page)
	c.contexts(turnContexts, t.Contexts)
	c.input(t.Input)
	c.number(turnSpeechConfidence, t.SpeechConfidence)
	c.channel(turnChannel, &t.Channel)
	c.messages(turnMessages, t.Messages)
	c.message(turnSentiment, t.Sentiment, t.Sentiment != nil)
	if session := sessionParameters(t, contextName); len(session) > 0 {
		c.parameters(turnSessionParameters, session)
	}
	c.message(turnLanguageInfo, t.LanguageInfo, t.LanguageInfo != nil)
	c.knowledgeAnswers(turnKnowledgeAnswers, t.KnowledgeAnswers)
	c.alternativeResults(turnAlternativeResults, t.AlternativeResults)
	c.bool(turnFillingSlots, t.FillingSlots)
	c.bool(turnCancelsSlotFilling, t.CancelsSlotFilling)
	c.webhookResult(turnWebhookResult, t.WebhookSource, t.WebhookPayload)
	c.object(turnDiagnosticInfo, "diagnosticInfo", t.DiagnosticInfo)
	c.string(turnFulfillmentText, t.FulfillmentText)
}

// appendTurn appends a Turn as field n, of its fields and its id, which may be empty.
func appendTurn(b []byte, n field, fields []byte, id string) []byte {
	size := len(fields)
	if id != "" {
		size += protowire.SizeTag(turnID) + protowire.SizeBytes(len(id))
	}
	b = protowire.AppendTag(b, n, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(size))
	b = append(b, fields...)
	if id != "" {
		b = protowire.AppendTag(b, turnID, protowire.BytesType)
		b = protowire.AppendString(b, id)
	}
	return b
}

// sessionParameters returns those of the session: on ES those of the context that is kept for the service.
func sessionParameters(t *dialogflow.Turn, contextName string) dialogflow.Parameters {
	if t.Platform == dialogflow.CX {
		return t.SessionParameters
	}
	held, _ := t.Context(contextName)
	return held.Parameters()
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

// input writes what the user did, an empty text too.
func (c *values) input(input dialogflow.Input) {
	n := [...]field{
		dialogflow.TextInput: turnText, dialogflow.EventInput: turnEvent, dialogflow.DTMFInput: turnDTMFDigits,
		dialogflow.TranscriptInput: turnTranscript, dialogflow.IntentInput: turnTriggeredIntent,
	}[input.Kind]
	if input.Kind != dialogflow.NoInput {
		c.said(n, input.Text)
	}
}
