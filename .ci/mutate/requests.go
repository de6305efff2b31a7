package main

const (
	turn        = "gateway/receive.go"
	joined      = "gateway/agents.go"
	failures    = "gateway/error.go"
	handler     = "gateway/handler.go"
	request     = "gateway/edge/request.go"
	gatewayRoom = "gateway"
	config      = "gateway/config/check.go"
	configDiff  = "gateway/config/diff.go"
	configRoom  = "gateway/config"
	muxRoom     = "gateway/mux"
	e2e         = "gateway/cmd/intentgate"
)

// requests is the order in which a request is judged, what it may be, and what a refusal tells.
var requests = []mutation{
	{
		name: "turn: no body before judgement",
		edits: []edit{{turn, `	proof, failure := t.admit(ctx, w, r)
	if failure != nil {
		return nil, nil, failure
	}
	t.event.Enter(telemetry.Body)
	project`, `	t.event.BytesIn = len(readBefore(ctx, w, r, t.BodyLimit))
	proof, failure := t.admit(ctx, w, r)
	if failure != nil {
		return nil, nil, failure
	}
	t.event.Enter(telemetry.Body)
	project`}, {turn, `// projectOf names`, `func readBefore(ctx context.Context, w http.ResponseWriter, r *http.Request, limit int64) []byte {
	body, _ := edge.ReadBody(ctx, w, r, limit, nil)
	return body
}

// projectOf names`}},
		red: []check{{gatewayRoom, `TestNoBodyBeforeJudgement`}},
	},
	{
		name:  "turn: profile before the body",
		edits: []edit{{turn, `if refusal := t.Webhook.Admit(verdict); refusal != nil {`, `if refusal := t.Webhook.Admit(verdict); refusal == nil && verdict == nil {`}},
		red:   []check{{gatewayRoom, `TestFailures/profile_mismatch,_and_nobody`}},
	},
	{
		name:  "turn: token",
		edits: []edit{{turn, `if t.Webhook.Token != nil && (`, `if false && (`}},
		red:   []check{{gatewayRoom, `TestNoBodyBeforeJudgement`}},
	},
	{
		name:  "turn: a token that is there is judged",
		edits: []edit{{turn, `idtoken.Presented(authorization)`, `idtoken.Presented(nil)`}},
		red:   []check{{e2e, `TestTrustThatEnds`}},
	},
	{
		name:  "turn: credentials",
		edits: []edit{{turn, `if t.Webhook.Secrets == nil {`, `if true {`}},
		red:   []check{{e2e, `TestMatrix/rows/secret/wrong/TLS|TestMatrix/rows/secret/none/TLS`}},
	},
	{
		name:  "turn: the certificate is judged again after the body",
		edits: []edit{{joined, "verdict, refusal := t.peer.Verdict()\n\tif refusal != nil {\n\t\treturn nil, refusal\n\t}", "verdict, _ := t.peer.Verdict()\n\tif verdict == nil {\n\t\treturn &agent{who: &intentgatev1.Caller{Platform: 1}}, nil\n\t}"}},
		red:   []check{{gatewayRoom, `TestTrustWithdrawnDuringTheBody`}},
	},
	{
		name:  "turn: the proof is joined",
		edits: []edit{{joined, `if refusal == nil && proof != nil {`, `if refusal == nil && proof == nil {`}},
		red:   []check{{e2e, `TestMatrix/rows/ES/session/another_project_of_the_webhook`}},
	},
	{
		name:  "turn: the agent that called before is known by all that says who it is",
		edits: []edit{{joined, `known != nil && known.evidence == of {`, `known != nil {`}},
		red:   []check{{gatewayRoom, `TestAgentsOnOneConnection`}},
	},
	{
		name:  "turn: it is known by its proof, too",
		edits: []edit{{joined, `known != nil && known.evidence == of {`, `known != nil && known.verdict == verdict && known.session == of.session {`}},
		red:   []check{{gatewayRoom, `TestProofsOnOneConnection`}},
	},
	{
		name:  "turn: and by the trust of now",
		edits: []edit{{joined, `known != nil && known.evidence == of {`, `known != nil && known.proof == proof && known.session == of.session {`}},
		red:   []check{{gatewayRoom, `TestTrustOnOneConnection`}},
	},
	{
		name:  "turn: the join is obeyed",
		edits: []edit{{turn, "if refusal != nil {\n\t\treturn nil, nil, refused(refusal)\n\t}\n\twho := ", "if refusal != nil {\n\t\tjoined = &agent{who: &intentgatev1.Caller{Platform: 1}}\n\t}\n\twho := "}},
		red:   []check{{gatewayRoom, `TestFailures/project_mismatch`}},
	},
	{
		name:  "turn: refusals tell nothing",
		edits: []edit{{failures, `Public: "the caller is not allowed here"`, `Public: refusal.Error()`}},
		red:   []check{{gatewayRoom, `TestFailures/profile_mismatch`}},
	},
	{
		name:  "turn: a webhook that wants tokens has a verifier",
		edits: []edit{{handler, `case config.Webhook.Token != nil && config.Tokens == nil:`, `case false:`}},
		red:   []check{{gatewayRoom, `TestNewHandlerRefusesGaps`}},
	},
	{
		name:  "request: POST only",
		edits: []edit{{request, `if r.Method != http.MethodPost {`, `if false {`}},
		red:   []check{{edgeRoom, `TestAdmit/get`}},
	},
	{
		name:  "request: JSON only",
		edits: []edit{{request, `if !isJSON(r.Header["Content-Type"]) {`, `if false {`}},
		red:   []check{{edgeRoom, `TestAdmit/form`}, {gatewayRoom, `TestRequestsThatAreNone`}},
	},
	{
		name:  "request: not compressed",
		edits: []edit{{request, `len(encodings) == 1 && !strings.EqualFold(encodings[0], "identity")`, `false`}},
		red:   []check{{edgeRoom, `TestAdmit/gzip`}, {gatewayRoom, `TestRequestsThatAreNone`}},
	},
	{
		name:  "request: size of the body",
		edits: []edit{{request, `http.MaxBytesReader(w, r.Body, limit)`, `r.Body`}},
		red:   []check{{edgeRoom, `TestReadBody$`}},
	},
	{
		name:  "request: size that is stated",
		edits: []edit{{request, `if r.ContentLength > limit {`, `if false {`}},
		red:   []check{{edgeRoom, `TestStatedSize`}},
	},
	{
		name:  "request: time for the body",
		edits: []edit{{request, `if deadline, ok := sooner(ctx); ok && !settable(reading.SetReadDeadline(deadline)) {`, `if deadline, ok := sooner(ctx); ok && !settable(reading.SetReadDeadline(deadline.Add(16*time.Second))) {`}},
		red:   []check{{gatewayRoom, `TestSlowBody`}},
	},
	{
		name:  "mux: reserved headers",
		edits: []edit{{"gateway/mux/reserved.go", `delete(r.Header, name)`, `_ = name`}},
		red:   []check{{muxRoom, `TestHeadersStayOutside`}},
	},
	{
		name:  "mux: what is found without the router was sent as it is",
		edits: []edit{{"gateway/mux/mux.go", ` && r.URL.RawPath == "" {`, ` {`}},
		red:   []check{{muxRoom, `TestRouting`}},
	},
	{
		name:  "mux: of its method",
		edits: []edit{{"gateway/mux/mux.go", ` && r.Method == p.method && `, ` && `}},
		red:   []check{{muxRoom, `TestRouting`}},
	},
	{
		name:  "mux: no header becomes metadata",
		edits: []edit{{"gateway/mux/mux.go", `runtime.WithIncomingHeaderMatcher(none),`, ``}},
		red:   []check{{muxRoom, `TestHeadersStayOutside`}},
	},
	{
		name:  "mux: paths as they were sent",
		edits: []edit{{"gateway/mux/mux.go", `runtime.WithUnescapingMode(runtime.UnescapingModeAllExceptReserved),`, `runtime.WithUnescapingMode(runtime.UnescapingModeAllCharacters),`}},
		red:   []check{{muxRoom, `TestRouting`}},
	},
	{
		name:  "configuration: tokens unless it says off",
		edits: []edit{{config, `case token == nil:`, `case false:`}},
		red:   []check{{configRoom, `TestVerdicts`}},
	},
	{
		name:  "configuration: any project must be said",
		edits: []edit{{config, `if !token.GetAllowAnyProject() && `, `if false && `}},
		red:   []check{{configRoom, `TestVerdicts`}},
	},
	{
		name:  "configuration: an audience",
		edits: []edit{{config, `if len(token.GetAudiences()) == 0 {`, `if false {`}},
		red:   []check{{configRoom, `TestVerdicts`}},
	},
	{
		name:  "configuration: a project",
		edits: []edit{{config, `if len(webhook.GetProjects()) == 0 {`, `if false {`}},
		red:   []check{{configRoom, `TestVerdicts`}},
	},
	{
		name:  "configuration: whose certificate",
		edits: []edit{{"gateway/config/profile.go", `if subject.GetCommonName() == "" && `, `if false && `}},
		red:   []check{{configRoom, `TestVerdicts`}},
	},
	{
		name:  "configuration: traces leave this machine by TLS",
		edits: []edit{{"gateway/config/telemetry.go", `} else if localProblem(endpoint) != "" {`, `} else if false {`}},
		red:   []check{{configRoom, `TestVerdicts/telemetry_files`}},
	},
	{
		name:  "configuration: size of the key of sessions",
		edits: []edit{{"gateway/config/secrets.go", `MinSessionKey = 32`, `MinSessionKey = 1`}},
		red:   []check{{configRoom, `TestVerdicts/telemetry_files`}},
	},
	{
		name:  "configuration: one place of a secret",
		edits: []edit{{"gateway/config/secrets.go", `(from.GetFile() != "") == (from.GetEnv() != ""):`, `false:`}},
		red:   []check{{configRoom, `TestVerdicts/credentials_files|TestVerdicts/telemetry`}},
	},
	{
		name:  "configuration: what needs a restart is told",
		edits: []edit{{configDiff, `Restart: Fixed(path) || switched`, `Restart: switched`}},
		red:   []check{{configRoom, `TestDiff/a_listener`}, {e2e, `TestConfigDiff/two_files`}},
	},
	{
		name:  "configuration: the order of routes is told",
		edits: []edit{{configDiff, `first := ordered(path) || `, `first := `}},
		red:   []check{{configRoom, `TestDiff/order_of_routes`}},
	},
	{
		name:  "configuration: what is gone is told",
		edits: []edit{{configDiff, `c.add(at(was.key), flow(was.value), "")`, ``}},
		red:   []check{{configRoom, `TestDiff/a_name`}},
	},
	{
		name:  "configuration: asked of this machine alone",
		edits: []edit{{"gateway/cmd/intentgate/config.go", `host != "localhost" && !ip.IsLoopback()`, `host == "" && ip == nil`}},
		red:   []check{{e2e, `TestConfigDiff/another|TestConfigDiff/by_name`}},
	},
}
