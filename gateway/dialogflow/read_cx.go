package dialogflow

import intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"

// cxRequest is google.cloud.dialogflow.cx.v3.WebhookRequest.
var cxRequest = shapeOf([]field[Turn]{
	text("detectIntentResponseId", func(t *Turn) *string { return &t.ID }),
	message("intentInfo", cxIntent, func(t *Turn) *Intent { return &t.Intent }),
	message("pageInfo", cxPage, func(t *Turn) *Page { return &t.Page }),
	message("sessionInfo", shapeOf([]field[Turn]{
		text("session", func(t *Turn) *string { return &t.Session.Name }),
		parameters("parameters", func(t *Turn) *Parameters { return &t.SessionParameters }),
	}), itself[Turn]),
	message("fulfillmentInfo", shapeOf([]field[Turn]{
		text("tag", func(t *Turn) *string { return &t.Tag }),
	}), itself[Turn]),
	messages("messages", cxMessage, func(t *Turn) *[]Message { return &t.Messages }),
	cxInput("text", TextInput),
	cxInput("triggerIntent", IntentInput),
	cxInput("transcript", TranscriptInput),
	cxInput("triggerEvent", EventInput),
	cxInput("dtmfDigits", DTMFInput),
	text("languageCode", func(t *Turn) *string { return &t.Language }),
	payload("payload", func(t *Turn) *Value { return &t.Channel.Payload }),
	optional("sentimentAnalysisResult", sentiment, func(t *Turn) **intentgatev1.Turn_Sentiment { return &t.Sentiment }),
	optional("languageInfo", cxLanguageInfo, func(t *Turn) **intentgatev1.Turn_LanguageInfo { return &t.LanguageInfo }),
})

func cxInput(name string, kind InputKind) field[Turn] {
	return field[Turn]{name: name, oneof: true, read: func(r *reader, t *Turn) error {
		t.Input.Kind = kind
		return r.string(&t.Input.Text)
	}}
}

var cxIntent = shapeOf([]field[Intent]{
	text("lastMatchedIntent", func(i *Intent) *string { return &i.Name }),
	text("displayName", func(i *Intent) *string { return &i.DisplayName }),
	number("confidence", func(i *Intent) *float64 { return &i.Confidence }),
	{name: "parameters", read: readIntentParameters},
})

// readIntentParameters reads an object whose members the agent's designer named.
func readIntentParameters(r *reader, i *Intent) error {
	r.path = append(r.path, "[]")
	err := r.object(func(name []byte) error {
		i.Parameters = append(i.Parameters, IntentParameter{Name: r.text(name)})
		return object(r, cxIntentParameter, &i.Parameters[len(i.Parameters)-1])
	})
	r.path = r.path[:len(r.path)-1]
	return err
}

var cxIntentParameter = shapeOf([]field[IntentParameter]{
	text("originalValue", func(p *IntentParameter) *string { return &p.Original }),
	value("resolvedValue", func(p *IntentParameter) *Value { return &p.Resolved }),
})

var cxPage = shapeOf([]field[Page]{
	text("currentPage", func(p *Page) *string { return &p.Name }),
	text("displayName", func(p *Page) *string { return &p.DisplayName }),
	message("formInfo", shapeOf([]field[Page]{
		list("parameterInfo", cxFormParameter, func(p *Page) *[]FormParameter { return &p.Form }),
	}), itself[Page]),
})

var cxFormParameter = shapeOf([]field[FormParameter]{
	text("displayName", func(p *FormParameter) *string { return &p.Name }),
	boolean("required", func(p *FormParameter) *bool { return &p.Required }),
	enum("state", cxStates, func(p *FormParameter) *string { return &p.State }),
	value("value", func(p *FormParameter) *Value { return &p.Value }),
	boolean("justCollected", func(p *FormParameter) *bool { return &p.JustCollected }),
})

// cxStates are the values of PageInfo.FormInfo.ParameterInfo.ParameterState by number.
var cxStates = []string{"PARAMETER_STATE_UNSPECIFIED", "EMPTY", "INVALID", "FILLED"}

var cxMessage = shapeOf(append([]field[Message]{
	textMessage("allowPlaybackInterruption"),
	text("channel", func(m *Message) *string { return &m.Channel }),
}, kinds("payload", "conversationSuccess", "outputAudioText", "liveAgentHandoff", "endInteraction", "playAudio", "mixedAudio",
	"telephonyTransferCall", "knowledgeInfoCard", "toolCall")...), "responseType")

var cxLanguageInfo = shapeOf([]field[intentgatev1.Turn_LanguageInfo]{
	text("inputLanguageCode", func(l *intentgatev1.Turn_LanguageInfo) *string { return &l.InputLanguage }),
	text("resolvedLanguageCode", func(l *intentgatev1.Turn_LanguageInfo) *string { return &l.ResolvedLanguage }),
	number("confidenceScore", func(l *intentgatev1.Turn_LanguageInfo) *float64 { return &l.Confidence }),
})
