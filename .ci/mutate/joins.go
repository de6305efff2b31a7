package main

const (
	joins     = "gateway/joins/joins.go"
	offers    = "gateway/joins/offer.go"
	ended     = "gateway/joins/ended.go"
	joinsRoom = "gateway/joins"
	continued = "gateway/continue.go"
	asking    = "gateway/ask.go"
)

// calls is what makes a call once, and who may fetch its answer later.
var calls = []mutation{
	{
		name:  "joins: a call under way",
		edits: []edit{{joins, `if call := c.underWay[at]; call != nil {`, `if call := c.underWay[at]; false {`}},
		red:   []check{{joinsRoom, `TestJoin$|TestFailuresAreNotRecorded`}, {e2e, `TestContinuation`}},
	},
	{
		name:  "joins: an answer for so long",
		edits: []edit{{ended, `case now >= record.until:`, `case false:`}},
		red:   []check{{joinsRoom, `TestJoin$`}},
	},
	{
		name:  "joins: the key says whose it is",
		edits: []edit{{joins, `[...]string{key, `, `[...]string{"", `}},
		red:   []check{{joinsRoom, `TestJoin$|TestCrowd`}},
	},
	{
		name:  "joins: nobody joins who has proven less, or elsewhere",
		edits: []edit{{joins, `placeOf(try.Key, try.By)`, `placeOf(try.Key, By{})`}},
		red:   []check{{gatewayRoom, `TestJoinerIsTheCaller`}},
	},
	{
		name:  "joins: only the service's own word",
		edits: []edit{{joins, `return cause == fallback.Refused || cause == fallback.Invalid`, `return cause != fallback.Timeout`}},
		red:   []check{{joinsRoom, `TestFailuresAreNotRecorded`}, {gatewayRoom, `TestCallerLeaves/failed`}},
	},
	{
		name:  "joins: who has waited in vain asks again",
		edits: []edit{{joins, `result.Pending != nil || c.isRecorded(call)`, `result.Pending != nil || true`}},
		red:   []check{{joinsRoom, `TestWaitedInVain|TestFailuresAreNotRecorded`}},
	},
	{
		name: "joins: within the clock",
		edits: []edit{{"gateway/joins/wait.go", `case <-ctx.Done():
		result :=`, `case <-context.Background().Done():
		result :=`}},
		red: []check{{joinsRoom, `TestWaitedInVain|TestContinuation$`}},
	},
	{
		name:  "joins: the number of answers",
		edits: []edit{{joins, `c.ended.count() <= c.config.Answers`, `c.ended.count() <= 1<<40`}},
		red:   []check{{joinsRoom, `TestBounds/number`}},
	},
	{
		name:  "joins: each has its own answer",
		edits: []edit{{ended, `begin = b.records[i-1].end`, `begin = 0`}},
		red:   []check{{joinsRoom, `TestAnswersAreKeptApart`}},
	},
	{
		name:  "joins: an answer is a copy",
		edits: []edit{{ended, `append([]byte{}, in.text(i)...)`, `in.text(i)`}},
		red:   []check{{joinsRoom, `TestAnswersAreKeptApart`}},
	},
	{
		name:  "joins: the size of answers",
		edits: []edit{{joins, `c.ended.bytes <= c.config.Bytes`, `c.ended.bytes <= 1<<40`}},
		red:   []check{{joinsRoom, `TestBounds/bytes`}},
	},
	{
		name:  "joins: calls beside their turns",
		edits: []edit{{joins, `if try.Limit > 0 && c.detached < c.config.Detached {`, `if try.Limit > 0 {`}},
		red:   []check{{joinsRoom, `TestBesideTheTurn`}},
	},
	{
		name:  "joins: their own deadline",
		edits: []edit{{joins, `context.WithTimeout(context.WithoutCancel(ctx), limit)`, `context.WithTimeout(context.WithoutCancel(ctx), 1<<60)`}},
		red:   []check{{joinsRoom, `TestBesideTheTurn|TestContinuationEnds`}, {gatewayRoom, `TestContinuationEnds`}},
	},
	{
		name:  "joins: a panic beside the turn",
		edits: []edit{{joins, `if recover() != nil {`, `if any(nil) != nil {`}},
		red:   []check{{joinsRoom, `TestPanic`}},
	},
	{
		name: "joins: a panic ends the call",
		edits: []edit{{joins, `defer func() { c.end(call, response, err) }()
	response, err = run(ctx)`, `response, err = run(ctx)
	c.end(call, response, err)`}},
		red: []check{{joinsRoom, `TestPanic`}},
	},
	{
		name:  "joins: a caller that leaves ends no call",
		edits: []edit{{"gateway/clock.go", `func (clock) Done() <-chan struct{} { return nil }`, `func (c clock) Done() <-chan struct{} { return c.Context.Done() }`}},
		red:   []check{{gatewayRoom, `TestCallerLeaves`}, {e2e, `TestCallerLeaves`}},
	},
	{
		name:  "joins: shorter where ids of turns tell nothing",
		edits: []edit{{asking, `if t.Webhook.RetriesRepeatID && asked.ID != "" {`, `if true {`}},
		red:   []check{{gatewayRoom, `TestKeptAnswers`}},
	},
	{
		name:  "nonce: of the session and the project",
		edits: []edit{{offers, `case offer.owner != owner:`, `case false:`}},
		red:   []check{{joinsRoom, `TestRedeem/another_session|TestRedeem/another_project`}, {gatewayRoom, `TestContinuationRefused`}},
	},
	{
		name:  "nonce: of this session",
		edits: []edit{{continued, `Session: asked.Session.Name,`, `Session: "",`}},
		red:   []check{{gatewayRoom, `TestContinuationRefused`}},
	},
	{
		name:  "nonce: once",
		edits: []edit{{offers, `case offer.used && turn != "" && offer.by != turn:`, `case false:`}},
		red:   []check{{joinsRoom, `TestRedeem/by_another_turn`}, {gatewayRoom, `TestContinuationRefused`}},
	},
	{
		name:  "nonce: another one each time",
		edits: []edit{{offers, `return !c.offers[nonce].used && `, `return `}},
		red:   []check{{joinsRoom, `TestContinuationEnds`}, {gatewayRoom, `TestContinuation$`}},
	},
	{
		name:  "nonce: forgotten with its call",
		edits: []edit{{joins, `			delete(c.offers, nonce)` + "\n", `			_ = nonce` + "\n"}, {offers, `case offer == nil, offer.call.over && now >= offer.call.until:`, `case offer == nil:`}},
		red:   []check{{joinsRoom, `TestRedeem/too_late`}},
	},
	{
		name:  "continuation: only the turn of the event",
		edits: []edit{{continued, `if !named && asked.Input.Text != "" {`, `if false {`}},
		red:   []check{{gatewayRoom, `TestContinuationIsFound/in_a_later_turn`}},
	},
	{
		name:  "continuation: not while slots are filled, nor on CX",
		edits: []edit{{continued, `asked.Platform != dialogflow.ES || asked.FillingSlots || `, ``}},
		red:   []check{{gatewayRoom, `TestNoContinuation/on_CX|TestNoContinuation/filling_slots`}},
	},
	{
		name:  "continuation: not while the gateway stops",
		edits: []edit{{continued, `return t.Draining != nil && t.Draining()`, `return false`}},
		red:   []check{{gatewayRoom, `TestNoContinuation/draining`}},
	},
	{
		name:  "continuation: the time that an annotation may ask for",
		edits: []edit{{"gateway/binding/annotation.go", `d.AsDuration() > MaxContinue`, `false`}},
		red:   []check{{"gateway/binding", `TestContinueFor`}},
	},
}
