package main

const (
	turnTrace  = "gateway/telemetry/trace.go"
	collector  = "gateway/telemetry/traces/collector.go"
	exporter   = "gateway/telemetry/traces/exporter.go"
	tracesFile = "gateway/telemetry/traces/traces.go"
	tracesRoom = "gateway/telemetry/traces"
)

// tracing is who is told of turns, what, and what it may cost.
var tracing = []mutation{
	{
		name:  "traces: nothing in the clear",
		edits: []edit{{collector, `host != "localhost" && (err != nil || !address.IsLoopback())`, `host == "" && (err != nil || !address.IsLoopback())`}},
		red:   []check{{tracesRoom, `TestPlaintext`}},
	},
	{
		name:  "traces: no sampler out of the environment",
		edits: []edit{{tracesFile, `sdk.WithSampler(sdk.AlwaysSample()),`, ``}},
		red:   []check{{e2e, `TestTracesEnvironment`}},
	},
	{
		name:  "traces: spans that wait are bounded",
		edits: []edit{{exporter, `<= mostPending {`, `<= 1<<40 {`}},
		red:   []check{{tracesRoom, `TestStalled`}},
	},
	{
		name:  "traces: the end is bounded",
		edits: []edit{{exporter, `defer context.AfterFunc(e.done, cancel)()`, ``}},
		red:   []check{{tracesRoom, `TestStalled`}},
	},
	{
		name:  "traces: what is not sent is counted",
		edits: []edit{{exporter, `e.dropped(refused, err)`, `_ = refused`}},
		red:   []check{{tracesRoom, `TestRefused`}},
	},
	{
		name:  "traces: logged once a minute",
		edits: []edit{{exporter, `now.Sub(e.told) < time.Minute {`, `now.Sub(e.told) < 0 {`}},
		red:   []check{{tracesRoom, `TestStalled`}},
	},
	{
		name:  "traces: another connection leaves a batch its own",
		edits: []edit{{exporter, `if e.using != e.to {`, `if true {`}},
		red:   []check{{tracesRoom, `TestReloadWhileItHangs`}},
	},
	{
		name:  "traces: a share of them",
		edits: []edit{{tracesFile, `>>1 < t.below`, `>>1 <= t.below`}, {tracesFile, `math.Ldexp(config.Settings.GetSample(), 63)`, `math.Ldexp(1, 63)`}},
		red:   []check{{tracesRoom, `TestDraw`}, {e2e, `TestTracesUnsampled`}},
	},
	{
		name:  "traces: slow ones",
		edits: []edit{{turnTrace, ` || e.trace.Slow(took)`, ``}},
		red:   []check{{e2e, `TestTracesUnsampled`}},
	},
	{
		name:  "traces: failed ones",
		edits: []edit{{turnTrace, ` || outcome == failed || outcome == lost)`, `)`}},
		red:   []check{{e2e, `TestTracesUnsampled`}},
	},
	{
		name:  "traces: the service's span is below the call",
		edits: []edit{{turnTrace, `SpanID: ids.Call,`, `SpanID: ids.Root,`}},
		red:   []check{{e2e, `TestTraces$`}},
	},
	{
		name:  "traces: a request's is linked on request only",
		edits: []edit{{turnTrace, `to.LinkInbound() && len(values) == 1`, `len(values) == 1`}},
		red:   []check{{e2e, `TestTraces$`}},
	},
	{
		name:  "traces: one that a request names twice is none",
		edits: []edit{{turnTrace, `len(values) == 1 {`, `len(values) > 0 {`}},
		red:   []check{{e2e, `TestTracesInbound`}},
	},
	{
		name:  "traces: what is left is sent in the end",
		edits: []edit{{"gateway/process/traces.go", `g.undo = append(g.undo, g.traces.Close)`, ``}},
		red:   []check{{e2e, `TestTraces$`}},
	},
}
