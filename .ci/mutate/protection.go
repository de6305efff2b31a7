package main

const (
	backendClient = "gateway/backend/client.go"
	circuitFile   = "gateway/backend/circuit.go"
	instancesFile = "gateway/backend/instances.go"
	limitFile     = "gateway/backend/limit.go"
	retryFile     = "gateway/backend/retry.go"
	backendRoom   = "gateway/backend"
)

// protection is what keeps a service that fails from costing more than its turns, and from being asked more than it copes with.
var protection = []mutation{
	{
		name:  "retry: only what may be called again",
		edits: []edit{{retryFile, `if !call.Idempotent || call.Tries >= r.Tries`, `if call.Tries >= r.Tries`}},
		red:   []check{{backendRoom, `TestRetries/Unavailable,_side_effects|TestRetries/frozen,_side_effects`}},
	},
	{
		name:  "retry: only what says so",
		edits: []edit{{"gateway/binding/compile.go", `return level == descriptorpb.MethodOptions_NO_SIDE_EFFECTS ||`, `return level == descriptorpb.MethodOptions_IDEMPOTENCY_UNKNOWN || level == descriptorpb.MethodOptions_NO_SIDE_EFFECTS ||`}},
		red:   []check{{"gateway/binding", `TestIdempotent`}},
	},
	{
		name:  "retry: no answer",
		edits: []edit{{retryFile, "default:\n\t\treturn 0, false\n\t}", "default:\n\t\treturn 0, code != codes.OK\n\t}"}},
		red:   []check{{backendRoom, `TestRetries/Internal|TestRetries/NotFound`}},
	},
	{
		name:  "retry: no deadline but a try's own",
		edits: []edit{{retryFile, `return 0, ended //`, `return 0, true //`}},
		red:   []check{{backendRoom, `TestRetries/DeadlineExceeded`}},
	},
	{
		name:  "retry: not where the service wants none",
		edits: []edit{{retryFile, `return delay, delay >= 0`, `return delay, true`}},
		red:   []check{{backendRoom, `TestRetries/never_come_back|TestRetries/come_back,_but_when`}},
	},
	{
		name:  "retry: within the time",
		edits: []edit{{retryFile, `time.Until(deadline)-leastTry >= pause`, `time.Until(deadline) >= pause`}},
		red:   []check{{backendRoom, `TestRetries/come_back_too_late`}},
	},
	{
		name:  "retry: a time for each try",
		edits: []edit{{retryFile, `if left-limit < leastTry {`, `if true {`}},
		red:   []check{{backendRoom, `TestRetries/frozen,_a_time_per_try`}},
	},
	{
		name:  "retry: the last one has its time",
		edits: []edit{{retryFile, `if last && (ctx.Done() != nil || deadline.IsZero()) {`, `if last {`}},
		red:   []check{{backendRoom, `TestRetries/frozen`}},
	},
	{
		name:  "retry: a fifth of the calls",
		edits: []edit{{retryFile, ` || !r.budget.spend()`, ``}},
		red:   []check{{backendRoom, `TestRetryBudget`}},
	},
	{
		name:  "circuit: calls without time say nothing",
		edits: []edit{{circuitFile, "if hurried {\n\t\t\treturn unknown", "if false {\n\t\t\treturn unknown"}},
		red:   []check{{backendRoom, `TestCircuitStaysClosed/no_time_for_them`}},
	},
	{
		name: "limit: a panic gives its place back",
		edits: []edit{{backendClient, `	defer func() { // also in a panic
		c.limit.leave(permit, call, how, err)
		c.circuit.leave(how)
	}()
	response, err = c.retries.do(ctx, call)
	how = judge(ctx, err, hurried)
`, `	response, err = c.retries.do(ctx, call)
	how = judge(ctx, err, hurried)
	c.limit.leave(permit, call, how, err)
	c.circuit.leave(how)
`}},
		red: []check{{backendRoom, `TestCircuitStaysClosed/panics`}},
	},
	{
		name:  "limit: calls that wait",
		edits: []edit{{limitFile, `if l.waiting.Add(1) > l.queue {`, `if l.waiting.Add(1) < 0 {`}},
		red:   []check{{backendRoom, `TestQueue`}},
	},
	{
		name:  "limit: as many as may come at once wait",
		edits: []edit{{limitFile, `Queue: 250`, `Queue: 100`}},
		red:   []check{{backendRoom, `TestManyCallers`}},
	},
	{
		name:  "limit: how long they wait",
		edits: []edit{{limitFile, `patience = deadline.Sub(began) / 2`, `patience = deadline.Sub(began)`}},
		red:   []check{{backendRoom, `TestQueue`}},
	},
	{
		name:  "limit: follows the service",
		edits: []edit{{limitFile, "permit.Record()\n\t\treturn", "permit.Drop()\n\t\treturn"}},
		red:   []check{{backendRoom, `TestOverload`}},
	},
	{
		name:  "limit: leaves healthy services alone",
		edits: []edit{{limitFile, `return float64(max(firstLimit, headroom*inFlight))`, `return float64(inFlight + 1)`}},
		red:   []check{{backendRoom, `TestHealthyServices`}},
	},
	{
		name:  "circuit: opens",
		edits: []edit{{circuitFile, "case how == failed:\n\t\tc.breaker.RecordFailure()", "case how == failed:\n\t\tc.breaker.RecordSuccess()"}},
		red:   []check{{backendRoom, `TestCircuit`}},
	},
	{
		name:  "circuit: answers are no failures",
		edits: []edit{{circuitFile, "case codes.Unavailable:\n\t\treturn failed", "case codes.Unavailable, codes.NotFound:\n\t\treturn failed"}},
		red:   []check{{backendRoom, `TestCircuitStaysClosed/NotFound`}},
	},
	{
		name:  "circuit: nor are callers who leave",
		edits: []edit{{circuitFile, "case errors.Is(ctx.Err(), context.Canceled):\n\t\treturn unknown", "case errors.Is(ctx.Err(), context.Canceled):\n\t\treturn failed"}},
		red:   []check{{backendRoom, `TestCallersWhoLeave`}},
	},
	{
		name:  "circuit: nor those who have no time",
		edits: []edit{{backendClient, `if err := ctx.Err(); err != nil {`, `if err := ctx.Err(); false {`}},
		red:   []check{{backendRoom, `TestCircuitStaysClosed/no_time_left`}},
	},
	{
		name:  "circuit: probes that say nothing",
		edits: []edit{{circuitFile, `case c.breaker.IsHalfOpen():`, `case false:`}},
		red:   []check{{backendRoom, `TestCallersWhoLeave`}},
	},
	{
		name:  "instances: left out",
		edits: []edit{{instancesFile, `if tries < p.count && conn.of.left(p.all.now()) {`, `if tries < 0 && conn.of.left(p.all.now()) {`}},
		red:   []check{{backendRoom, `TestFrozenInstance`}},
	},
	{
		name:  "instances: answers are no failures",
		edits: []edit{{instancesFile, `case codes.Unavailable, codes.DeadlineExceeded:`, `case codes.Unavailable, codes.DeadlineExceeded, codes.NotFound:`}},
		red:   []check{{backendRoom, `TestAnswersAreNoFailures/NotFound`}},
	},
	{
		name:  "instances: never most",
		edits: []edit{{instancesFile, ` && 2*count <= len(i.known)+1 {`, ` {`}},
		red:   []check{{backendRoom, `TestNeverMostInstances`}},
	},
	{
		name:  "response: bytes",
		edits: []edit{{"gateway/backend/options.go", `grpc.MaxCallRecvMsgSize(maxResponse)`, `grpc.MaxCallRecvMsgSize(16*maxResponse)`}},
		red:   []check{{backendRoom, `TestInvokeReturnsStatus/too_large_to_take`}},
	},
	{
		name:  "response: too large is the service's fault",
		edits: []edit{{backendClient, `if ended.Code() == codes.ResourceExhausted && `, `if false && `}},
		red:   []check{{backendRoom, `TestInvokeReturnsStatus/too_large_to_take`}},
	},
	{
		name:  "overload: not the caller's fault",
		edits: []edit{{"gateway/error.go", `ok && own.Code == codes.ResourceExhausted {`, `ok && own.Code == codes.OK {`}},
		red:   []check{{gatewayRoom, `TestFailures/queue_full`}},
	},
}
