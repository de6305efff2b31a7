package main

const (
	instrumentsFile = "gateway/telemetry/instruments.go"
	observeFile     = "gateway/telemetry/observe.go"
	logQueueRoom    = "gateway/logqueue"
	logQueue        = logQueueRoom + "/logqueue.go"
	jsonLine        = "gateway/telemetry/json.go"
)

// observed is what alerts and the dashboard rely on: names, labels and values of metrics.
var observed = []mutation{
	{
		name:  "metrics: a name that is watched",
		edits: []edit{{instrumentsFile, `"intentgate_id_tokens_total"`, `"intentgate_tokens_total"`}},
		red:   []check{{e2e, `TestObserved`}},
	},
	{
		name:  "metrics: a label that is watched",
		edits: []edit{{instrumentsFile, `"verdict", "webhook"`, `"result", "webhook"`}},
		red:   []check{{e2e, `TestObserved`}},
	},
	{
		name:  "metrics: a value that is watched",
		edits: []edit{{observeFile, `states = append(states, strings.ToLower(state.String()))`, `states = append(states, state.String())`}},
		red:   []check{{e2e, `TestObserved`}},
	},
	{
		name:  "metrics: whom nobody waited for failed",
		edits: []edit{{"gateway/telemetry/turn.go", `, e.Reason == callerLeft:`, `:`}},
		red:   []check{{e2e, `TestObserved`}},
	},
	{
		name:  "log: what waits is bounded",
		edits: []edit{{logQueue, `!q.closed && len(q.waiting)+len(line) <= room`, `!q.closed`}},
		red:   []check{{logQueueRoom, `TestStalledReader`}},
	},
	{
		name:  "log: lines that are not written are counted",
		edits: []edit{{logQueue, "if b == '\\n' {", "if b == 0 {"}},
		red:   []check{{logQueueRoom, `TestBrokenWriter`}},
	},
	{
		name:  "metrics: what is told twice is told once",
		edits: []edit{{"gateway/telemetry/meter.go", `last[strings.Join(values, "\x00")]`, `last[strings.Repeat("x", len(last))]`}},
		red:   []check{{telemetryRoom, `TestObserveLoads`}},
	},
	{
		name:  "log: a line is JSON, whatever a text holds",
		edits: []edit{{jsonLine, `text[plain] < utf8.RuneSelf && text[plain] != '"' &&`, `text[plain] < utf8.RuneSelf &&`}},
		red:   []check{{telemetryRoom, `TestLineAsSlogs`}},
	},
}
