package binding_test

import (
	"strings"
	"testing"

	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// Two turns with everything in them that their platform has.

const esBody = `{
  "responseId": "turn-1",
  "session": "projects/shop/locations/europe-west1/agent/environments/prod/users/u-1/sessions/s-1",
  "queryResult": {
    "queryText": "where is A-1001", "languageCode": "en-us", "speechRecognitionConfidence": 0.5, "action": "order.track",
    "parameters": {"order_id": "A-1001", "number": 7.0, "big": 9007199254740993, "card": 12345678901234567890, "empty": "", "none": null,
      "list": [1.616583749E9, {"amount": 0.10, "unit": "kg"}, true, []], "": "nameless"},
    "cancelsSlotFilling": true, "allRequiredParamsPresent": false,
    "fulfillmentText": "Let me see.",
    "fulfillmentMessages": [{"text": {"text": ["Let me see.", "One moment."]}, "platform": "SLACK"}],
    "webhookSource": "earlier", "webhookPayload": {"k": [1]},
    "outputContexts": [
      {"name": "projects/shop/locations/europe-west1/agent/environments/prod/users/u-1/sessions/s-1/contexts/shop-orders",
       "lifespanCount": 4, "parameters": {"order_id": "A-1001", "order_id.original": "a 1001", "id": 98765432109876543210}},
      {"name": "projects/shop/locations/europe-west1/agent/environments/prod/users/u-1/sessions/s-1/contexts/bare"}],
    "intent": {"name": "projects/shop/agent/intents/i-1", "displayName": "order.track", "isFallback": true, "endInteraction": true},
    "intentDetectionConfidence": 0.87,
    "diagnosticInfo": {"webhook_latency_ms": 12.0},
    "sentimentAnalysisResult": {"queryTextSentiment": {"score": -0.5, "magnitude": 0.9}},
    "knowledgeAnswers": {"answers": [{"source": "projects/shop/knowledgeBases/1", "faqQuestion": "Where?", "answer": "There.",
      "matchConfidenceLevel": "HIGH", "matchConfidence": 0.75}]}
  },
  "alternativeQueryResults": [{"queryText": "where is A-1001", "languageCode": "en", "action": "knowledge",
    "intent": {"displayName": "Knowledge.1"}, "intentDetectionConfidence": 0.25,
    "fulfillmentMessages": [{"text": {"text": ["There."]}}],
    "knowledgeAnswers": {"answers": [{"answer": "There."}]}}],
  "originalDetectIntentRequest": {"source": "slack", "version": "2", "payload": {"data": {"user": 20000000000000001}}}
}`

const cxBody = `{
  "detectIntentResponseId": "turn-1",
  "text": "a large one", "languageCode": "en",
  "fulfillmentInfo": {"tag": "choose-size"},
  "intentInfo": {"lastMatchedIntent": "projects/shop/locations/eu/agents/a/intents/i", "displayName": "order.new", "confidence": 0.75,
    "parameters": {"size": {"originalValue": "big", "resolvedValue": "intent"}, "colour": {"originalValue": "red", "resolvedValue": "intent"},
      "nothing": {"resolvedValue": null}}},
  "pageInfo": {"currentPage": "projects/shop/locations/eu/agents/a/flows/f/pages/p", "displayName": "Size",
    "formInfo": {"parameterInfo": [
      {"displayName": "size", "required": true, "state": "FILLED", "value": "form", "justCollected": true},
      {"displayName": "nothing", "state": "EMPTY", "value": null},
      {"displayName": "gift", "state": "EMPTY"},
      {"displayName": "blank", "state": "FILLED", "value": ""}]}},
  "sessionInfo": {"session": "projects/shop/locations/eu/agents/a/environments/e/sessions/s-1",
    "parameters": {"size": "session", "colour": "session", "nothing": "session", "gift": "session", "blank": "session",
      "account": 12345678901234567890, "gone": null}},
  "messages": [{"text": {"text": ["Which size?"]}, "channel": "WEB"}],
  "payload": {"caller": "+15550100"},
  "sentimentAnalysisResult": {"score": 0.5, "magnitude": 0.5},
  "languageInfo": {"inputLanguageCode": "en", "resolvedLanguageCode": "en-us", "confidenceScore": 0.5}
}`

func read(tb testing.TB, platform dialogflow.Platform, body string) *dialogflow.Turn {
	tb.Helper()
	turn, err := dialogflow.Read(platform, []byte(body))
	if err != nil {
		tb.Fatal(err)
	}
	return turn
}

// platformOf tells the platform by the first part of a fixture's name.
func platformOf(name string) dialogflow.Platform {
	if strings.HasPrefix(name, "cx-") {
		return dialogflow.CX
	}
	return dialogflow.ES
}
