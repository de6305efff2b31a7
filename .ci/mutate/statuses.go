package main

const (
	refusalFile    = "gateway/refusal/refusal.go"
	detailsFile    = "gateway/refusal/details.go"
	reopenFile     = "gateway/refusal/reopen.go"
	formFile       = "gateway/dialogflow/write_form.go"
	wordsFile      = "gateway/words.go"
	refusalRoom    = "gateway/refusal"
	dialogflowRoom = "gateway/dialogflow"
)

// statuses are what keeps a service's status from costing too much, from telling what is private, and from spoiling a conversation.
var statuses = []mutation{
	{
		name:  "status: bytes of details",
		edits: []edit{{detailsFile, `room -= len(detail.GetValue()); i == maxDetails || room < 0`, `room -= 0; i == maxDetails`}},
		red:   []check{{refusalRoom, `TestIgnored/too_large`}},
	},
	{
		name:  "status: number of details",
		edits: []edit{{detailsFile, `i == maxDetails || room < 0`, `room < 0`}},
		red:   []check{{refusalRoom, `TestIgnored/too_many`}},
	},
	{
		name:  "status: number of violations",
		edits: []edit{{detailsFile, `d.violations++; d.violations > maxViolations`, `d.violations++; false`}},
		red:   []check{{refusalRoom, `TestIgnored/many_violations`}},
	},
	{
		name:  "status: descriptions stay inside",
		edits: []edit{{detailsFile, `d.violation(v.GetField(), v.GetLocalizedMessage())`, `d.violation(v.GetField(), &errdetails.LocalizedMessage{Message: v.GetDescription()})`}},
		red:   []check{{gatewayRoom, `TestStatuses`}, {refusalRoom, `TestOfStatus`}},
	},
	{
		name:  "status: the agent's own prompt stands",
		edits: []edit{{refusalFile, `if a.agentAsks(f.parameters) {`, `if false {`}},
		red:   []check{{gatewayRoom, `TestStatuses`}, {refusalRoom, `TestOfStatus/empty`}},
	},
	{
		name:  "status: the agent's own prompt stands where nothing is left of a reply",
		edits: []edit{{wordsFile, `"{}" || asks ||`, `"{}" || asks && false ||`}},
		red:   []check{{gatewayRoom, `TestStatuses`}},
	},
	{
		name:  "status: nothing is heard twice",
		edits: []edit{{refusalFile, `plain != "" && !slices.Contains(heard, plain)`, `plain != ""`}},
		red:   []check{{refusalRoom, `TestOfStatus/nothing_twice`}},
	},
	{
		name:  "status: contexts of this intent only",
		edits: []edit{{reopenFile, `!isByID && !sameIntent(owner, turn.Intent.DisplayName)`, `false`}},
		red:   []check{{refusalRoom, `TestReopened/on`}},
	},
	{
		name:  "status: reopening is a switch",
		edits: []edit{{refusalFile, `if reopen && a.turn.Platform`, `if a.turn.Platform`}},
		red:   []check{{refusalRoom, `TestReopened/off`}},
	},
	{
		name:  "status: a reply that cannot be sent is no answer",
		edits: []edit{{wordsFile, `if err == nil && (string(body) != "{}" || asks || len(t.event.Dropped) == dropped) {`, `if body == nil { body = []byte("{}") }; if err == nil || asks || dropped >= 0 {`}},
		red:   []check{{gatewayRoom, `TestStatuses`}},
	},
	{
		name:  "answer: what is EMPTY cannot be INVALID",
		edits: []edit{{formFile, `case p.GetInvalid() && !current.Filled():`, `case false:`}},
		red:   []check{{dialogflowRoom, `TestWriteGolden/cx-form`}},
	},
	{
		name:  "answer: parameters of this form only",
		edits: []edit{{formFile, `case !ok:`, `case !ok && current != nil:`}},
		red:   []check{{dialogflowRoom, `TestWriteGolden/cx-form`}},
	},
}
