package main

const (
	verifier  = "gateway/authn/idtoken/verifier.go"
	token     = "gateway/authn/idtoken/token.go"
	rules     = "gateway/authn/idtoken/rules.go"
	keys      = "gateway/authn/idtoken/keys.go"
	jwks      = "gateway/authn/idtoken/jwks.go"
	tokenRoom = "gateway/authn/idtoken"
)

// tokens is what an ID token must be.
var tokens = []mutation{
	{
		name:  "token: one header",
		edits: []edit{{token, `case len(values) > 1:`, `case len(values) > 100:`}},
		red:   []check{{tokenRoom, `TestAuthorizationHeader/twice`}},
	},
	{
		name:  "token: its size",
		edits: []edit{{token, `case len(values[0]) > maxHeader:`, `case len(values[0]) > 1<<20:`}},
		red:   []check{{tokenRoom, `TestClaims/too_large`}},
	},
	{
		name:  "token: scheme Bearer",
		edits: []edit{{token, `if !Presented(values) {`, `if false {`}},
		red:   []check{{tokenRoom, `TestAuthorizationHeader/a_tab|TestAuthorizationHeader/empty`}},
	},
	{
		name:  "token: one spelling",
		edits: []edit{{token, `base64.RawURLEncoding.Strict().DecodeString(part)`, `base64.RawURLEncoding.DecodeString(part)`}},
		red:   []check{{tokenRoom, `TestForgedSignatures/padding_bits`}},
	},
	{
		name:  "token: no line ends",
		edits: []edit{{token, ` || strings.ContainsAny(part, "\r\n") {`, ` {`}},
		red:   []check{{tokenRoom, `TestForgedSignatures/line_end_inside`}},
	},
	{
		name:  "token: algorithm RS256",
		edits: []edit{{token, `if h.Algorithm != algorithm {`, `if false {`}},
		red: []check{
			{tokenRoom, `TestForgedSignatures/RS384|TestForgedSignatures/PS256$`}, {tokenRoom, `TestForgedSignatures/HS256_with_the_PEM|TestForgedSignatures/none$`},
			{e2e, `TestMatrix/rows/ES/token/RS384|TestMatrix/rows/ES/token/PS256`},
		},
	},
	{
		name:  "token: brings no key",
		edits: []edit{{token, `if h.Critical != nil || h.Key != nil || h.KeyURL != nil || h.Certificates != nil || h.CertificatesURL != nil {`, `if h.Critical != nil {`}},
		red:   []check{{tokenRoom, `TestForgedSignatures/jku|TestForgedSignatures/x5c|TestForgedSignatures/stranger's_key`}},
	},
	{
		name:  "token: critical extensions",
		edits: []edit{{token, `if h.Critical != nil || `, `if `}},
		red:   []check{{tokenRoom, `TestForgedSignatures/crit`}},
	},
	{
		name:  "token: issuer",
		edits: []edit{{rules, `case c.Issuer != issuer && c.Issuer != issuerNoHTTP:`, `case false:`}},
		red:   []check{{tokenRoom, `TestClaims/another_issuer`}},
	},
	{
		name:  "token: audience",
		edits: []edit{{rules, `case c.token.Audience == "" || !slices.Contains(rules.Audiences, c.token.Audience):`, `case c.token.Audience == "":`}},
		red:   []check{{tokenRoom, `TestClaims/audience_with_a_slash`}, {e2e, `TestMatrix/rows/ES/token/audience_with_a_slash|TestMatrix/rows/ES/token/audience/TLS`}},
	},
	{
		name:  "token: an audience at all",
		edits: []edit{{rules, `case c.token.Audience == "" || `, `case `}},
		red:   []check{{tokenRoom, `TestEmptyRulesTakeNobody`}},
	},
	{
		name:  "token: one audience",
		edits: []edit{{token, `var list [1]string`, `var list [2]string`}},
		red:   []check{{tokenRoom, `TestClaims/two_audiences`}},
	},
	{
		name:  "token: e-mail of a service agent",
		edits: []edit{{rules, `case c.token.ProjectNumber == 0:`, `case false:`}},
		red:   []check{{tokenRoom, `TestClaims/a_service_account_of_the_user's`}},
	},
	{
		name:  "token: domain of the e-mail",
		edits: []edit{{rules, `text, agent := strings.CutSuffix(rest, domain)`, `text, _, agent := strings.Cut(rest, domain)`}},
		red:   []check{{tokenRoom, `TestClaims/domain_that_goes_on`}},
	},
	{
		name:  "token: spelling of the project's number",
		edits: []edit{{rules, ` && strconv.FormatUint(number, 10) == text {`, ` {`}},
		red:   []check{{tokenRoom, `TestClaims/project_number_with_a_zero`}},
	},
	{
		name:  "token: e-mail is verified",
		edits: []edit{{rules, `case string(c.EmailVerified) != "true":`, `case false:`}},
		red:   []check{{tokenRoom, `TestClaims/e-mail_not_verified`}},
	},
	{
		name:  "token: azp and sub are one",
		edits: []edit{{rules, ` && c.Subject != c.AuthorizedParty:`, ` && false:`}},
		red:   []check{{tokenRoom, `TestClaims/azp_of_another`}},
	},
	{
		name:  "token: project of the webhook",
		edits: []edit{{rules, `case !slices.Contains(rules.Numbers, c.token.ProjectNumber):`, `case false:`}},
		red:   []check{{tokenRoom, `TestClaims/foreign_project`}},
	},
	{
		name:  "token: lifetime",
		edits: []edit{{rules, `case lifetime <= 0 || lifetime > maxLifetime:`, `case false:`}},
		red:   []check{{tokenRoom, `TestClaims/more_than_a_day|TestClaims/exp_before_iat`}},
	},
	{
		name:  "token: exp",
		edits: []edit{{rules, `case !now.Before(c.token.Expires.Add(skew)):`, `case false:`}},
		red:   []check{{tokenRoom, `TestClaims/just_expired`}},
	},
	{
		name:  "token: iat",
		edits: []edit{{rules, `max(c.IssuedAt, c.NotBefore)`, `c.NotBefore`}},
		red:   []check{{tokenRoom, `TestClaims/iat_too_far_ahead`}},
	},
	{
		name:  "token: nbf",
		edits: []edit{{rules, `max(c.IssuedAt, c.NotBefore)`, `c.IssuedAt`}},
		red:   []check{{tokenRoom, `TestClaims/nbf_too_far_ahead`}},
	},
	{
		name:  "token: greatest age",
		edits: []edit{{rules, `case rules.MaxAge > 0 && `, `case false && `}},
		red:   []check{{tokenRoom, `TestRememberedTokensAreJudgedAgain`}},
	},
	{
		name:  "token: times that can be told",
		edits: []edit{{token, `if seconds <= 0 || seconds > maxSeconds || c.NotBefore < 0 || c.NotBefore > maxSeconds {`, `if seconds == 1 {`}},
		red:   []check{{tokenRoom, `TestClaims/no_exp|TestClaims/exp_that_overflows_years`}},
	},
	{
		name:  "token: signature",
		edits: []edit{{verifier, `if rsa.VerifyPKCS1v15(key, crypto.SHA256, signed[:], signature) != nil {`, `if rsa.VerifyPKCS1v15(key, crypto.SHA256, signed[:], signature) != nil && false {`}},
		red:   []check{{tokenRoom, `TestForgedSignatures/signed_by_another_key|TestForgedSignatures/claims_changed`}},
	},
	{
		name:  "token: claims of a remembered one",
		edits: []edit{{verifier, `if refusal := p.claims.judge(rules, now); refusal != nil {`, `if p.claims == nil {`}},
		red:   []check{{tokenRoom, `TestRememberedTokensAreJudgedAgain`}},
	},
	{
		name:  "token: key of a remembered one",
		edits: []edit{{verifier, `if p == nil || v.keys.get(p.keyID) != p.key {`, `if p == nil {`}},
		red:   []check{{tokenRoom, `TestRememberedTokensAreJudgedAgain`}, {e2e, `TestTrustThatEnds/token`}},
	},
	{
		name:  "token: claims before keys",
		edits: []edit{{verifier, `if refusal := claims.judge(rules, now); refusal != nil {`, "_, _ = v.keys.find(ctx, header.KeyID)\n\tif refusal := claims.judge(rules, now); refusal != nil {"}},
		red:   []check{{tokenRoom, `TestFirstTokenFetchesTheKeys`}},
	},
	{
		name:  "token: session of its project",
		edits: []edit{{"gateway/authn/idtoken/join.go", `who.GetProjectNumber().GetValue() != number {`, `who == nil {`}},
		red:   []check{{tokenRoom, `TestProve`}, {e2e, `TestMatrix/rows/ES/session/another_project_of_the_webhook|TestMatrix/rows/ES/session/token_of`}},
	},
	{
		name:  "keys: known ones only",
		edits: []edit{{keys, `if key := keys[id]; key != nil {`, "for _, key := range keys {"}},
		red:   []check{{tokenRoom, `TestForgedSignatures/unknown_kid`}},
	},
	{
		name:  "keys: an unknown one is fetched once a minute",
		edits: []edit{{keys, `return k.ended.IsZero() || k.now().Sub(k.ended) >= pause`, `return pause > 0`}},
		red:   []check{{tokenRoom, `TestUnknownKeyIsFetchedOnceAMinute`}},
	},
	{
		name:  "keys: a day after their time",
		edits: []edit{{keys, `if set == nil || k.now().After(set.expires.Add(maxStale)) {`, `if set == nil {`}},
		red:   []check{{tokenRoom, `TestBadEndpointKeepsTheKeys`}},
	},
	{
		name:  "keys: their size",
		edits: []edit{{jwks, `bits >= minRSA && bits <= maxRSA`, `bits > 0`}},
		red:   []check{{tokenRoom, `TestKeysThatCannotBeUsed`}},
	},
	{
		name:  "keys: two of one name",
		edits: []edit{{jwks, `if other := keys[jwk.KeyID]; other != nil && !other.Equal(key) {`, `if false {`}},
		red:   []check{{tokenRoom, `TestKeysThatCannotBeUsed/two_of_one_name`}},
	},
	{
		name:  "keys: no redirect",
		edits: []edit{{jwks, `return http.ErrUseLastResponse`, `return nil`}},
		red:   []check{{tokenRoom, `TestBadEndpointKeepsTheKeys`}},
	},
	{
		name:  "keys: https only",
		edits: []edit{{jwks, `parsed.Scheme != "https" || `, ``}},
		red:   []check{{tokenRoom, `TestNewKeysRefusesGaps`}},
	},
	{
		name:  "keys: size of the document",
		edits: []edit{{jwks, `if len(document) > maxDocument {`, `if false {`}},
		red:   []check{{tokenRoom, `TestBadEndpointKeepsTheKeys`}},
	},
}
