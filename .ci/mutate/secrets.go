package main

const (
	credential = "gateway/authn/secret/credential.go"
	secretSet  = "gateway/authn/secret/set.go"
	source     = "gateway/authn/secret/source.go"
	secretRead = "gateway/secretref/read.go"
	secretRoom = "gateway/authn/secret"
)

// secrets is what Basic authentication and headers must be, and what they stand for.
var secrets = []mutation{
	{
		name:  "secret: compared",
		edits: []edit{{secretSet, `subtle.ConstantTimeCompare(good.digest[:], got[:])`, `subtle.ConstantTimeCompare(good.digest[:], good.digest[:len(got)])`}},
		red:   []check{{secretRoom, `TestVerify/wrong_password|TestVerify/wrong_header`}, {e2e, `TestMatrix/rows/secret/wrong/TLS|TestMatrix/rows/secret/another_user`}},
	},
	{
		name:  "secret: all of it",
		edits: []edit{{secretSet, `subtle.ConstantTimeCompare(good.digest[:], got[:])`, `subtle.ConstantTimeCompare(good.digest[:0], got[:0])`}},
		red:   []check{{secretRoom, `TestVerify/wrong_password|TestVerify/wrong_user`}},
	},
	{
		name:  "secret: there at all",
		edits: []edit{{secretSet, `if len(presented) == 0 {`, `if false {`}},
		red:   []check{{secretRoom, `TestVerify/nothing`}},
	},
	{
		name: "secret: of one credential",
		edits: []edit{{secretSet, `	case 1:
		return`, `	case 1, 2:
		return`}},
		red: []check{{secretRoom, `TestVerify/two_credentials`}},
	},
	{
		name:  "secret: where it belongs",
		edits: []edit{{source, `sha256.Sum256([]byte(s.String() + "\x00" + text))`, `sha256.Sum256([]byte(text))`}},
		red:   []check{{secretRoom, `TestVerify/user_and_password_as_header`}},
	},
	{
		name:  "secret: one header",
		edits: []edit{{source, `case len(values) > 1:`, `case len(values) > 100:`}},
		red:   []check{{secretRoom, `TestVerify/the_right_one_twice|TestVerify/header_twice`}},
	},
	{
		name:  "secret: its size",
		edits: []edit{{source, `case len(values[0]) > maxHeader:`, `case len(values[0]) > 1<<20:`}},
		red:   []check{{secretRoom, `TestVerify/header_too_long`}},
	},
	{
		name:  "secret: not told where it stands in the wrong place",
		edits: []edit{{"gateway/config/problem.go", `== "intentgate.gateway.v1.Secret"`, `== ""`}},
		red:   []check{{"gateway/config", `TestVerdicts`}},
	},
	{
		name:  "secret: one spelling",
		edits: []edit{{source, `base64.StdEncoding.Strict()`, `base64.StdEncoding`}},
		red:   []check{{secretRoom, `TestVerify/bits_beyond_the_end`}},
	},
	{
		name:  "secret: no line ends",
		edits: []edit{{source, `strings.ContainsAny(encoded, "\r\n")`, `false`}},
		red:   []check{{secretRoom, `TestVerify/line_end_in_base64`}},
	},
	{
		name:  "secret: the user's name",
		edits: []edit{{source, `secret = c.Username + ":" + secret`, `secret = ":" + secret`}},
		red:   []check{{secretRoom, `TestVerify/basic|TestVerify/no_user`}},
	},
	{
		name:  "secret: the gateway's own headers",
		edits: []edit{{source, `if slices.ContainsFunc(taken, `, `if canonical == "" && slices.ContainsFunc(taken, `}},
		red:   []check{{secretRoom, `TestCheckHeader`}},
	},
	{
		name:  "secret: session of its projects",
		edits: []edit{{credential, `if !slices.Contains(c.Projects, id) {`, `if false {`}},
		red:   []check{{secretRoom, `TestProve`}},
	},
	{
		name:  "secret: session of its agents",
		edits: []edit{{credential, `if len(c.Agents) > 0 && `, `if false && `}},
		red:   []check{{secretRoom, `TestProve`}},
	},
	{
		name:  "secret: length",
		edits: []edit{{secretRead, `case len(secret) < least:`, `case false:`}},
		red:   []check{{secretRoom, `TestFiles`}},
	},
	{
		name:  "secret: it never stands in the configuration",
		edits: []edit{{"gateway/config/decode.go", `into.Interface().(*gatewayv1.Secret); ok && `, `into.Interface().(*gatewayv1.Secret); false && ok && `}},
		red:   []check{{"gateway/config", `TestVerdicts/credentials_files`}},
	},
	{
		name:  "secret: one place of each",
		edits: []edit{{"gateway/config/secrets.go", `r.once(first, from, at)`, `_, _ = from, first`}},
		red:   []check{{"gateway/config", `TestVerdicts/credentials_files`}},
	},
	{
		name:  "secret: one credential's alone",
		edits: []edit{{secretSet, `if holder, ok := holders[alone]; ok && `, `if holder, ok := holders[alone]; ok && false && `}},
		red:   []check{{secretRoom, `TestChange`}},
	},
	{
		name:  "secret: of one webhook",
		edits: []edit{{"gateway/process/generation.go", `g.credentials[i]`, `g.credentials[i*0]`}},
		red:   []check{{e2e, `TestMatrix/rows/secret/none/TLS`}},
	},
	{
		name:  "secret: not in the log",
		edits: []edit{{secretSet, `"a wrong secret in "+strings.Join(where, " and ")`, `"a wrong secret in "+strings.Join(where, " and ")+header.Get("X-Webhook-Key")`}},
		red:   []check{{secretRoom, `TestVerify/wrong_header`}},
	},
}
