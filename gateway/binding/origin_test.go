package binding_test

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// play is a turn of a method, and the request that it makes, or the field that refuses it.
type play struct {
	name, body, want string
	field, parameter string // of the error
}

func (m *typed) play(t *testing.T, platform dialogflow.Platform, plays []play) {
	t.Helper()
	for _, p := range plays {
		call, err := m.Call(read(t, platform, p.body))
		v := violation(err)
		switch {
		case p.field != "" && (v.Field != p.field || strings.Join(v.Parameters, " and ") != p.parameter):
			t.Errorf("%v %s: got %v, want an error of field %s from parameter %s", platform, p.name, err, p.field, p.parameter)
		case p.field != "":
		case err != nil:
			t.Errorf("%v %s: %v", platform, p.name, err)
		default:
			if got, want := m.decode(t, call.Request), m.want(t, p.want); !proto.Equal(got, want) {
				t.Errorf("%v %s: got %v, want %v", platform, p.name, got, want)
			}
		}
	}
}

// violation returns the first one of an error; the zero one if that is another error.
func violation(err error) binding.Violation {
	if invalid, ok := errors.AsType[*binding.InvalidError](err); ok {
		return invalid.Violations[0]
	}
	return binding.Violation{}
}

func TestOriginsES(t *testing.T) {
	const session = `projects/p/agent/sessions/s`
	turn := func(parameters, rest string) string {
		return `{"session": "` + session + `", ` + rest + `"queryResult": {"intent": {"displayName": "i"}, "parameters": ` + parameters + `,
			"outputContexts": [{"name": "` + session + `/contexts/Second", "parameters": {"remembered": "2", "order_id": "no"}},
				{"name": "` + session + `/contexts/first", "parameters": {"Remembered": "1"}}]}}`
	}
	const contexts = `, "remembered": "1", "remembered_otherwise": "2", "session": "` + session + `"}`
	compile(t, "KindsService.Origins", binding.Options{Platform: dialogflow.ES}).play(t, dialogflow.ES, []play{
		{
			name: "sources", body: `{"session": "` + session + `", "queryResult": {"queryText": "say \"hi\"", "languageCode": "pt-br", "intentDetectionConfidence": 0.25,
			"intent": {"displayName": "i"}}, "originalDetectIntentRequest": {"source": "telephony", "payload": {"telephony": {"caller_id": "+1555"}}}}`,
			want: `{"language": "pt-br", "said": "say \"hi\"", "channel": "telephony", "confidence": 0.25, "caller": "+1555", "session": "` + session + `"}`,
		},
		{name: "payload of another shape", body: turn(`{}`, `"originalDetectIntentRequest": {"payload": {"telephony": ["x"]}}, `), want: `{"order_id": ""` + contexts},
		{name: "payload of a wrong kind", body: turn(`{}`, `"originalDetectIntentRequest": {"payload": {"telephony": {"caller_id": {"x": 1}}}}, `), field: "caller"},
		{name: "own name", body: turn(`{"orderId": "normal", "order_id": "exact"}`, ""), want: `{"order_id": "exact"` + contexts},
		{name: "JSON name", body: turn(`{"order-id": "normal", "orderId": "exact"}`, ""), want: `{"order_id": "exact"` + contexts},
		{name: "normally equal", body: turn(`{"Order-Id": "normal"}`, ""), want: `{"order_id": "normal"` + contexts},
		{name: "not filled", body: turn(`{"order_id": "", "remembered": "", "order": "x", "order_id_": null}`, ""), want: `{"order_id": ""` + contexts},
		{name: "the intent's own before contexts", body: turn(`{"Remembered": "0"}`, ""), want: `{"remembered": "0", "remembered_otherwise": "0", "session": "` + session + `"}`},
		{name: "places are of CX", body: turn(`{"where": "here"}`, ""), want: `{"from_form": "here", "from_intent": "here", "from_session": "here"` + contexts},
		{name: "alternatives: one", body: turn(`{"count": 3}`, ""), want: `{"number": 3` + contexts},
		{name: "alternatives: both alike", body: turn(`{"count": 3, "number": "3.0"}`, ""), want: `{"number": 3` + contexts},
		{name: "alternatives: one not filled", body: turn(`{"count": 3, "number": ""}`, ""), want: `{"number": 3` + contexts},
		{name: "alternatives: different", body: turn(`{"count": 3, "number": 4}`, ""), field: "number", parameter: "count"},
		{name: "alternatives: one is wrong", body: turn(`{"count": "x", "number": 4}`, ""), field: "number", parameter: "count"},
		{name: "wrong", body: turn(`{"ORDER_ID": {}}`, ""), field: "order_id", parameter: "ORDER_ID"},
	})
}

