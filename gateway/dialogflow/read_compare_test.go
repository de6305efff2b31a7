package dialogflow_test

import (
	"strings"
	"testing"

	"cloud.google.com/go/dialogflow/apiv2beta1/dialogflowpb"
	"cloud.google.com/go/dialogflow/cx/apiv3/cxpb"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// comparison holds a Turn against the canonical message that protobuf's reader made of the same body.
type comparison struct {
	t     *testing.T
	turn  *dialogflow.Turn
	exact bool // protobuf's reader read the very body, not one without the liberties
}

func (c *comparison) es(m *dialogflowpb.WebhookRequest) {
	t, q := c.turn, m.GetQueryResult()
	same(c, "session", t.Session.Name, m.GetSession())
	same(c, "response ID", t.ID, m.GetResponseId())
	same(c, "fulfillment text", t.FulfillmentText, q.GetFulfillmentText())
	same(c, "speech confidence", float32(t.SpeechConfidence), q.GetSpeechRecognitionConfidence())
	same(c, "cancels slot filling", t.CancelsSlotFilling, q.GetCancelsSlotFilling())
	same(c, "webhook source", t.WebhookSource, q.GetWebhookSource())
	same(c, "source", t.Channel.Source, m.GetOriginalDetectIntentRequest().GetSource())
	same(c, "version", t.Channel.Version, m.GetOriginalDetectIntentRequest().GetVersion())
	c.object("channel payload", t.Channel.Payload, m.GetOriginalDetectIntentRequest().GetPayload())
	c.object("webhook payload", t.WebhookPayload, q.GetWebhookPayload())
	c.object("diagnostic info", t.DiagnosticInfo, q.GetDiagnosticInfo())
	c.parameters("parameters", t.Parameters, q.GetParameters().GetFields())
	if t.FillingSlots && q.GetAllRequiredParamsPresent() {
		c.t.Error("slots are being filled though all are present")
	}
	if same(c, "contexts", len(t.Contexts), len(q.GetOutputContexts())) {
		for i, context := range q.GetOutputContexts() {
			if !strings.HasSuffix(context.GetName(), t.Contexts[i].Name) || strings.Contains(t.Contexts[i].Name, "/") {
				c.t.Errorf("context %q, want the end of %q", t.Contexts[i].Name, context.GetName())
			}
			same(c, "lifespan", t.Contexts[i].Lifespan, context.GetLifespanCount())
			c.parameters("context parameters", t.Contexts[i].Parameters(), context.GetParameters().GetFields())
		}
	}
	c.sentiment(q.GetSentimentAnalysisResult().GetQueryTextSentiment())
	c.esResult(dialogflow.AlternativeResult{
		Text: t.Input.Text, Language: t.Language, Intent: t.Intent, Action: t.Action,
		KnowledgeAnswers: t.KnowledgeAnswers, Messages: t.Messages,
	}, q)
	if same(c, "alternatives", len(t.AlternativeResults), len(m.GetAlternativeQueryResults())) {
		for i := range t.AlternativeResults {
			c.esResult(t.AlternativeResults[i], m.GetAlternativeQueryResults()[i])
		}
	}
}

// esResult compares what a turn and another result of it have in common.
func (c *comparison) esResult(r dialogflow.AlternativeResult, q *dialogflowpb.QueryResult) {
	same(c, "text", r.Text, q.GetQueryText())
	same(c, "language", r.Language, q.GetLanguageCode())
	same(c, "action", r.Action, q.GetAction())
	same(c, "intent name", r.Intent.Name, q.GetIntent().GetName())
	same(c, "intent display name", r.Intent.DisplayName, q.GetIntent().GetDisplayName())
	same(c, "intent fallback", r.Intent.Fallback, q.GetIntent().GetIsFallback())
	same(c, "intent end", r.Intent.EndInteraction, q.GetIntent().GetEndInteraction())
	same(c, "confidence", float32(r.Intent.Confidence), q.GetIntentDetectionConfidence())
	if same(c, "messages", len(r.Messages), len(q.GetFulfillmentMessages())) {
		for i, m := range q.GetFulfillmentMessages() {
			c.message(r.Messages[i], m, m.GetText().GetText())
			c.enum("platform", r.Messages[i].Channel, m.GetPlatform())
		}
	}
	if same(c, "knowledge answers", len(r.KnowledgeAnswers), len(q.GetKnowledgeAnswers().GetAnswers())) {
		for i, k := range q.GetKnowledgeAnswers().GetAnswers() {
			same(c, "source", r.KnowledgeAnswers[i].Source, k.GetSource())
			same(c, "question", r.KnowledgeAnswers[i].Question, k.GetFaqQuestion())
			same(c, "answer", r.KnowledgeAnswers[i].Answer, k.GetAnswer())
			same(c, "answer's confidence", float32(r.KnowledgeAnswers[i].Confidence), k.GetMatchConfidence())
			c.enum("answer's confidence level", r.KnowledgeAnswers[i].ConfidenceLevel, k.GetMatchConfidenceLevel())
		}
	}
}

func (c *comparison) cx(m *cxpb.WebhookRequest) {
	t := c.turn
	same(c, "session", t.Session.Name, m.GetSessionInfo().GetSession())
	same(c, "response ID", t.ID, m.GetDetectIntentResponseId())
	same(c, "tag", t.Tag, m.GetFulfillmentInfo().GetTag())
	same(c, "language", t.Language, m.GetLanguageCode())
	input := dialogflow.Input{}
	switch query := m.GetQuery().(type) {
	case *cxpb.WebhookRequest_Text:
		input = dialogflow.Input{Kind: dialogflow.TextInput, Text: query.Text}
	case *cxpb.WebhookRequest_TriggerIntent:
		input = dialogflow.Input{Kind: dialogflow.IntentInput, Text: query.TriggerIntent}
	case *cxpb.WebhookRequest_Transcript:
		input = dialogflow.Input{Kind: dialogflow.TranscriptInput, Text: query.Transcript}
	case *cxpb.WebhookRequest_TriggerEvent:
		input = dialogflow.Input{Kind: dialogflow.EventInput, Text: query.TriggerEvent}
	case *cxpb.WebhookRequest_DtmfDigits:
		input = dialogflow.Input{Kind: dialogflow.DTMFInput, Text: query.DtmfDigits}
	}
	same(c, "input", t.Input, input)
	same(c, "intent name", t.Intent.Name, m.GetIntentInfo().GetLastMatchedIntent())
	same(c, "intent display name", t.Intent.DisplayName, m.GetIntentInfo().GetDisplayName())
	same(c, "confidence", float32(t.Intent.Confidence), m.GetIntentInfo().GetConfidence())
	same(c, "intent parameters", len(t.Intent.Parameters), len(m.GetIntentInfo().GetParameters()))
	for _, p := range t.Intent.Parameters {
		want := m.GetIntentInfo().GetParameters()[p.Name]
		same(c, "original value", p.Original, want.GetOriginalValue())
		c.value("resolved value", p.Resolved, want.GetResolvedValue())
	}
	same(c, "page", t.Page.Name, m.GetPageInfo().GetCurrentPage())
	same(c, "page display name", t.Page.DisplayName, m.GetPageInfo().GetDisplayName())
	if form := m.GetPageInfo().GetFormInfo().GetParameterInfo(); same(c, "form", len(t.Page.Form), len(form)) {
		for i, p := range form {
			same(c, "form parameter", t.Page.Form[i].Name, p.GetDisplayName())
			same(c, "required", t.Page.Form[i].Required, p.GetRequired())
			same(c, "just collected", t.Page.Form[i].JustCollected, p.GetJustCollected())
			c.enum("state", t.Page.Form[i].State, p.GetState())
			c.value("form value", t.Page.Form[i].Value, p.GetValue())
		}
	}
	c.parameters("session parameters", t.SessionParameters, m.GetSessionInfo().GetParameters())
	c.object("payload", t.Channel.Payload, m.GetPayload())
	c.sentiment(m.GetSentimentAnalysisResult())
	if same(c, "language info", t.LanguageInfo != nil, m.GetLanguageInfo() != nil) && t.LanguageInfo != nil {
		same(c, "input language", t.LanguageInfo.InputLanguage, m.GetLanguageInfo().GetInputLanguageCode())
		same(c, "resolved language", t.LanguageInfo.ResolvedLanguage, m.GetLanguageInfo().GetResolvedLanguageCode())
		same(c, "language confidence", float32(t.LanguageInfo.Confidence), m.GetLanguageInfo().GetConfidenceScore())
	}
	if same(c, "messages", len(t.Messages), len(m.GetMessages())) {
		for i, m := range m.GetMessages() {
			c.message(t.Messages[i], m, m.GetText().GetText())
			same(c, "channel", t.Messages[i].Channel, m.GetChannel())
		}
	}
}

// same compares two of a kind.
func same[T comparable](c *comparison, what string, got, want T) bool {
	c.t.Helper()
	if got != want {
		c.t.Errorf("%s: got %v, protobuf's reader has %v", what, got, want)
	}
	return got == want
}

// enum compares the name of an enum value, of which protobuf's reader drops the unknown ones.
func (c *comparison) enum(what, got string, want protoreflect.Enum) {
	c.t.Helper()
	value := want.Descriptor().Values().ByNumber(want.Number())
	if value == nil || c.turn.Quirks[dialogflow.UnknownEnumName] > 0 {
		return
	}
	name := string(value.Name())
	if value.Number() == 0 {
		name = ""
	}
	same(c, what, got, name)
}

type sentiment interface {
	proto.Message
	GetScore() float32
	GetMagnitude() float32
}

func (c *comparison) sentiment(want sentiment) {
	c.t.Helper()
	if same(c, "sentiment", c.turn.Sentiment != nil, want.ProtoReflect().IsValid()) && c.turn.Sentiment != nil {
		same(c, "score", float32(c.turn.Sentiment.Score), want.GetScore())
		same(c, "magnitude", float32(c.turn.Sentiment.Magnitude), want.GetMagnitude())
	}
}

func (c *comparison) message(got dialogflow.Message, want proto.Message, text []string) {
	c.t.Helper()
	kind := ""
	m := want.ProtoReflect()
	if fd := m.WhichOneof(m.Descriptor().Oneofs().ByName("message")); fd != nil {
		kind = fd.JSONName()
	}
	same(c, "message kind", got.Kind, kind)
	same(c, "message text", strings.Join(got.Text, "\x00"), strings.Join(text, "\x00"))
	if got.Content != nil && (!got.Content.IsValid() || got.Content[0] != '{') {
		c.t.Errorf("message content %q, want an object", got.Content)
	}
}

func (c *comparison) parameters(what string, got dialogflow.Parameters, want map[string]*structpb.Value) {
	c.t.Helper()
	same(c, what, len(got), len(want))
	for _, p := range got {
		c.value(what, p.Value, want[p.Name])
	}
}

func (c *comparison) object(what string, got dialogflow.Value, want *structpb.Struct) {
	c.t.Helper()
	if got == nil {
		same(c, what, 0, len(want.GetFields()))
		return
	}
	c.value(what, got, structpb.NewStructValue(want))
}

// value compares a value kept raw with the same one decoded. Null and absence are one where a field holds it.
func (c *comparison) value(what string, got dialogflow.Value, want *structpb.Value) {
	c.t.Helper()
	if got == nil {
		if _, null := want.GetKind().(*structpb.Value_NullValue); want != nil && !null {
			c.t.Errorf("%s: got nothing, protobuf's reader has %v", what, want)
		}
		return
	}
	v := new(structpb.Value)
	if err := protojson.Unmarshal(got, v); err != nil {
		if c.exact {
			c.t.Errorf("%s: %q: %v", what, got, err)
		}
		return // a number that a double does not reach
	}
	if !proto.Equal(v, want) {
		c.t.Errorf("%s: got %s, protobuf's reader has %v", what, got, want)
	}
}
