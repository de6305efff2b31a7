package main

const (
	admission     = "gateway/admission/admission.go"
	admissionRoom = "gateway/admission"
	drain         = "gateway/edge/drain.go"
)

// places is what turns in work may take, the time that they have, and how all of them end well when the gateway stops.
var places = []mutation{
	{
		name:  "places: turns",
		edits: []edit{{admission, `if c.turns.Add(1) > int64(c.limits.Load().Turns) {`, `if c.turns.Add(1) > 1<<40 {`}},
		red:   []check{{admissionRoom, `TestTurns`}, {gatewayRoom, `TestOverload/turns,_for_all`}},
	},
	{
		name:  "places: bytes",
		edits: []edit{{admission, `if p.control.bytes.Add(bytes) > p.control.limits.Load().HeldBytes {`, `if p.control.bytes.Add(bytes) > 1<<40 {`}},
		red:   []check{{admissionRoom, `TestHeldBytes`}, {gatewayRoom, `TestOverload/bytes`}},
	},
	{
		name:  "places: bytes are asked for",
		edits: []edit{{"gateway/edge/body.go", `if hold != nil && !hold(size-int64(cap(body))) {`, `if hold != nil && size < 0 {`}},
		red:   []check{{gatewayRoom, `TestOverload/bytes`}},
	},
	{
		name:  "places: a stated length is not believed",
		edits: []edit{{"gateway/edge/body.go", `size := room(min(max(stated, 0), largeBody-spare) + spare)`, `size := room(max(stated, 0)*4 + spare)`}},
		red:   []check{{gatewayRoom, `TestPlacesOfSlowBodies`}},
	},
	{
		name: "places: given back",
		edits: []edit{{turn, `	t.place.Leave()
}`, `}`}},
		red: []check{{gatewayRoom, `TestOverload/bytes|TestPlacesOfSlowBodies`}},
	},
	{
		name: "places: before the body",
		edits: []edit{{turn, `	if t.body, failure = t.readRequest(ctx, w, r); failure != nil {
`, `	t.place.Leave()
	t.body, failure = t.readRequest(ctx, w, r)
	if t.place, _ = t.Admission.Enter(""); failure != nil {
`}},
		red: []check{{gatewayRoom, `TestPlacesOfSlowBodies`}},
	},
	{
		name:  "places: three quarters",
		edits: []edit{{admission, `int64(l.Turns)*3/4)`, `int64(l.Turns))`}},
		red:   []check{{admissionRoom, `TestShare`}},
	},
	{
		name:  "places: a project that is proven later has its share, too",
		edits: []edit{{turn, `if reason := t.place.Claim(provenProject(who)); reason != admission.None {`, `if reason := t.place.Claim(""); reason != admission.None {`}},
		red:   []check{{gatewayRoom, `TestRateOfProjects/by_certificate`}},
	},
	{
		name:  "places: nobody takes another's share by its name",
		edits: []edit{{turn, `name.GetProof() != intentgatev1.Caller_PROOF_STATED`, `name.GetProof() != intentgatev1.Caller_PROOF_UNSPECIFIED`}},
		red:   []check{{gatewayRoom, `TestRateOfProjects/stated`}},
	},
	{
		name:  "places: rate",
		edits: []edit{{admission, `return p.rate.AllowN(now, 1)`, `return p.rate.AllowN(now, 0)`}},
		red:   []check{{admissionRoom, `TestRate`}, {gatewayRoom, `TestRateOfProjects/by_a_credential`}},
	},
	{
		name:  "places: projects that are remembered",
		edits: []edit{{admission, `if len(c.projects) >= maxProjects {`, `if false {`}},
		red:   []check{{admissionRoom, `TestProjectsAreBounded`}},
	},
	{
		name:  "places: unread turns of ES replace no context",
		edits: []edit{{"gateway/fallback/answer.go", `known.remember = nil`, `_ = known`}},
		red:   []check{{gatewayRoom, `TestOverload/turns,_for_all`}},
	},
	{
		name:  "time: too late for a call",
		edits: []edit{{"gateway/ask.go", `t.event.BudgetLeft < leastCall {`, `t.event.BudgetLeft < 0 {`}},
		red:   []check{{gatewayRoom, `TestTooLate`}},
	},
	{
		name:  "time: of pipelined requests",
		edits: []edit{{connection, "case http.StateIdle:\n\t\tc.await(s.config.Now())", "case http.StateIdle:\n\t\tc.awaiting.Store(true)"}},
		red:   []check{{edgeRoom, `TestStartOfPipelinedRequests`}},
	},
	{
		name:  "panic: answered",
		edits: []edit{{"gateway/turn.go", `body, failure = t.recovered(ctx, v)`, `panic(v)`}},
		red:   []check{{gatewayRoom, `TestPanic`}},
	},
	{
		name:  "stop: connections are accepted for a while",
		edits: []edit{{drain, `case <-time.After(site.DrainDelay):`, `case <-time.After(0):`}},
		red:   []check{{edgeRoom, `TestDrainDelay$`}},
	},
	{
		name:  "stop: answers end their connections",
		edits: []edit{{connection, `if p.withdrawn || p.conn.server.draining.Load() {`, `if p.withdrawn {`}},
		red:   []check{{edgeRoom, `TestDrainDelay$|TestDrainDelayOnHTTP2`}},
	},
	{
		name:  "stop: answers that were in work, too",
		edits: []edit{{handler, `	peer.Answering(w.Header())` + "\n", ``}},
		red:   []check{{e2e, `TestStop$`}},
	},
	{
		name:  "stop: a request that has begun is answered",
		edits: []edit{{drain, `if c.awaiting.Load() {`, `if true {`}},
		red:   []check{{edgeRoom, `TestStopInTheMiddleOfARequest`}},
	},
	{
		name:  "stop: not by net/http, which drops what it reads",
		edits: []edit{{drain, `s.until(ending, func() bool { return s.endQuiet() == 0 })`, `s.endQuiet()`}},
		red:   []check{{edgeRoom, `TestStopInTheMiddleOfARequest`}},
	},
	{
		name:  "stop: quiet connections end",
		edits: []edit{{drain, `			c.endIfQuiet()` + "\n", ``}},
		red:   []check{{edgeRoom, `TestDrainOfSpareConnections`}},
	},
	{
		name:  "stop: the last ones have a moment",
		edits: []edit{{drain, `min(prompt, site.DrainDelay)`, `min(0, site.DrainDelay)`}},
		red:   []check{{edgeRoom, `TestStopRightAfterTheHandshake`}},
	},
	{
		name:  "stop: what turns have left is waited for",
		edits: []edit{{"gateway/process/process.go", `		wait(settling)` + "\n", `		_, _ = wait, settling` + "\n"}},
		red:   []check{{processRoom, `TestStopWaitsForWhatIsLeft`}},
	},
	{
		name:  "stop: the second signal",
		edits: []edit{{"gateway/cmd/intentgate/main.go", `context.AfterFunc(ctx, stop)`, `_ = stop`}},
		red:   []check{{e2e, `TestSecondSignal`}},
	},
}
