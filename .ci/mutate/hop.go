package main

const (
	outgoing   = "services/caller/outgoing.go"
	incoming   = "services/caller/decode.go"
	remembered = "services/caller/known.go"
	policy     = "services/caller/policy.go"
	identity   = "services/mtls/identity.go"
	names      = "services/mtls/san.go"
	callerRoom = "services/caller"
	mtlsRoom   = "services/mtls"
)

// What a gateway would do that passed its callers' headers on.
const (
	forwarding = "md := metadata.MD{}\n\tfor name, values := range r.Header {\n\t\tmd.Append(\"x-\"+strings.ToLower(name), values...)\n\t}\n\t"
	only       = "md := metadata.MD{}\n\tfor _, name := range []string{\"Intentgate-Caller-Bin\", \"Intentgate-Token\"} {\n\t\tmd.Append(name, r.Header.Values(name)...)\n\t}\n\t"
	joining    = "old, _ := metadata.FromOutgoingContext(ctx)\n\treturn metadata.NewOutgoingContext(ctx, metadata.Join(old, md)), nil"
)

// hop is what a service demands of its callers, and what the gateway hands on.
var hop = []mutation{
	{
		name:  "files: nothing left to watch with",
		edits: []edit{{mtlsRoom + "/watch.go", `case exhausted(err):`, `case false:`}},
		red:   []check{{mtlsRoom, `TestWatchWithoutEvents`}},
	},
	{
		name: "metadata: built from nothing",
		edits: []edit{{
			outgoing, `return metadata.NewOutgoingContext(ctx, md), nil`,
			joining,
		}},
		red: []check{{callerRoom, `TestOutgoingVectors`}},
	},
	{
		name: "metadata: no header of a request",
		edits: []edit{
			{handler, `ctx := clock{r.Context(), `, forwarding + `ctx := clock{metadata.NewOutgoingContext(r.Context(), md), `},
			{handler, `"google.golang.org/grpc/codes"`, "\"google.golang.org/grpc/codes\"\n\t\"google.golang.org/grpc/metadata\"\n\t\"strings\""},
			{"gateway/ask.go", `return metadata.NewOutgoingContext(ctx, md), nil`, joining},
		},
		red: []check{{e2e, `TestSpoofing/HTTP/1.1|TestSpoofing/HTTP/2.0`}},
	},
	{
		name: "metadata: reserved headers, were they passed on",
		edits: []edit{
			{connection, `StripReserved(r.Header)`, ``},
			{handler, `ctx := clock{r.Context(), `, only + `ctx := clock{metadata.NewOutgoingContext(r.Context(), md), `},
			{handler, `"google.golang.org/grpc/codes"`, "\"google.golang.org/grpc/codes\"\n\t\"google.golang.org/grpc/metadata\""},
			{"gateway/ask.go", `return metadata.NewOutgoingContext(ctx, md), nil`, joining},
		},
		red: []check{{e2e, `TestSpoofing/HTTP/1.1|TestSpoofing/HTTP/2.0`}},
	},
	{
		name: "metadata: a trace of its own",
		edits: []edit{{outgoing, `_, _ = rand.Read(t.TraceID[:])`, `copy(t.TraceID[:], "0af7651916cd43dd8448eb211c80319c")`},
			{outgoing, `_, _ = rand.Read(t.SpanID[:])`, ``}, {outgoing, "\t\"crypto/rand\"\n", ""}},
		red: []check{{callerRoom, `TestOutgoingVectors`}, {e2e, `TestSpoofing/HTTP/1.1`}},
	},
	{
		name:  "metadata: no longer than services take",
		edits: []edit{{outgoing, `size > key.limit {`, `size > 1<<30 {`}},
		red:   []check{{gatewayRoom, `TestFailures/a_session_too_long`}},
	},
	{
		name:  "service: who may call",
		edits: []edit{{policy, `case !matches(p.Allowed, cert):`, `case false:`}},
		red:   []check{{callerRoom, `TestAcceptanceVectors`}, {"services/serve", `TestDoors`}},
	},
	{
		name:  "service: who may say for whom",
		edits: []edit{{policy, `call, asserting := &Call{}, matches(p.Asserting, cert)`, `call, asserting := &Call{}, matches(p.Asserting, cert) || matches(p.Allowed, cert)`}},
		red:   []check{{callerRoom, `TestAcceptanceVectors`}},
	},
	{
		name:  "service: reserved keys of others",
		edits: []edit{{policy, `if strings.HasPrefix(key, Prefix) {`, `if strings.HasPrefix(key, Prefix+"x") {`}},
		red:   []check{{callerRoom, `TestAcceptanceVectors`}},
	},
	{
		name:  "service: a certificate that was verified",
		edits: []edit{{policy, `if !ok || len(info.State.VerifiedChains) == 0 || len(info.State.VerifiedChains[0]) == 0 {`, `if !ok || len(info.State.PeerCertificates) == 0 {`}, {policy, `return info.State.VerifiedChains[0][0], nil`, `return info.State.PeerCertificates[0], nil`}},
		red:   []check{{callerRoom, `TestUnprovenPeers`}},
	},
	{
		name:  "service: each key once",
		edits: []edit{{incoming, `&& len(values) > 1 {`, `&& len(values) > 100 {`}},
		red:   []check{{callerRoom, `TestAcceptanceVectors`}},
	},
	{
		name:  "service: all keys or none",
		edits: []edit{{incoming, `return nil, malformed(ReasonIncomplete, "all three keys or none", "only %q", present)`, `return &Call{}, nil`}},
		red:   []check{{callerRoom, `TestAcceptanceVectors`}},
	},
	{
		name:  "service: length of a value",
		edits: []edit{{incoming, `size > key.limit {`, `size > 1<<30 {`}},
		red:   []check{{callerRoom, `TestTooLarge`}},
	},
	{
		name:  "service: a platform",
		edits: []edit{{remembered, `if who.GetPlatform() == intentgatev1.Platform_PLATFORM_UNSPECIFIED {`, `if false {`}},
		red:   []check{{callerRoom, `TestAcceptanceVectors`}},
	},
	{
		name:  "service: a remembered caller is known by all its bytes",
		edits: []edit{{remembered, `known != nil && known.text == text {`, `known != nil {`}},
		red:   []check{{callerRoom, `TestCallersAreThemselves`}},
	},
	{
		name:  "service: a handler changes nobody else's caller",
		edits: []edit{{remembered, `return duplicate(d.caller)`, `return d.caller`}},
		red:   []check{{callerRoom, `TestCallersAreNotShared`}},
	},
	{
		name:  "service: one request id",
		edits: []edit{{incoming, ` || call.RequestID != call.Ref.GetRequestId() {`, ` {`}},
		red:   []check{{callerRoom, `TestAcceptanceVectors`}},
	},
	{
		name:  "service: judged before its handlers",
		edits: []edit{{"services/serve/chain.go", `{policy.UnaryInterceptor(), policy.StreamInterceptor()},`, `{policy.UnaryInterceptor(), recovery.stream},`}},
		red:   []check{{"services/serve", `TestDoors`}},
	},
	{
		name:  "hop: clients show a certificate",
		edits: []edit{{identity, `ClientAuth:   tls.RequireAndVerifyClientCert,`, `ClientAuth:   tls.VerifyClientCertIfGiven,`}},
		red:   []check{{mtlsRoom, `TestHandshakes`}},
	},
	{
		name:  "hop: clients of these authorities",
		edits: []edit{{identity, `ClientAuth:   tls.RequireAndVerifyClientCert,`, `ClientAuth:   tls.RequireAnyClientCert,`}},
		red:   []check{{mtlsRoom, `TestHandshakes`}},
	},
	{
		name:  "hop: TLS 1.3",
		edits: []edit{{identity, "return &tls.Config{\n\t\tMinVersion:   tls.VersionTLS13,", "return &tls.Config{\n\t\tMinVersion:   tls.VersionTLS12,"}},
		red:   []check{{mtlsRoom, `TestHandshakes`}},
	},
	{
		name:  "hop: no resumption past the authorities",
		edits: []edit{{identity, `SessionTicketsDisabled: true,`, ``}},
		red:   []check{{mtlsRoom, `TestNoResumption`}},
	},
	{
		name:  "hop: roots of the file, not the machine's",
		edits: []edit{{identity, `RootCAs:    id.roots.Pool(),`, ``}},
		red:   []check{{mtlsRoom, `TestHandshakes`}},
	},
	{
		name:  "hop: names, never the common name",
		edits: []edit{{names, `return strings.ToLower(name) == s.text[4:] })`, `return strings.ToLower(name) == s.text[4:] }) || cert.Subject.CommonName == s.text[4:]`}},
		red:   []check{{mtlsRoom, `TestSANMatches`}},
	},
	{
		name:  "hop: names exactly",
		edits: []edit{{names, `return id.String() == s.text[4:] })`, `return strings.HasPrefix(s.text[4:], id.String()) })`}},
		red:   []check{{mtlsRoom, `TestSANMatches`}},
	},
	{
		name:  "hop: no wildcards",
		edits: []edit{{names, `if strings.Contains(name, "*") {`, `if false {`}},
		red:   []check{{mtlsRoom, `TestParseSANRefuses`}},
	},
}
