package main

import (
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// bases are the good turns, each with all that is one factor away from it.
func (m *matrix) bases() []base {
	token := http.Header{"Authorization": {"Bearer " + m.good(nil)}}
	secret := http.Header{"Authorization": {basic("shop", secrets["password"])}}
	return []base{
		{
			name: "ES", factors: factors{esPath, "ssl.com", token, esSession}, known: "ID_TOKEN dev dialogflow",
			variations: append(append(append(m.certificates(), m.tokens("ID_TOKEN dev")...), m.esSessions()...),
				variation{"another path's caller", factors{certificate: "agent"}, outcome{reason: "profile_mismatch", status: 403}}),
		},
		{
			name: "CX", factors: factors{cxPath, "ssl.com", token, cxSession}, known: "ID_TOKEN STATED dev dialogflow",
			variations: append(append(append(m.certificates(), m.tokens("ID_TOKEN STATED dev")...), m.cxSessions()...),
				variation{"agent's certificate", factors{certificate: "agent"}, outcome{known: "CERTIFICATE CERTIFICATE agents dialogflow"}}),
		},
		{
			name: "CX agent", factors: factors{cxPath, "agent", token, cxSession}, known: "CERTIFICATE CERTIFICATE agents dialogflow",
			variations: []variation{
				{"by another CA", factors{certificate: "agent by another CA"}, outcome{}},
				{"any", factors{certificate: "ssl.com"}, outcome{known: "ID_TOKEN STATED dev dialogflow"}},
				{"of tomorrow", factors{certificate: "agent of tomorrow"}, outcome{reason: "not_yet_valid"}},
				{"of too many names", factors{certificate: "agent of too many names"}, outcome{reason: "too_many_names"}},
				{"for servers", factors{certificate: "agent for servers"}, outcome{reason: "key_usage"}},
				{"no token", factors{proof: http.Header{}}, outcome{reason: "no_token", status: 401}},
				{"another project's token", factors{proof: m.token(map[string]any{"email": agentEmail("1")})}, outcome{reason: "token_project", status: 401}},
				{"another agent", factors{session: strings.Replace(cxSession, "a-1", "a-2", 1)}, outcome{reason: "agent_mismatch", status: 403}},
				{"another location", factors{session: strings.Replace(cxSession, "global", "eu", 1)}, outcome{reason: "agent_mismatch", status: 403}},
				{"by the number", factors{session: strings.Replace(cxSession, "shop", "415104041262", 1)}, outcome{}},
				{"another project", factors{session: strings.Replace(cxSession, "shop", "else", 1)}, outcome{reason: "project_mismatch", status: 403}},
			},
		},
		{
			name: "secret", factors: factors{esBetaPath, "ssl.com", secret, esSession}, known: "SECRET dev basic",
			variations: append(m.certificates(), []variation{
				{"header", factors{proof: http.Header{"X-Webhook-Key": {secrets["key"]}}}, outcome{known: "SECRET dev header"}},
				{"none", factors{proof: http.Header{}}, outcome{reason: "no_credential", status: 401}},
				{"a token", factors{proof: token}, outcome{reason: "no_credential", status: 401}},
				{"wrong", factors{proof: http.Header{"Authorization": {basic("shop", secrets["next"])}}}, outcome{reason: "credential_mismatch", status: 401}},
				{"another user", factors{proof: http.Header{"Authorization": {basic("eve", secrets["password"])}}}, outcome{reason: "credential_mismatch", status: 401}},
				{"wrong header", factors{proof: http.Header{"X-Webhook-Key": {secrets["password"]}}}, outcome{reason: "credential_mismatch", status: 401}},
				{"twice", factors{proof: http.Header{"Authorization": append(secret["Authorization"], secret["Authorization"]...)}}, outcome{reason: "credential_malformed", status: 401}},
				{"two", factors{proof: http.Header{"Authorization": secret["Authorization"], "X-Webhook-Key": {secrets["key"]}}}, outcome{reason: "credential_malformed", status: 401}},
				{"another project", factors{session: strings.Replace(esSession, "shop", "else", 1)}, outcome{reason: "project_mismatch", status: 403}},
				{"another project of the webhook", factors{session: strings.Replace(esSession, "shop", "mine", 1)}, outcome{reason: "credential_project", status: 403}},
			}...),
		},
	}
}

// certificates vary who presents what. Not all that are refused come as far as a request.
func (m *matrix) certificates() []variation {
	rows := []variation{
		{"gts", factors{certificate: "gts"}, outcome{}},
		{"no certificate", factors{certificate: "none"}, outcome{reason: "no_certificate"}},
		{"no intermediate", factors{certificate: "no intermediate"}, outcome{reason: "unknown_authority"}},
		{"profile of no webhook", factors{certificate: "till"}, outcome{reason: "profile_mismatch", status: 403}},
		{"issuer", factors{certificate: "till by another CA"}, outcome{reason: "issuer_mismatch"}},
	}
	for _, c := range m.pki.Refused.Cases() {
		rows = append(rows, variation{c.Name, factors{certificate: c.Name}, outcome{reason: string(c.Reason)}})
	}
	return rows
}

func agentEmail(number string) string {
	return "service-" + number + "@gcp-sa-dialogflow.iam.gserviceaccount.com"
}

func bearing(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

// token is one whose claims are good but for what is changed.
func (m *matrix) token(change map[string]any) http.Header { return bearing(m.good(change)) }

// tokens vary what proves the project.
func (m *matrix) tokens(known string) []variation {
	var rows []variation
	add := func(name, reason string, proof http.Header) {
		rows = append(rows, variation{"token/" + name, factors{proof: proof}, outcome{reason: reason, status: http.StatusUnauthorized}})
	}
	welcome := func(name, how string, proof http.Header) {
		rows = append(rows, variation{"token/" + name, factors{proof: proof}, outcome{known: known + " " + how}})
	}
	claim := func(name string, value any) http.Header { return m.token(map[string]any{name: value}) }
	ago := func(d time.Duration) int64 { return time.Now().Add(-d).Unix() }
	good, payload := m.good(nil), m.claims(nil)

	welcome("another audience of ours", "dialogflow /staging", claim("aud", audience+"/staging"))
	welcome("audience in a list", "dialogflow", claim("aud", []string{audience}))
	welcome("CX Agent Studio", "ces", claim("email", "service-415104041262@gcp-sa-ces.iam.gserviceaccount.com"))
	welcome("issuer without scheme", "dialogflow", claim("iss", "accounts.google.com"))
	welcome("the other key", "dialogflow", bearing(m.sign(jose.RS256, m.second, m.otherID, payload)))

	add("none", "no_token", http.Header{})
	add("basic", "no_token", http.Header{"Authorization": {basic("shop", secrets["password"])}})
	add("a header like one", "no_token", http.Header{"X-Authorization": {"Bearer " + good}, "Proxy-Authorization": {"Bearer " + good}, "Cookie": {"Authorization=Bearer " + good}})
	add("twice", "token_malformed", http.Header{"Authorization": {"Bearer " + good, "Bearer " + good}})
	add("beside basic", "token_malformed", http.Header{"Authorization": {basic("shop", secrets["password"]), "Bearer " + good}})

	add("audience", "token_audience", claim("aud", "https://other.example/"))
	add("audience with a slash", "token_audience", claim("aud", audience+"/"))
	add("audience of others in a list", "token_audience", claim("aud", []string{"https://other.example/"}))
	add("audience of others beside ours", "token_audience", claim("aud", []string{audience, "https://other.example/"}))
	add("no audience", "token_audience", claim("aud", nil))
	add("issuer", "token_issuer", claim("iss", "https://accounts.google.com.example"))
	add("a user", "token_email", claim("email", "eve@gmail.com"))
	add("a service account of a user's", "token_email", claim("email", "service-415104041262@shop.iam.gserviceaccount.com"))
	add("e-mail not verified", "token_email", claim("email_verified", false))
	add("e-mail verified in words", "token_email", claim("email_verified", "true"))
	add("another project", "token_project", claim("email", agentEmail("999999999999")))
	add("azp", "token_subject", claim("azp", "1"))
	add("expired", "token_expired", m.token(map[string]any{"iat": ago(3 * time.Hour), "exp": ago(2 * time.Hour)}))
	add("too old", "token_too_old", m.token(map[string]any{"iat": ago(2 * time.Hour)}))
	add("not yet valid", "token_not_yet_valid", claim("nbf", ago(-10*time.Minute)))
	add("two days", "token_lifetime", claim("exp", ago(-48*time.Hour)))

	add("alg none", "token_algorithm", bearing(parts(good, encode(`{"alg":"none","kid":"`+m.firstID+`"}`), "", "")))
	add("alg none without a signature", "token_algorithm", bearing(encode(`{"alg":"none"}`)+"."+strings.Split(good, ".")[1]+"."))
	add("HS256 with the public key", "token_algorithm", bearing(m.sign(jose.HS256, m.publicPEM(), m.firstID, payload)))
	add("HS256 with the modulus", "token_algorithm", bearing(m.sign(jose.HS256, m.first.N.Bytes(), m.firstID, payload)))
	add("RS384", "token_algorithm", bearing(m.sign(jose.RS384, m.first, m.firstID, payload)))
	add("PS256", "token_algorithm", bearing(m.sign(jose.PS256, m.first, m.firstID, payload)))
	add("unknown kid", "token_unknown_key", bearing(m.sign(jose.RS256, m.first, "the-third", payload)))
	add("kid of another key", "token_signature", bearing(m.sign(jose.RS256, m.first, m.otherID, payload)))
	add("a stranger's key", "token_signature", bearing(m.sign(jose.RS256, m.stranger, m.firstID, payload)))
	add("claims changed", "token_signature", bearing(parts(m.good(map[string]any{"email": agentEmail("1")}), "", encode(string(payload)), "")))
	add("signature cut off", "token_signature", bearing(good[:strings.LastIndexByte(good, '.')+1]))

	add("oversized", "token_malformed", claim("x", strings.Repeat("x", 8<<10)))
	add("access token", "token_malformed", bearing("ya29.a0AfH6SMB"))
	add("four parts", "token_malformed", bearing(good+".AA"))
	add("padded", "token_malformed", bearing(good+"=="))
	add("no JSON", "token_malformed", bearing(m.sign(jose.RS256, m.first, m.firstID, []byte("claims"))))
	add("a claim twice", "token_malformed", bearing(m.sign(jose.RS256, m.first, m.firstID, append(payload[:len(payload)-1:len(payload)-1], `,"aud":"x"}`...))))
	add("key of its own", "token_malformed", bearing(parts(good, encode(`{"alg":"RS256","kid":"`+m.firstID+`","jwk":{}}`), "", "")))
	add("nothing", "token_malformed", bearing(""))
	return rows
}

// esSessions vary what the body states. The token is of the project shop.
func (m *matrix) esSessions() []variation {
	of := func(project string) factors { return factors{session: strings.Replace(esSession, "shop", project, 1)} }
	return []variation{
		{"session/by the number", of("415104041262"), outcome{}},
		{"session/another project of the webhook", of("mine"), outcome{reason: "project_mismatch", status: 403}},
		{"session/the same by its number", of("1"), outcome{reason: "project_mismatch", status: 403}},
		{"session/foreign", of("else"), outcome{reason: "project_mismatch", status: 403}},
		{"session/foreign number", of("415104041263"), outcome{reason: "project_mismatch", status: 403}},
		{"session/in capitals", of("SHOP"), outcome{reason: "project_mismatch", status: 403}},
		{
			"session/token of another project of the webhook",
			factors{proof: m.token(map[string]any{"email": agentEmail("1")})},
			outcome{reason: "project_mismatch", status: 403},
		},
	}
}

func (m *matrix) cxSessions() []variation {
	return []variation{
		{"session/by the number", factors{session: strings.Replace(cxSession, "shop", "415104041262", 1)}, outcome{}},
		{"session/any agent", factors{session: strings.Replace(cxSession, "a-1", "a-2", 1)}, outcome{}},
		{"session/foreign", factors{session: strings.Replace(cxSession, "shop", "else", 1)}, outcome{reason: "project_mismatch", status: 403}},
		{"session/foreign number", factors{session: strings.Replace(cxSession, "shop", "1", 1)}, outcome{reason: "project_mismatch", status: 403}},
	}
}
