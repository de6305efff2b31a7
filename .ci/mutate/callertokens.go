package main

import "strings"

const (
	claimed    = "services/caller/tokens.go"
	methods    = "services/caller/methods.go"
	verdicts   = "services/caller/token/verifier.go"
	parsing    = "services/caller/token/parse.go"
	published  = "services/caller/token/keys.go"
	signing    = "gateway/callertoken/signer.go"
	tokensRoom = "services/caller/token"
	signRoom   = "gateway/callertoken"
)

// signed is what a service demands of the gateway's tokens, and of callers by method, and what the gateway signs.
var signed = []mutation{
	vector("caller token: one at all", claimed, `case len(values) == 0:`, `case false:`, `no_token`),
	vector("caller token: none without a caller", claimed, "\tcase p.call.Direct():\n\t\treturn malformed", "\tcase false:\n\t\treturn malformed", `a_token_and_no_caller`),
	vector("caller token: its size", verdicts, `if len(raw) > MaxSize {`, `if len(raw) > 1<<20 {`, `malformed:_longer`),
	vector("caller token: no key of its own", parsing, `json.RejectUnknownMembers(true)`, `json.RejectUnknownMembers(false)`, `malformed:_a_key_of_its_own`),
	vector("caller token: a header that is an object", parsing, ` || jsontext.Value(first).Kind() != '{' {`, ` || jsontext.Value(first).Kind() == 'x' {`, `malformed:_a_header_that_is_null`),
	vector("caller token: its type", parsing, ` || h.Type != Type {`, ` {`, `algorithm:_another_type|algorithm:_no_type`),
	vector("caller token: its algorithm", parsing, `if h.Algorithm != string(algorithms[0]) || `, `if `, `algorithm:_none$|algorithm:_HS256`),
	vector("caller token: its signature", verdicts, `payload, err = signed.Verify(key)`, `payload = signed.UnsafePayloadWithoutVerification()`, `signature:_a_stranger|signature:_of_other`),
	vector("caller token: its end", verdicts, ` || now.After(expires.Add(Skew))`, ``, `expired`),
	vector("caller token: its beginning", verdicts, `issued.After(now.Add(Skew)) || `, ``, `not_begun`),
	vector("caller token: its life", verdicts, ` || expires.Sub(issued) > maxLife`, ``, `good_for_too_long`),
	vector("caller token: its trust domain", verdicts, `case c.Audience != v.TrustDomain:`, `case false:`, `for_another_trust`),
	vector("caller token: its issuer", verdicts, `case v.Issuer != "" && c.Issuer != v.Issuer:`, `case false:`, `by_another_issuer`),
	vector("caller token: its target", claimed, `if claims.Target != p.service {`, `if false {`, `for_another_service`),
	vector("caller token: whose connection", claimed, `workload.Matches(p.cert)`, `(workload.Matches(p.cert) || true)`, `stolen_by_another|passed_on_by_an_asserting`),
	vector("caller token: forwarders", claimed, `case targets == nil:`, `case false:`, `stolen_by_another`),
	vector("caller token: what a forwarder is for", claimed, `case !slices.Contains(targets, claims.Target):`, `case false:`, `passed_on,_and_the_forwarder`),
	vector("caller token: bound, from a forwarder", claimed, `case claims.CallerHash == "":`, `case false:`, `passed_on,_and_bound`),
	vector("caller token: the caller", claimed, `case claims.CallerHash != "" && claims.CallerHash != hash:`, `case false:`, `of_another_caller`),
	vector("caller token: the turn", claimed, `case claims.RequestID != "" && `, `case false && `, `replayed_in_another_turn`),
	vector("caller token: the session", claimed, `case claims.Session != "" && `, `case false && `, `replayed_in_another_session`),
	vector("caller token: the project", claimed, `if claims.Subject == "" && !proven || `, `if true || `, `another_project|a_project_that_is_proven`),
	{
		name:  "caller token: signers of earlier configurations go",
		edits: []edit{{signing, "\ts.Before = nil", "\t_ = s.Before"}},
		red:   []check{{signRoom, `TestMadeKey`}},
	},
	{
		name:  "caller token: a verdict ends with the token",
		edits: []edit{{verdicts, `return known.claims, v.judge(known.claims)`, `return known.claims, nil`}},
		red:   []check{{callerRoom, `TestVerdictEnds`}},
	},
	{
		name:  "caller token: a verdict ends with the key",
		edits: []edit{{verdicts, `if known != nil && known.key == v.Keys.get(known.keyID) {`, `if known != nil {`}},
		red:   []check{{callerRoom, `TestVerdictEnds`}},
	},
	{
		name:  "caller token: keys are asked for every ten seconds",
		edits: []edit{{published, `key != nil || k.Now().Sub(k.last) < askAgain {`, `key != nil {`}},
		red:   []check{{tokensRoom, `TestKeysOfURL`}},
	},
	{
		name:  "caller token: keys over TLS alone",
		edits: []edit{{published, `parsed.Scheme != "https" || `, ``}},
		red:   []check{{tokensRoom, `TestKeysOfOtherPlaces`}},
	},
	{
		name:  "caller token: no redirect",
		edits: []edit{{published, `return errors.New("a redirect; want the keys themselves")`, `return nil`}},
		red:   []check{{tokensRoom, `TestKeysOfOtherPlaces/moved`}},
	},
	{
		name:  "caller token: the size of its keys",
		edits: []edit{{published, `if err == nil && len(document) > maxDocument {`, `if false {`}},
		red:   []check{{tokensRoom, `TestKeysOfOtherPlaces/too_large`}},
	},
	{
		name:  "caller token: keys are the curve's",
		edits: []edit{{published, ` || public.Curve != elliptic.P256()`, ``}, {published, "\t\"crypto/elliptic\"\n", ``}},
		red:   []check{{tokensRoom, `TestParseKeys/of_another_curve`}},
	},
	{
		name:  "caller token: published over TLS alone",
		edits: []edit{{"gateway/admin/status.go", `if config.Certificate != nil && config.JWKS != nil {`, `if config.JWKS != nil {`}},
		red:   []check{{e2e, `TestCallerTokensOfItsOwn`}},
	},
	{
		name:  "caller token: what is told before serving",
		edits: []edit{{"gateway/cmd/intentgate/check_tokens.go", `case len(e.settings.GetCallerTokens().GetKeys()) > 0:`, `case true:`}},
		red:   []check{{e2e, `TestCheckFaults/tokens_without_keys`}},
	},
	{
		name:  "caller token: a gateway that a service cannot name",
		edits: []edit{{"gateway/cmd/intentgate/check_tokens.go", `if _, err := process.Workload(own[0]); err != nil {`, `if _, err := process.Workload(own[0]); false {`}},
		red:   []check{{e2e, `TestCheckWorkload`}},
	},
	{
		name:  "caller token: no project that is stated",
		edits: []edit{{signing, `if value.GetProof() > intentgatev1.Caller_PROOF_STATED {`, `if value != nil {`}},
		red:   []check{{signRoom, `TestClaims/a_project_that_is_stated`}},
	},
	{
		name:  "caller token: one for each turn with side effects",
		edits: []edit{{signing, `s.PerTurn == SideEffects && !call.Idempotent`, `s.PerTurn == SideEffects && call.Idempotent`}},
		red:   []check{{signRoom, `TestClaims/a_method_with|TestClaims/one_that`}},
	},
	{
		name:  "caller token: one for each project",
		edits: []edit{{signing, `use{call.Workload, subject(call.Caller), target}`, `use{call.Workload, "", target}`}},
		red:   []check{{signRoom, `TestReuse`}},
	},
	{
		name:  "caller token: used for its time",
		edits: []edit{{signing, `now < kept.until {`, `kept.token != "" {`}},
		red:   []check{{signRoom, `TestReuse`}},
	},
	{
		name:  "policy: methods that are not named",
		edits: []edit{{methods, "\tif !ok {\n\t\treturn refuse(ReasonMethod", "\tif false {\n\t\treturn refuse(ReasonMethod"}},
		red:   []check{{callerRoom, `TestPolicyVectors/a_method_that_is_not|TestPolicyVectors/a_service_that`}},
	},
	{
		name:  "policy: callers for themselves",
		edits: []edit{{methods, `err == nil && san.Matches(call.Peer.Certificate)`, `err == nil || san.Matches(call.Peer.Certificate)`}},
		red:   []check{{callerRoom, `TestPolicyVectors/another_peer`}},
	},
	{
		name:  "policy: methods for no agent",
		edits: []edit{{methods, `if rule.Asserted == nil {`, `if false {`}},
		red:   []check{{callerRoom, `TestPolicyVectors/a_method_for_no_agent`}},
	},
	{
		name:  "policy: proofs",
		edits: []edit{{methods, `if !slices.ContainsFunc(known, func(proof string) bool { return slices.Contains(part.proofs, proof) }) {`, `if known == nil && false {`}},
		red:   []check{{callerRoom, `TestPolicyVectors/a_project_that_is_stated|TestPolicyVectors/no_project`}},
	},
	{
		name:  "policy: names that are registered",
		edits: []edit{{methods, `case method != "*" && !slices.Contains(methods, method):`, `case method == "/":`}},
		red:   []check{{callerRoom, `TestPolicyFiles/a_method_that_is_not`}, {"services/serve", `TestPolicyOfMethods`}},
	},
	{
		name:  "policy: no member that is null",
		edits: []edit{{methods, `token.Kind() == 'n'`, `token.Kind() == '0'`}},
		red:   []check{{callerRoom, `TestPolicyFiles/no_proof,_as_null`}},
	},
	{
		name:  "policy: no member that nobody knows",
		edits: []edit{{methods, `, json.RejectUnknownMembers(true)`, ``}},
		red:   []check{{callerRoom, `TestPolicyFiles/a_member_that`}},
	},
}

// vector is a mutation of which rows of the vectors of tokens must tell, each of those between the bars.
func vector(name, file, old, changed, rows string) mutation {
	alternatives := ""
	for row := range strings.SplitSeq(rows, "|") {
		alternatives += "|TestTokenVectors/" + row
	}
	return mutation{name: name, edits: []edit{{file, old, changed}}, red: []check{{callerRoom, alternatives[1:]}}}
}
