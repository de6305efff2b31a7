package main

const (
	handshake  = "gateway/edge/handshake.go"
	connection = "gateway/edge/conn.go"
	server     = "gateway/edge/server.go"
	edgeRoom   = "gateway/edge"
)

// connections is what the public listener does to strangers before any request is read.
var connections = []mutation{
	{
		name:  "handshake: judged",
		edits: []edit{{handshake, `config.VerifyConnection = func(state tls.ConnectionState) error { return c.judge(site, state) }`, ``}},
		red:   []check{{edgeRoom, `TestHandshakes/TLS_1.3/unknown_CA|TestResumptionIsJudged`}},
	},
	{
		name:  "handshake: the judge is obeyed",
		edits: []edit{{handshake, "c.refusal = refusal\n\t\treturn refusal", "c.refusal = refusal\n\t\tverdict = &authn.Verdict{}"}},
		red:   []check{{edgeRoom, `TestHandshakes/TLS_1.3/unknown_CA|TestHandshakes/TLS_1.2/none`}},
	},
	{
		name:  "handshake: possession of the key",
		edits: []edit{{handshake, `if err := secured.HandshakeContext(ctx); err != nil {`, `if err := secured.HandshakeContext(ctx); err != nil && c.verdict.Load() == nil {`}},
		red:   []check{{edgeRoom, `TestHandshakes/TLS_1.2/copied|TestHandshakes/TLS_1.3/copied`}, {e2e, `TestMatrix/rows/ES/copied`}},
	},
	{
		name:  "handshake: TLS 1.2 at least",
		edits: []edit{{handshake, `MinVersion: tls.VersionTLS12,`, `MinVersion: tls.VersionTLS10,`}},
		red:   []check{{edgeRoom, `TestOldTLSIsRefused`}},
	},
	{
		name:  "handshake: its time",
		edits: []edit{{handshake, `ctx, cancel := context.WithTimeout(ctx, timeout)`, `ctx, cancel := context.WithCancel(ctx)`}},
		red:   []check{{edgeRoom, `TestSlowHandshake`}},
	},
	{
		name:  "handshake: less time where slots are scarce",
		edits: []edit{{handshake, `if hurry {`, `if hurry && false {`}},
		red:   []check{{edgeRoom, `TestSlowClientsMustHurry`}},
	},
	{
		name:  "handshake: share of an address",
		edits: []edit{{"gateway/edge/gate.go", `share:   max(1, int64(size)/4),`, `share:   int64(size),`}},
		red:   []check{{edgeRoom, `TestGate`}},
	},
	{
		name:  "handshake: those waiting of an address",
		edits: []edit{{"gateway/edge/gate.go", `if o.pending == g.share+g.size {`, `if false {`}},
		red:   []check{{edgeRoom, `TestFloodOfOneAddress`}},
	},
	{
		name:  "handshake: the address of a customer",
		edits: []edit{{"gateway/edge/gate.go", `bits := 64`, `bits := 128`}},
		red:   []check{{edgeRoom, `TestNetwork`}},
	},
	{
		name:  "connection: trust of each request",
		edits: []edit{{balancer, `verdict, refusal := trust.Current(before, now)`, `verdict, refusal := before, (*authn.Refusal)(nil)`}},
		red:   []check{{edgeRoom, `TestLiveConnectionsAreJudged`}, {"gateway", `TestWithdrawnTrust`}},
	},
	{
		name:  "connection: reserved headers are stripped",
		edits: []edit{{connection, `StripReserved(r.Header)`, ``}},
		red:   []check{{edgeRoom, `TestReservedHeadersAreDropped`}},
	},
	{
		name:  "connection: reserved headers in any spelling",
		edits: []edit{{"gateway/edge/request.go", `strings.EqualFold(name[:len(prefix)], prefix)`, `name[:len(prefix)] == prefix`}},
		red:   []check{{edgeRoom, `TestReservedHeadersAreDropped|TestStripReserved`}},
	},
	{
		name:  "connection: the deadline of a reading under way",
		edits: []edit{{"gateway/edge/deadline.go", `if d.reading {`, `if false {`}},
		red:   []check{{edgeRoom, `TestDeadlineOfReading`}},
	},
	{
		name:  "connection: the deadline of the next reading",
		edits: []edit{{"gateway/edge/deadline.go", `if d.due {`, `if false {`}},
		red:   []check{{edgeRoom, `TestDeadlineOfReading`}, {edgeRoom, `TestSlowHeader|TestIdleConnectionsEnd`}},
	},
	{
		name:  "connection: no trailers after the body",
		edits: []edit{{connection, `if r.ContentLength < 0 || r.Trailer != nil {`, `if false {`}},
		red:   []check{{edgeRoom, `TestReservedHeadersAreDropped`}},
	},
	{
		name:  "connection: no trailers",
		edits: []edit{{connection, `r.Trailer = nil`, ``}},
		red:   []check{{edgeRoom, `TestReservedHeadersAreDropped`}},
	},
	{
		name:  "connection: a bound on the header",
		edits: []edit{{server, `MaxHeaderBytes:    config.Limits.HeaderBytes,`, ``}},
		red:   []check{{edgeRoom, `TestHeaderIsBounded`}},
	},
	{
		name:  "connection: a number of them",
		edits: []edit{{server, `make(chan struct{}, config.Limits.Connections),`, `make(chan struct{}, 1000),`}},
		red:   []check{{edgeRoom, `TestConnectionsAreCapped`}},
	},
	{
		name:  "connection: one that takes nothing ends",
		edits: []edit{{server, `WriteByteTimeout: stallTimeout, `, ``}},
		red:   []check{{edgeRoom, `TestStalledPeerLosesItsSlot`}},
	},
	{
		name:  "connection: time for the header",
		edits: []edit{{server, `ReadHeaderTimeout: config.Limits.HeaderTimeout,`, `ReadHeaderTimeout: -1,`}},
		red:   []check{{edgeRoom, `TestSlowHeader`}},
	},
	{
		name:  "connection: time between requests",
		edits: []edit{{server, `IdleTimeout:       config.Limits.IdleTimeout,`, `IdleTimeout:       -1,`}},
		red:   []check{{edgeRoom, `TestIdleConnectionsEnd`}},
	},
}
