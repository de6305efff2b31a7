package main

const (
	turnFile     = "gateway/turn.go"
	fallbackFile = "gateway/fallback/fallback.go"
	fallbackRoom = "gateway/fallback"
)

// fallbacks are what keeps words for failures from those who are to get none, and from hiding anything.
var fallbacks = []mutation{
	{
		name:  "fallback: none for what is no request",
		edits: []edit{{wordsFile, ` || failure.Reason == badRequest`, ``}},
		red:   []check{{gatewayRoom, `TestFallbackPrecedence/a_session_too_long`}},
	},
	{
		name:  "fallback: one that says nothing is no answer",
		edits: []edit{{wordsFile, `string(body) == "{}"`, `string(body) == "{"`}},
		red:   []check{{gatewayRoom, `TestFallbackPrecedence/a_page_that_cannot_be_found`}},
	},
	{
		name: "fallback: the log keeps the failure",
		edits: []edit{{wordsFile, `telemetry.ByFallback, failure.fallbackCause().String()
		return body, failure`, `telemetry.ByFallback, failure.fallbackCause().String()
		return body, nil`}},
		red: []check{{gatewayRoom, `TestFallbackCauses/is_down`}},
	},
	{
		name:  "fallback: the global one is of ES",
		edits: []edit{{fallbackFile, `if turn.Platform == dialogflow.ES {`, `if turn.Platform != 0 {`}},
		red:   []check{{fallbackRoom, `TestPrecedence/no_webhook's,_CX`}},
	},
	{
		name:  "fallback: the cause's before the general one",
		edits: []edit{{fallbackFile, `l.causes[cause], l.general`, `l.general, l.causes[cause]`}},
		red:   []check{{fallbackRoom, `TestPrecedence/the_route's_of_the_cause`}},
	},
	{
		name:  "slots: the service is not called",
		edits: []edit{{turnFile, `asked.FillingSlots && t.to.leavesSlots()`, `asked.FillingSlots && !t.to.leavesSlots()`}},
		red:   []check{{gatewayRoom, `TestSlots/not_asked`}},
	},
}
