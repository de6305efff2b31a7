package dialogflow

import (
	"bytes"
	"slices"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// esRequest is google.cloud.dialogflow.v2beta1.WebhookRequest, and what v2 has beside it.
var esRequest = shapeOf([]field[Turn]{
	text("session", func(t *Turn) *string { return &t.Session.Name }),
	text("responseId", func(t *Turn) *string { return &t.ID }),
	message("queryResult", esQueryResult, itself[Turn]),
	message("originalDetectIntentRequest", esChannel, func(t *Turn) *Channel { return &t.Channel }),
	{name: "alternativeQueryResults", read: func(r *reader, t *Turn) error {
		return r.list(func() error {
			var other Turn // the same fields in the same shape, but less of it is of use
			if err := object(r, esQueryResult, &other); err != nil {
				return err
			}
			t.AlternativeResults = append(t.AlternativeResults, AlternativeResult{
				Text: other.Input.Text, Language: other.Language, Intent: other.Intent, Action: other.Action,
				KnowledgeAnswers: other.KnowledgeAnswers, Messages: other.Messages,
			})
			return nil
		})
	}},
})

var esQueryResult = shapeOf([]field[Turn]{
	{name: "queryText", read: func(r *reader, t *Turn) error {
		t.Input.Kind = TextInput
		return r.string(&t.Input.Text)
	}},
	text("action", func(t *Turn) *string { return &t.Action }),
	parameters("parameters", func(t *Turn) *Parameters { return &t.Parameters }),
	boolean("allRequiredParamsPresent", func(t *Turn) *bool { return &t.allRequired }),
	text("fulfillmentText", func(t *Turn) *string { return &t.FulfillmentText }),
	messages("fulfillmentMessages", esMessage, func(t *Turn) *[]Message { return &t.Messages }),
	{name: "outputContexts", read: func(r *reader, t *Turn) error {
		r.contexts = r.contexts[:0]
		err := r.list(func() error {
			r.contexts = append(r.contexts, Context{})
			return object(r, esContext, &r.contexts[len(r.contexts)-1])
		})
		t.Contexts = slices.Clone(r.contexts)
		return err
	}},
	message("intent", esIntent, func(t *Turn) *Intent { return &t.Intent }),
	number("intentDetectionConfidence", func(t *Turn) *float64 { return &t.Intent.Confidence }),
	text("languageCode", func(t *Turn) *string { return &t.Language }),
	number("speechRecognitionConfidence", func(t *Turn) *float64 { return &t.SpeechConfidence }),
	boolean("cancelsSlotFilling", func(t *Turn) *bool { return &t.CancelsSlotFilling }),
	text("webhookSource", func(t *Turn) *string { return &t.WebhookSource }),
	payload("webhookPayload", func(t *Turn) *Value { return &t.WebhookPayload }),
	payload("diagnosticInfo", func(t *Turn) *Value { return &t.DiagnosticInfo }),
	message("sentimentAnalysisResult", shapeOf([]field[Turn]{
		optional("queryTextSentiment", sentiment, func(t *Turn) **intentgatev1.Turn_Sentiment { return &t.Sentiment }),
	}, "status"), itself[Turn]),
	message("knowledgeAnswers", shapeOf([]field[Turn]{
		{name: "answers", read: func(r *reader, t *Turn) error {
			return r.list(func() error {
				t.KnowledgeAnswers = append(t.KnowledgeAnswers, new(intentgatev1.Turn_KnowledgeAnswer))
				return object(r, esKnowledgeAnswer, t.KnowledgeAnswers[len(t.KnowledgeAnswers)-1])
			})
		}},
	}), itself[Turn]),
})

var esIntent = shapeOf([]field[Intent]{
	text("name", func(i *Intent) *string { return &i.Name }),
	text("displayName", func(i *Intent) *string { return &i.DisplayName }),
	boolean("isFallback", func(i *Intent) *bool { return &i.Fallback }),
	boolean("endInteraction", func(i *Intent) *bool { return &i.EndInteraction }),
}, // the intent as its designer wrote it, which a webhook call leaves out
	"webhookState", "priority", "mlEnabled", "mlDisabled", "liveAgentHandoff", "inputContextNames", "events",
	"trainingPhrases", "action", "outputContexts", "resetContexts", "parameters", "messages",
	"defaultResponsePlatforms", "rootFollowupIntentName", "parentFollowupIntentName", "followupIntentInfo")

var esContext = shapeOf([]field[Context]{
	{name: "name", read: func(r *reader, c *Context) error {
		name, err := r.words()
		c.Name = r.text(name[bytes.LastIndexByte(name, '/')+1:])
		return err
	}},
	{name: "lifespanCount", read: func(r *reader, c *Context) error { return r.integer(&c.Lifespan) }},
	{name: "parameters", read: func(r *reader, c *Context) error {
		err := r.raw(&c.Object)
		if c.Object != nil && c.Object[space(c.Object, 1)] == '}' {
			c.Object = nil
		}
		return err
	}},
})

var esMessage = shapeOf(append([]field[Message]{
	textMessage(),
	enum("platform", esPlatforms, func(m *Message) *string { return &m.Channel }),
}, kinds("payload", "image", "quickReplies", "card", "simpleResponses", "basicCard", "suggestions", "linkOutSuggestion",
	"listSelect", "carouselSelect", "browseCarouselCard", "tableCard", "mediaContent", "telephonyPlayAudio",
	"telephonySynthesizeSpeech", "telephonyTransferCall", "rbmText", "rbmStandaloneRichCard", "rbmCarouselRichCard")...))

// esPlatforms are the values of Intent.Message.Platform by number.
var esPlatforms = []string{
	"PLATFORM_UNSPECIFIED", "FACEBOOK", "SLACK", "TELEGRAM", "KIK", "SKYPE", "LINE", "VIBER", "ACTIONS_ON_GOOGLE", "",
	"TELEPHONY", "GOOGLE_HANGOUTS",
}

var esKnowledgeAnswer = shapeOf([]field[intentgatev1.Turn_KnowledgeAnswer]{
	text("source", func(k *intentgatev1.Turn_KnowledgeAnswer) *string { return &k.Source }),
	text("faqQuestion", func(k *intentgatev1.Turn_KnowledgeAnswer) *string { return &k.Question }),
	text("answer", func(k *intentgatev1.Turn_KnowledgeAnswer) *string { return &k.Answer }),
	enum("matchConfidenceLevel", esConfidenceLevels, func(k *intentgatev1.Turn_KnowledgeAnswer) *string { return &k.ConfidenceLevel }),
	number("matchConfidence", func(k *intentgatev1.Turn_KnowledgeAnswer) *float64 { return &k.Confidence }),
})

// esConfidenceLevels are the values of KnowledgeAnswers.Answer.MatchConfidenceLevel by number.
var esConfidenceLevels = []string{"MATCH_CONFIDENCE_LEVEL_UNSPECIFIED", "LOW", "MEDIUM", "HIGH"}

var esChannel = shapeOf([]field[Channel]{
	text("source", func(c *Channel) *string { return &c.Source }),
	text("version", func(c *Channel) *string { return &c.Version }),
	payload("payload", func(c *Channel) *Value { return &c.Payload }),
})

// sentiment is the same on ES and CX.
var sentiment = shapeOf([]field[intentgatev1.Turn_Sentiment]{
	number("score", func(s *intentgatev1.Turn_Sentiment) *float64 { return &s.Score }),
	number("magnitude", func(s *intentgatev1.Turn_Sentiment) *float64 { return &s.Magnitude }),
})
