package main

const (
	private       = "gateway/telemetry/privacy.go"
	noted         = "gateway/note.go"
	turnLine      = "gateway/telemetry/line.go"
	series        = "gateway/telemetry/bounded.go"
	telemetryRoom = "gateway/telemetry"
)

// privacy is what telemetry tells of users, and how much of what strangers choose it keeps.
var privacy = []mutation{
	{
		name:  "privacy: nothing is told that is not asked for",
		edits: []edit{{private, `if text != "" && len(e.told) < mostTold && e.Tells(kind) {`, `if text != "" && len(e.told) < mostTold {`}},
		red:   []check{{gatewayRoom, `TestCanariesInRequests`}, {gatewayRoom, `TestCanariesThatAreAskedFor`}},
	},
	{
		name:  "privacy: a line has an end",
		edits: []edit{{private, ` && len(e.told) < mostTold`, ``}},
		red:   []check{{telemetryRoom, `TestMuchUserData`}},
	},
	{
		name:  "privacy: what a turn was told by is emptied before the next one's",
		edits: []edit{{"gateway/telemetry/turn.go", `*e = TurnEvent{} //`, `_ = e //`}},
		red:   []check{{telemetryRoom, `TestFinished`}},
	},
	{
		name:  "privacy: a session is hashed",
		edits: []edit{{private, `return e.telemetry.privacy.Load().session(e.session)`, `return e.session`}},
		red:   []check{{gatewayRoom, `TestCanariesInRequests`}},
	},
	{
		name:  "privacy: the hash of a session has a key",
		edits: []edit{{private, `hmac.New(sha256.New, key)`, `hmac.New(sha256.New, key[:0])`}},
		red:   []check{{telemetryRoom, `TestSessions`}},
	},
	{
		name:  "privacy: utterances beside what is sensitive",
		edits: []edit{{noted, `if !t.to.Sensitive() {`, `if true {`}},
		red:   []check{{gatewayRoom, `TestCanariesThatAreAskedFor/utterances`}},
	},
	{
		name:  "privacy: statuses beside what is sensitive",
		edits: []edit{{noted, `t.to.Binding == nil || t.to.Sensitive() ||`, `t.to.Binding == nil ||`}},
		red:   []check{{gatewayRoom, `TestCanariesThatAreAskedFor/status_texts`}},
	},
	{
		name:  "privacy: parameters that are sensitive",
		edits: []edit{{noted, ` && !t.Intents.Sensitive(p.Name)`, ``}},
		red:   []check{{gatewayRoom, `TestCanariesThatAreAskedFor/parameters`}},
	},
	{
		name:  "privacy: debug_redact",
		edits: []edit{{"gateway/binding/annotation.go", `own.GetDebugRedact()`, `own.GetDeprecated()`}},
		red:   []check{{gatewayRoom, `TestCanariesThatAreAskedFor/parameters`}},
	},
	{
		name:  "privacy: what a response sets that is sensitive",
		edits: []edit{{"gateway/binding/compile.go", `m.secrets = slices.AppendSeq(m.secrets, maps.Keys(set))`, `_ = maps.Keys(set)`}},
		red:   []check{{gatewayRoom, `TestCanariesThatAreAskedFor/parameters`}},
	},
	{
		name:  "privacy: as long as a service has not told what it takes",
		edits: []edit{{"gateway/intents/force.go", "if c.known[i].loaded.IsZero() {\n			return nil", "if c.known[i].loaded.IsZero() {\n			continue"}},
		red:   []check{{"gateway/intents", `TestSensitive`}},
	},
	{
		name:  "privacy: what a panic says",
		edits: []edit{{"gateway/edge/panic.go", `fmt.Sprintf("%T", v)`, `fmt.Sprintf("%v", v)`}},
		red:   []check{{"gateway/edge", `TestHandlerPanicIsLoggedOnce`}, {gatewayRoom, `TestCanariesInAnswers`}},
	},
	{
		name:  "privacy: what a status says",
		edits: []edit{{failures, `failure.Detail = cmp.Or(failure.Detail, failure.Public)`, `failure.Detail = err.Error()`}},
		red:   []check{{gatewayRoom, `TestCanariesInAnswers`}},
	},
	{
		name:  "privacy: a status as grpc's own",
		edits: []edit{{"gateway/backend/client.go", `fmt.Sprintf("the response has more than %d bytes", maxResponse)`, `ended.Message()`}},
		red:   []check{{"gateway/backend", `TestInvokeReturnsStatus`}},
	},
	{
		name:  "privacy: what a reply says that cannot be sent",
		edits: []edit{{turnLine, `authn.Printable(withoutQuotes(s))`, `authn.Printable(s)`}},
		red:   []check{{gatewayRoom, `TestCanariesInAnswers`}},
	},
	{
		name:  "privacy: what stands in a request that cannot be read",
		edits: []edit{{failures, `failure.Detail = "at " + cmp.Or(wrong.Path, "the body")`, `failure.Detail = wrong.Error() + cmp.Or("")`}},
		red:   []check{{gatewayRoom, `TestCanariesInRequests`}},
	},
	{
		name:  "series: a project that is stated",
		edits: []edit{{noted, `e.KnownProject == "" && len(t.Webhook.Projects) > 0`, `e.KnownProject == ""`}},
		red:   []check{{gatewayRoom, `TestSeriesStayBounded`}},
	},
	{
		name: "series: there are so many",
		edits: []edit{
			{series, `if full := len(b.known) >= b.most; !ok && full {`, `if full := false; !ok && full {`},
			{series, `if _, ok = b.known[key]; !ok && len(b.known) >= b.most {`, `if _, ok = b.known[key]; !ok && b.most < 0 {`},
		},
		red: []check{{telemetryRoom, `TestSeriesStayBounded`}},
	},
	{
		name:  "audit: a configuration is refused",
		edits: []edit{{"gateway/telemetry/config.go", `t.audit.LogAttrs(ctx, slog.LevelWarn, "Configuration refused"`, `t.audit.LogAttrs(ctx, slog.LevelDebug-1, "Configuration refused"`}},
		red:   []check{{telemetryRoom, `TestAuditOfConfigurations`}},
	},
}
