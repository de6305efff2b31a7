package main

const (
	judge     = "gateway/authn/judge.go"
	profile   = "gateway/authn/profile.go"
	trust     = "gateway/authn/trust.go"
	join      = "gateway/authn/caller.go"
	judgement = "gateway/authn"
)

// certificates is what trust profiles demand of a client's chain, and how profile, project and agent are joined.
var certificates = []mutation{
	{
		name:  "certificate: one at least",
		edits: []edit{{judge, `if len(certs) == 0 {`, `if false {`}},
		red:   []check{{judgement, `TestJudge/none`}},
	},
	{
		name:  "certificate: six at most",
		edits: []edit{{judge, `if len(certs) > maxCertificates {`, `if len(certs) > 1000 {`}},
		red:   []check{{judgement, `TestJudge/seven_certificates|TestJudge/a_hundred`}},
	},
	{
		name:  "certificate: size of an RSA key",
		edits: []edit{{judge, `key.N.BitLen() > maxRSA {`, `key.N.BitLen() > 1<<20 {`}},
		red:   []check{{judgement, `TestJudge/large_RSA`}},
	},
	{
		name:  "certificate: size of its names",
		edits: []edit{{trust, `size > maxCertificate {`, `size > 1<<30 {`}},
		red:   []check{{judgement, `TestCertificateWithTooManyNames`}},
	},
	{
		name:  "certificate: chain, dates and usage",
		edits: []edit{{judge, "if err != nil {\n\t\treturn span{}, c.explain(err, certs, now)", "if err != nil && len(chains) > 0 {\n\t\treturn span{}, c.explain(err, certs, now)"}},
		red:   []check{{judgement, `TestJudge/unknown_CA|TestJudge/expired`}, {e2e, `TestMatrix/rows/ES/unknown-ca|TestMatrix/rows/ES/expired`}},
	},
	{
		name:  "certificate: dates",
		edits: []edit{{judge, `CurrentTime:   now,`, `CurrentTime:   certs[0].NotAfter,`}},
		red:   []check{{judgement, `TestJudge/expired$|TestJudge/not_yet_valid`}},
	},
	{
		name:  "certificate: extended key usage",
		edits: []edit{{judge, `KeyUsages:     c.KeyUsages,`, `KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageAny},`}},
		red:   []check{{judgement, `TestCustom/for_servers`}},
	},
	{
		name:  "certificate: an extended key usage at all",
		edits: []edit{{judge, `if !c.UsageOpen && `, `if false && `}},
		red:   []check{{judgement, `TestJudge/ssl.com_without_extended`}},
	},
	{
		name:  "certificate: a pool of roots for each chain",
		edits: []edit{{profile, `chains = append(chains, sslComChain(sslCom))`, `chains = append(chains, sslComChain(slices.Concat(sslCom, gts)))`}},
		red:   []check{{judgement, `TestJudge/the_other_chain`}},
	},
	{
		name: "certificate: from the root down",
		edits: []edit{{
			judge,
			`!slices.ContainsFunc(issuers, func(issuer *x509.Certificate) bool { return cert.CheckSignatureFrom(issuer) == nil })`,
			`len(issuers) == 0`,
		}},
		red: []check{{judgement, `TestNoKeyOfAStrangersVerifiesAnything`}},
	},
	{
		name:  "certificate: intermediates that are remembered",
		edits: []edit{{judge, `len(m.seen) < maxIntermediates`, `true`}},
		red:   []check{{judgement, `TestIntermediates`}},
	},
	{
		name:  "certificate: a chain that is remembered has its time",
		edits: []edit{{"gateway/authn/verified.go", ` && !now.Before(valid.from) && !now.After(valid.to)`, ``}},
		red:   []check{{judgement, `TestVerifiedChains`}},
	},
	{
		name:  "certificate: all of a chain that is remembered",
		edits: []edit{{"gateway/authn/verified.go", `range certs {`, `range certs[:1] {`}},
		red:   []check{{judgement, `TestVerifiedChains`}},
	},
	{
		name:  "certificate: chains that are remembered",
		edits: []edit{{"gateway/authn/verified.go", `if len(v.spans) >= maxVerified {`, `if false {`}},
		red:   []check{{judgement, `TestVerifiedIsBounded`}},
	},
	{
		name:  "subject: the rule",
		edits: []edit{{judge, `if !c.Subject.matches(leaf) {`, `if false {`}},
		red:   []check{{judgement, `TestJudge/a_foreign_organization's|TestCustom`}, {e2e, `TestMatrix/rows/ES/wrong-subject`}},
	},
	{
		name:  "subject: exactly one common name",
		edits: []edit{{profile, `!only(values(name, 3), s.CommonName)`, `!slices.Contains(values(name, 3), s.CommonName)`}},
		red:   []check{{judgement, `TestJudge/two_common_names`}},
	},
	{
		name:  "subject: no other organization",
		edits: []edit{{profile, `len(organizations) == 0 && s.organizationOptional`, `s.organizationOptional`}},
		red:   []check{{judgement, `TestJudge/a_foreign_organization_under`}},
	},
	{
		name:  "subject: an organization where one is asked for",
		edits: []edit{{profile, `len(organizations) == 0 && s.organizationOptional`, `len(organizations) == 0`}},
		red:   []check{{judgement, `TestCustom/no_organization`}},
	},
	{
		name:  "subject: DNS names letter by letter",
		edits: []edit{{profile, `func(name string) bool { return slices.Contains(s.DNS, name) }`, `func(name string) bool { return strings.HasSuffix(name, s.DNS[0][1:]) }`}},
		red:   []check{{judgement, `TestJudge/gts_name_that`}},
	},
	{
		name:  "subject: URIs",
		edits: []edit{{profile, `if slices.Contains(s.URI, uri.String()) {`, `if strings.HasPrefix(uri.String(), s.URI[0]) {`}},
		red:   []check{{judgement, `TestCustom/no_such_uri`}},
	},
	{
		name:  "subject: a profile needs a rule",
		edits: []edit{{profile, `if chain.Subject.empty() {`, `if false {`}},
		red:   []check{{judgement, `TestProfilesRefuseGaps`}},
	},
	{
		name:  "issuer: the rule",
		edits: []edit{{judge, `if !c.Issuer.matches(leaf) {`, `if false {`}},
		red:   []check{{judgement, `TestRules/issuer's_common_name|TestRules/issuer's_organization`}},
	},
	{
		name:  "dates: enforced",
		edits: []edit{{judge, `if c.Dates.Enforce && !c.Dates.hold(now) {`, `if false {`}},
		red:   []check{{judgement, `TestRules/before_the_dates|TestRules/when_the_dates_end`}},
	},
	{
		name:  "dates: of connections that live",
		edits: []edit{{judge, `return c.Dates.limit(valid), nil`, `return valid, nil`}},
		red:   []check{{judgement, `TestDatesEndLiveVerdicts`}},
	},
	{
		name:  "trust: the profiles of now",
		edits: []edit{{trust, `if v.generation == current && `, `if `}},
		red:   []check{{judgement, `TestVerdictEndsWithTrustAndTime`}, {"gateway/edge", `TestLiveConnectionsAreJudged`}, {e2e, `TestTrustThatEnds/root`}},
	},
	{
		name:  "trust: the time of now",
		edits: []edit{{trust, ` && !now.Before(v.NotBefore) && !now.After(v.NotAfter) {`, ` {`}},
		red:   []check{{judgement, `TestVerdictEndsWithTrustAndTime`}, {"gateway/edge", `TestLiveConnectionsAreJudged`}},
	},
	{
		name:  "join: profiles of the webhook",
		edits: []edit{{join, `return slices.Contains(w.Profiles, accepted.Profile.Name)`, `return slices.Contains(w.Profiles, accepted.Profile.Name) || true`}},
		red:   []check{{judgement, `TestCaller/another_profile`}, {"gateway", `TestFailures/profile_mismatch`}, {e2e, `TestMatrix/rows/ES/profile_of_no_webhook|TestMatrix/rows/ES/another_path's_caller`}},
	},
	{
		name:  "join: project of the session",
		edits: []edit{{join, `if !known {`, `if !known && false {`}},
		red:   []check{{judgement, `TestCaller/another_project$`}, {"gateway", `TestFailures/project_mismatch`}},
	},
	{
		name:  "join: agent of the profile",
		edits: []edit{{join, `if a.id == session.Agent && `, `if `}},
		red:   []check{{judgement, `TestCaller/another_agent`}, {"gateway", `TestFailures/agent_mismatch`}, {e2e, `TestMatrix/rows/CX_agent/another_agent`}},
	},
	{
		name:  "join: location of the agent",
		edits: []edit{{join, `a.location == session.Location && `, ``}},
		red:   []check{{judgement, `TestCaller/another_location`}},
	},
	{
		name:  "join: project of the agent",
		edits: []edit{{join, ` && (a.project == id || a.project == number) {`, ` {`}},
		red:   []check{{judgement, `TestCaller/another_project's_agent`}},
	},
	{
		name:  "join: a profile that names agents stands for no other",
		edits: []edit{{join, `if len(accepted.Profile.agents) == 0 {`, `if true {`}},
		red:   []check{{judgement, `TestCaller/another_agent|TestCaller/CX,_agent_by_certificate`}},
	},
}