func TestOriginsCX(t *testing.T) {
	turn := func(form, intent, session string) string {
		return `{"fulfillmentInfo": {"tag": "t"}, "intentInfo": {"parameters": {` + intent + `}}, "pageInfo": {"formInfo": {"parameterInfo": [` + form + `]}},
			"sessionInfo": {"session": "projects/p/locations/l/agents/a/sessions/s", "parameters": {` + session + `}}}`
	}
	const session = `, "session": "projects/p/locations/l/agents/a/sessions/s"}`
	compile(t, "KindsService.Origins", binding.Options{Platform: dialogflow.CX}).play(t, dialogflow.CX, []play{
		{name: "sources", body: `{"fulfillmentInfo": {"tag": "t"}, "triggerEvent": "sys.no-match", "languageCode": "en", "intentInfo": {"confidence": 1}, "payload": {"telephony": {"caller_id": 1555}},
			"sessionInfo": {"session": "projects/p/locations/l/agents/a/sessions/s"}}`, want: `{"event": "sys.no-match", "language": "en", "confidence": 1, "caller": "1555"` + session},
		{name: "transcript", body: `{"fulfillmentInfo": {"tag": "t"}, "transcript": "hi", "sessionInfo": {"session": "projects/p/locations/l/agents/a/sessions/s"}}`, want: `{"said": "hi"` + session},
		{
			name: "form, intent, session", body: turn(`{"displayName": "order_id", "state": "FILLED", "value": "f"}, {"displayName": "where", "state": "INVALID", "value": "f"}`,
				`"order_id": {"resolvedValue": "i"}, "where": {"resolvedValue": "i"}`, `"order_id": "s", "where": "s"`),
			want: `{"order_id": "f", "from_form": "f", "from_intent": "i", "from_session": "s"` + session,
		},
		{name: "what is empty gives way", body: turn(`{"displayName": "order_id", "state": "EMPTY", "value": "f"}, {"displayName": "where", "state": "FILLED", "value": null}`,
			`"order_id": {"resolvedValue": null}`, `"order_id": "s"`), want: `{"order_id": "s"` + session},
		{name: "an empty text does not", body: turn(`{"displayName": "order_id", "state": "FILLED", "value": ""}`, ``, `"order_id": "s"`), want: `{"order_id": ""` + session},
		{name: "a better place beats an exact name", body: turn(`{"displayName": "orderid", "state": "FILLED", "value": "f"}`, ``, `"order_id": "s"`), want: `{"order_id": "f"` + session},
		{name: "contexts are of ES", body: turn(``, `"remembered": {"resolvedValue": "i"}`, ``), want: `{"remembered": "i", "remembered_otherwise": "i"` + session},
	})
}

func TestJoins(t *testing.T) {
	const day, hour = `"day": "2026-11-22T12:00:00+01:00"`, `"time": "2026-11-01T15:30:00+01:00"`
	const dateTime = `"pick_up": {"year": 2026, "month": 11, "day": 22, "hours": 15, "minutes": 30, "utcOffset": "3600s"}, "instant": "2026-11-22T14:30:00Z"`
	plays := []play{
		{name: "day and time", body: day + `, ` + hour, want: dateTime},
		{
			name: "as on CX", body: `"day": {"year": 2026, "month": 11, "day": 22}, "time": {"hours": 15, "minutes": 30}`,
			want: `"pick_up": {"year": 2026, "month": 11, "day": 22, "hours": 15, "minutes": 30, "timeZone": {"id": "Europe/Berlin"}}, "instant": "2026-11-22T14:30:00Z"`,
		},
		{name: "lists of one", body: `"day": ["2026-11-22T12:00:00+01:00"], "time": ["15:30:00+01:00"]`, want: dateTime},
		{name: "no time yet", body: day, want: ``},
		{name: "no day yet", body: hour + `, "day": ""`, want: ``},
		{name: "two days", body: day + `, "time": "2026-11-22"`, field: "pick_up", parameter: "day and time"},
		{name: "a list", body: `"day": ["2026-11-22", "2026-11-23"], ` + hour, field: "pick_up", parameter: "day and time"},
		{
			name: "days of a period", body: `"start-date": "2026-11-22T12:00:00+01:00", "end-date": "2026-11-22T12:00:00+01:00"`,
			want: `"days": {"startTime": "2026-11-21T23:00:00Z", "endTime": "2026-11-22T23:00:00Z"}, "period": {"start": {"year": 2026, "month": 11, "day": 22}, "end": {"year": 2026, "month": 11, "day": 22}}`,
		},
		{name: "an open period", body: `"start-date": "2026-11-22"`, want: `"days": {"startTime": "2026-11-21T23:00:00Z"}, "period": {"start": {"year": 2026, "month": 11, "day": 22}}`},
		{name: "times of a period", body: `"since": "2026-11-22T12:00:00Z", "until": "2026-11-22T13:00:00Z"`, want: `"hours": {"startTime": "2026-11-22T12:00:00Z", "endTime": "2026-11-22T13:00:00Z"}`},
		{name: "money", body: `"price": 9.5, "coin": "eur"`, want: `"price": {"currencyCode": "EUR", "units": 9, "nanos": 500000000}, "both": {"price": 9.5}`},
		{name: "money to come", body: `"coin": "eur"`, want: ``},
		{name: "a list of values", body: `"line1": "a", "line2": 7.0`, want: `"lines": ["a", "7"], "both": {"line1": "a"}`},
		{name: "an element of two", body: `"line2": ["a", "b"]`, field: "lines[0]", parameter: "line2"},
	}
	for i := range plays {
		plays[i].want = `{` + plays[i].want + `}`
	}
	for _, platform := range []dialogflow.Platform{dialogflow.ES, dialogflow.CX} {
		method := compile(t, "KindsService.Joins", binding.Options{Platform: platform, TimeZone: berlin(t)})
		on := make([]play, len(plays))
		for i, p := range plays {
			p.body = string(turnOf(t, platform, `{`+p.body+`}`).Body)
			on[i] = p
		}
		method.play(t, platform, on)
	}
}
