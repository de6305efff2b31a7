package main

const (
	instrumentsFile = "gateway/telemetry/instruments.go"
	observeFile     = "gateway/telemetry/observe.go"
)

// observed is what alerts and the dashboard rely on: names, labels and values of metrics.
var observed = []mutation{
	{
		name:  "metrics: a name that is watched",
		edits: []edit{{instrumentsFile, `"intentgate.id.tokens"`, `"intentgate.tokens"`}},
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
}
