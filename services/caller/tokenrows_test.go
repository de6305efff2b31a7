package caller_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"google.golang.org/protobuf/proto"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller"
	"github.com/intentgate/intentgate/services/caller/token"
)

// What is written here is data for the libraries of all languages: testdata/tokens.json.

const (
	moment  = 1_795_000_000
	orders  = "shop.orders.v1.OrderService"
	track   = "/" + orders + "/TrackOrder"
	gateway = "dns:gateway.internal"
	passer  = "dns:checkout.internal" //nolint:gosec // a name
	passes  = passer + "=shop.checkout.v1.CheckoutService"
)

// vectorKey is a key that is the same each time.
func vectorKey(t *testing.T, name string) *ecdsa.PrivateKey {
	t.Helper()
	scalar := sha256.Sum256([]byte(name))
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar[:])
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func vectorJWK(t *testing.T, key *ecdsa.PrivateKey) jose.JSONWebKey {
	t.Helper()
	jwk := jose.JSONWebKey{Key: &key.PublicKey, Algorithm: "ES256", Use: "sig"}
	thumbprint, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	jwk.KeyID = base64.RawURLEncoding.EncodeToString(thumbprint)
	return jwk
}

var b64 = base64.RawURLEncoding.EncodeToString

// signature is by ES256 and no chance.
func signature(t *testing.T, key *ecdsa.PrivateKey, input string) []byte {
	t.Helper()
	digest := sha256.Sum256([]byte(input))
	der, err := key.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	var s struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &s); err != nil {
		t.Fatal(err)
	}
	return append(s.R.FillBytes(make([]byte, 32)), s.S.FillBytes(make([]byte, 32))...)
}

// forge is a token before it is made, each part of which may be wrong.
type forge struct {
	header string // JSON; empty: as it should be
	claims map[string]any
	// payload is in the place of claims.
	payload string
	key     *ecdsa.PrivateKey
	sign    func(input string) []byte
	after   func(token string) string
}

func (f forge) token(t *testing.T, kid string) string {
	t.Helper()
	if f.header == "" {
		f.header = `{"alg":"ES256","kid":"KID","typ":"txntoken+jwt"}`
	}
	if f.payload == "" {
		payload, err := json.Marshal(f.claims)
		if err != nil {
			t.Fatal(err)
		}
		f.payload = string(payload)
	}
	input := b64([]byte(strings.ReplaceAll(f.header, "KID", kid))) + "." + b64([]byte(f.payload))
	if f.sign == nil {
		f.sign = func(input string) []byte { return signature(t, f.key, input) }
	}
	made := input + "." + b64(f.sign(input))
	if f.after != nil {
		made = f.after(made)
	}
	return made
}

// tokenRow is a call, and what a service makes of it.
type tokenRow struct {
	Name      string   `json:"name"`
	Now       int64    `json:"now"`
	Issuer    string   `json:"issuer,omitempty"`
	Allowed   []string `json:"allowed,omitempty"`
	Asserting []string `json:"asserting,omitempty"`
	Forward   []string `json:"forward,omitempty"`
	Peer      []string `json:"peer"`
	Method    string   `json:"method"`
	Metadata  []entry  `json:"metadata,omitempty"`
	Code      string   `json:"code"`
	Reason    string   `json:"reason,omitempty"`
	Call      string   `json:"call,omitempty"`
}

// tokenRows makes the rows.
func tokenRows(t *testing.T) []tokenRow { //nolint:funlen,maintidx // a table
	t.Helper()
	key, other := vectorKey(t, "the gateway's"), vectorKey(t, "a stranger's")
	kid, strange := vectorJWK(t, key).KeyID, vectorJWK(t, other).KeyID
	value := func(text string, proof intentgatev1.Caller_Proof) *intentgatev1.Caller_Value {
		return &intentgatev1.Caller_Value{Value: text, Proof: proof}
	}
	const stated, proven = intentgatev1.Caller_PROOF_STATED, intentgatev1.Caller_PROOF_ID_TOKEN
	shop := &intentgatev1.Caller{Platform: intentgatev1.Platform_PLATFORM_CX, ProjectId: value("shop", proven), ProjectNumber: value("415104041262", proven)}
	named := &intentgatev1.Caller{Platform: intentgatev1.Platform_PLATFORM_CX, ProjectId: value("shop", proven)}
	bank := &intentgatev1.Caller{Platform: intentgatev1.Platform_PLATFORM_CX, ProjectId: value("bank", proven), ProjectNumber: value("7", proven)}
	claimed := &intentgatev1.Caller{Platform: intentgatev1.Platform_PLATFORM_CX, ProjectId: value("shop", stated), ProjectNumber: value("415104041262", stated)}
	bytesOf := func(m proto.Message) []byte {
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	metadataOf := func(who *intentgatev1.Caller, session, request string) []entry {
		ref := &intentgatev1.CallRef{Session: session, TurnId: "t-1", RequestId: request}
		return []entry{
			{Key: caller.MetadataCaller, Base64: bytesOf(who)}, {Key: caller.MetadataCall, Base64: bytesOf(ref)}, {Key: caller.MetadataRequestID, Text: request},
		}
	}
	const session, request = "projects/shop/agent/sessions/123", "1.bJUYwqDAyubwKnnRsWP_OrxqH_scS2_YF1uuAr5-jjE"
	claims := func(changes ...any) map[string]any {
		c := map[string]any{
			"iss": "https://gateway.internal", "iat": moment, "exp": moment + 95, "jti": "AAECAwQFBgcICQoLDA0ODw", "aud": "shop.internal",
			"sub": "projects/415104041262", "req_wl": gateway, "target": orders,
		}
		for i := 0; i < len(changes); i += 2 {
			name, _ := changes[i].(string)
			if c[name] = changes[i+1]; changes[i+1] == nil {
				delete(c, name)
			}
		}
		return c
	}
	bound := func(changes ...any) map[string]any {
		c := append([]any{"txn", request, "session", session, "caller_hash", token.HashCaller(string(bytesOf(shop)))}, changes...)
		return claims(c...)
	}
	var rows []tokenRow
	add := func(name, reason string, f forge, changes ...func(*tokenRow)) {
		row := tokenRow{
			Name: name, Now: moment + 5, Asserting: []string{gateway, "dns:other.internal"}, Forward: []string{passes}, Peer: []string{gateway},
			Method: track, Metadata: metadataOf(shop, session, request), Code: "PERMISSION_DENIED", Reason: reason,
		}
		if reason == "" {
			row.Code, row.Call = "OK", "asserted"
		}
		if f.key == nil {
			f.key = key
		}
		if f.claims != nil || f.payload != "" {
			row.Metadata = append(row.Metadata, entry{Key: caller.MetadataToken, Text: f.token(t, kid)})
		}
		for _, change := range changes {
			change(&row)
		}
		rows = append(rows, row)
	}
	from := func(sans ...string) func(*tokenRow) { return func(r *tokenRow) { r.Peer = sans } }
	at := func(now int64) func(*tokenRow) { return func(r *tokenRow) { r.Now = now } }
	with := func(who *intentgatev1.Caller, session, request string) func(*tokenRow) {
		return func(r *tokenRow) { r.Metadata = append(metadataOf(who, session, request), r.Metadata[3:]...) }
	}
	by := func(issuer string) func(*tokenRow) { return func(r *tokenRow) { r.Issuer = issuer } }
	calling := func(method string) func(*tokenRow) { return func(r *tokenRow) { r.Method = method } }
	answer := func(code, reason, call string) func(*tokenRow) {
		return func(r *tokenRow) { r.Code, r.Reason, r.Call = code, reason, call }
	}
	only := func(keys ...string) func(*tokenRow) {
		return func(r *tokenRow) {
			var kept []entry
			for _, key := range keys {
				for _, e := range r.Metadata {
					if e.Key == key {
						kept = append(kept, e)
					}
				}
			}
			r.Metadata = kept
		}
	}
	forwarded := bound("target", "shop.checkout.v1.CheckoutService")

	add("for many turns", "", forge{claims: claims()})
	add("for one turn", "", forge{claims: bound()})
	add("by the issuer that is wanted", "", forge{claims: claims()}, by("https://gateway.internal"))
	add("a project by its ID", "", forge{claims: claims("sub", "projects/shop")}, with(named, session, request))
	add("a project that nothing proves", "", forge{claims: claims("sub", nil)}, with(claimed, session, request))
	add("a gateway by a URI", "", forge{claims: claims("req_wl", "uri:spiffe://shop.internal/gateway")}, from("uri:spiffe://shop.internal/gateway"),
		func(r *tokenRow) { r.Asserting = []string{"uri:spiffe://shop.internal/gateway"} })
	add("a gateway with more names", "", forge{claims: claims()}, from("dns:a.internal", "dns:Gateway.internal", "uri:spiffe://x/y"))
	add("passed on by a forwarder", "", forge{claims: forwarded}, from(passer))
	add("a service's clock that is 30 s behind", "", forge{claims: claims()}, at(moment-30))
	add("a service's clock that is 30 s ahead", "", forge{claims: claims()}, at(moment+95+30))
	add("claims of a newer gateway", "", forge{claims: claims("rctx", map[string]any{"a": 1})})
	add("a direct call of the gateway", "", forge{}, only(), answer("OK", "", "direct"))
	add("health without a token", "", forge{}, calling("/grpc.health.v1.Health/Check"))
	add("reflection without a token", "", forge{}, calling("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"))

	add("no token", "TOKEN_MISSING", forge{})
	add("no token, from a forwarder", "TOKEN_MISSING", forge{}, from(passer))
	add("two tokens", "", forge{claims: claims()}, func(r *tokenRow) { r.Metadata = append(r.Metadata, r.Metadata[3]) },
		answer("INVALID_ARGUMENT", caller.ReasonDuplicateKey, ""))
	add("a token and no caller", "", forge{claims: claims()}, only(caller.MetadataToken), answer("INVALID_ARGUMENT", caller.ReasonIncomplete, ""))
	add("a caller that is no message", "", forge{claims: claims()}, func(r *tokenRow) { r.Metadata[0].Base64 = []byte{0xff} },
		answer("INVALID_ARGUMENT", caller.ReasonUndecodable, ""))

	part := func(change func(parts []string) []string) func(string) string {
		return func(made string) string { return strings.Join(change(strings.Split(made, ".")), ".") }
	}
	for name, f := range ordered([]forgery{
		{"two parts", forge{claims: claims(), after: part(func(p []string) []string { return p[:2] })}},
		{"four parts", forge{claims: claims(), after: part(func(p []string) []string { return append(p, "AAAA") })}},
		{"longer than 4 KiB", forge{claims: claims("more", strings.Repeat("x", 4096))}},
		{"padded", forge{claims: claims(), after: func(s string) string { return s + "==" }}},
		{"a part of another alphabet", forge{claims: claims(), after: part(func(p []string) []string { return []string{p[0], "+" + p[1][1:], p[2]} })}},
		{"a header that is no JSON", forge{header: `alg`, claims: claims()}},
		{"a header that is a list", forge{header: `[]`, claims: claims()}},
		{"a key of its own", forge{header: `{"alg":"ES256","kid":"KID","typ":"txntoken+jwt","jwk":{"kty":"EC"}}`, claims: claims()}},
		{"the place of a key", forge{header: `{"alg":"ES256","kid":"KID","typ":"txntoken+jwt","jku":"https://evil.example/"}`, claims: claims()}},
		{"a critical extension", forge{header: `{"alg":"ES256","kid":"KID","typ":"txntoken+jwt","crit":["b64"],"b64":false}`, claims: claims()}},
		{"an algorithm twice", forge{header: `{"alg":"ES256","alg":"ES256","kid":"KID","typ":"txntoken+jwt"}`, claims: claims()}},
		{"a kid that is a number", forge{header: `{"alg":"ES256","kid":1,"typ":"txntoken+jwt"}`, claims: claims()}},
		{"claims that are no JSON", forge{payload: "claims"}},
		{"claims that are a list", forge{payload: "[]"}},
		{"a claim twice", forge{payload: `{"aud":"bank.internal","aud":"shop.internal"}`}},
		{"an end that is text", forge{claims: claims("exp", "1795000095")}},
		{"an end that is a fraction", forge{claims: claims("exp", 1795000095.5)}},
		{"no end", forge{claims: claims("exp", nil)}},
		{"no beginning", forge{claims: claims("iat", nil)}},
		{"a list of trust domains", forge{claims: claims("aud", []string{"shop.internal"})}},
		{"a header that is null", forge{header: `null`, claims: claims()}},
		{"a header with white space that is none", forge{header: "{\"alg\":\"ES256\",\"kid\":\"KID\",\"typ\":\"txntoken+jwt\"}\u00a0", claims: claims()}},
		{"a header and more", forge{header: `{"alg":"ES256","kid":"KID","typ":"txntoken+jwt"}{}`, claims: claims()}},
		{"a header with a byte order mark", forge{header: "\ufeff" + `{"alg":"ES256","kid":"KID","typ":"txntoken+jwt"}`, claims: claims()}},
		{"an algorithm twice, once with escapes", forge{header: `{"alg":"ES256","\u0061lg":"none","kid":"KID","typ":"txntoken+jwt"}`, claims: claims()}},
		{"an algorithm in capitals", forge{header: `{"ALG":"ES256","kid":"KID","typ":"txntoken+jwt"}`, claims: claims()}},
		{"a kid that is half a character", forge{header: `{"alg":"ES256","kid":"\ud800","typ":"txntoken+jwt"}`, claims: claims()}},
		{"a header that is no UTF-8", forge{header: "{\"alg\":\"ES256\",\"kid\":\"\xff\",\"typ\":\"txntoken+jwt\"}", claims: claims()}},
		{"a line end", forge{claims: claims(), after: func(s string) string { return s[:10] + "\n" + s[10:] }}},
		{"bits of no meaning", forge{claims: claims(), after: func(s string) string { return s[:len(s)-1] + string(s[len(s)-1]+1) }}}, // 64 bytes leave four
		{"claims that are null", forge{payload: "null"}},
		{"an end that is null", forge{claims: claims("exp", json.RawMessage("null"))}},
		{"an end with a point", forge{claims: claims("exp", json.RawMessage("1795000095.0"))}},
		{"an end with an exponent", forge{claims: claims("exp", json.RawMessage("1795000095e0"))}},
		{"a beginning with an exponent", forge{claims: claims("iat", json.RawMessage("1795e6"))}},
		{"an end that is enormous", forge{claims: claims("exp", json.RawMessage("100000000000000000000000000000000"))}},
		{"an end at 2^64 and a little", forge{claims: claims("exp", json.RawMessage("18446744075504551711"))}},
		{"a beginning below nothing", forge{claims: claims("iat", -1)}},
		{"an end that is true", forge{claims: claims("exp", true)}},
		{"a session that is a number", forge{claims: claims("session", 1)}},
		{"a claim twice, once with escapes", forge{payload: `{"aud":"bank.internal","\u0061ud":"shop.internal"}`}},
		{"a claim of no meaning here, twice", forge{payload: strings.Replace(mustJSON(t, claims()), "{", `{"a":1,"a":2,`, 1)}},
		{"a name twice within a claim", forge{payload: strings.Replace(mustJSON(t, claims()), "{", `{"a":{"b":1,"b":2},`, 1)}},
		{"claims and more", forge{payload: mustJSON(t, claims()) + "{}"}},
		{"a comma after the last claim", forge{payload: strings.TrimSuffix(mustJSON(t, claims()), "}") + ",}"}},
		{"half a character", forge{payload: strings.Replace(mustJSON(t, claims()), "{", `{"a":"\udc00",`, 1)}},
		{"a number that is none", forge{payload: strings.Replace(mustJSON(t, claims()), "{", `{"a":NaN,`, 1)}},
		{"a number with a zero before", forge{payload: strings.Replace(mustJSON(t, claims()), "{", `{"a":01,`, 1)}},
		{"a tab in a text", forge{payload: strings.Replace(mustJSON(t, claims()), "{", "{\"a\":\"\t\",", 1)}},
		{"a text in single quotes", forge{payload: strings.Replace(mustJSON(t, claims()), "{", "{'a':1,", 1)}},
		{"a comment", forge{payload: "/**/" + mustJSON(t, claims())}},
	}) {
		add("malformed: "+name, "TOKEN_MALFORMED", f)
	}

	mac := func(input string) []byte {
		public, err := key.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		h := hmac.New(sha256.New, public)
		h.Write([]byte(input))
		return h.Sum(nil)
	}
	for name, f := range ordered([]forgery{
		{"none", forge{header: `{"alg":"none","kid":"KID","typ":"txntoken+jwt"}`, claims: claims(), sign: func(string) []byte { return nil }}},
		{"none, and no kid", forge{header: `{"alg":"none","typ":"txntoken+jwt"}`, claims: claims(), sign: func(string) []byte { return nil }}},
		{"HS256 by the public key", forge{header: `{"alg":"HS256","kid":"KID","typ":"txntoken+jwt"}`, claims: claims(), sign: mac}},
		{"RS256", forge{header: `{"alg":"RS256","kid":"KID","typ":"txntoken+jwt"}`, claims: claims()}},
		{"ES384", forge{header: `{"alg":"ES384","kid":"KID","typ":"txntoken+jwt"}`, claims: claims()}},
		{"in other letters", forge{header: `{"alg":"es256","kid":"KID","typ":"txntoken+jwt"}`, claims: claims()}},
		{"another type", forge{header: `{"alg":"ES256","kid":"KID","typ":"JWT"}`, claims: claims()}},
		{"no type", forge{header: `{"alg":"ES256","kid":"KID"}`, claims: claims()}},
	}) {
		add("algorithm: "+name, "TOKEN_ALGORITHM", f)
	}
	add("key: a stranger's", "TOKEN_KEY", forge{header: `{"alg":"ES256","kid":"` + strange + `","typ":"txntoken+jwt"}`, claims: claims(), key: other})
	add("key: none", "TOKEN_KEY", forge{header: `{"alg":"ES256","typ":"txntoken+jwt"}`, claims: claims()})
	for name, f := range ordered([]forgery{
		{"a stranger's by the name of the gateway's key", forge{claims: claims(), key: other}},
		{"of other claims", forge{claims: claims("sub", "projects/7"), after: part(func(p []string) []string {
			payload, err := json.Marshal(claims())
			if err != nil {
				t.Fatal(err)
			}
			return []string{p[0], b64(payload), p[2]}
		})}},
		{"none", forge{claims: claims(), sign: func(string) []byte { return nil }}},
		{"zeros", forge{claims: claims(), sign: func(string) []byte { return make([]byte, 64) }}},
		{"as ASN.1", forge{claims: claims(), sign: func(input string) []byte {
			digest := sha256.Sum256([]byte(input))
			der, err := key.Sign(nil, digest[:], crypto.SHA256)
			if err != nil {
				t.Fatal(err)
			}
			return der
		}}},
		{"with a byte more", forge{claims: claims(), sign: func(input string) []byte { return append(signature(t, key, input), 0) }}},
		{"with a byte between its numbers", forge{claims: claims(), sign: func(input string) []byte { return slices.Insert(signature(t, key, input), 32, 0) }}},
	}) {
		add("signature: "+name, "TOKEN_SIGNATURE", f)
	}

	add("claims with white space and escapes", "", forge{payload: " \r\n\t" + strings.Replace(mustJSON(t, claims()), `"aud"`, `"\u0061ud" `, 1) + "\n"})
	add("claims with members that are called strangely", "", forge{payload: strings.Replace(mustJSON(t, claims()), "{", `{"__proto__":{"iss":"x"},"":1e999,"constructor":null,`, 1)})
	add("a null turn", "", forge{claims: claims("txn", json.RawMessage("null"), "session", json.RawMessage("null"), "caller_hash", json.RawMessage("null"))})
	add("a gateway in capitals", "", forge{claims: claims("req_wl", "dns:GATEWAY.internal")})
	add("expired", "TOKEN_EXPIRED", forge{claims: claims()}, at(moment+95+31))
	add("not begun", "TOKEN_EXPIRED", forge{claims: claims()}, at(moment-31))
	add("good for too long", "TOKEN_EXPIRED", forge{claims: claims("exp", moment+3*3600+1)})
	add("for another trust domain", "TOKEN_AUDIENCE", forge{claims: claims("aud", "bank.internal")})
	add("for no trust domain", "TOKEN_AUDIENCE", forge{claims: claims("aud", nil)})
	add("by another issuer", "TOKEN_ISSUER", forge{claims: claims()}, by("https://other.internal"))
	add("for another service", "TOKEN_TARGET", forge{claims: claims("target", "shop.faq.v1.FaqService")})
	add("for the service by a longer name", "TOKEN_TARGET", forge{claims: claims("target", orders+"s")})
	add("passed on, and the forwarder has it from elsewhere", "TOKEN_TARGET", forge{claims: bound()}, from(passer))
	add("made for a forwarder that does not assert", "TOKEN_TARGET", forge{claims: claims("req_wl", passer)}, from(passer))
	add("stolen by another asserting peer", "TOKEN_PEER", forge{claims: bound()}, from("dns:other.internal"))
	add("passed on by an asserting peer that is no forwarder", "TOKEN_PEER", forge{claims: forwarded}, from("dns:other.internal"))
	for _, workload := range []string{
		"DNS:gateway.internal", "dns: gateway.internal", "gateway.internal", "dns:*.internal", "dns:gateway.internal.", "dns:", "dns:gateway.internal\x00", "uri:gateway.internal",
	} {
		add(fmt.Sprintf("for the connection of %q", workload), "TOKEN_PEER", forge{claims: claims("req_wl", workload)})
	}
	add("passed on, and bound to null", "TOKEN_CALLER", forge{claims: claims("target", "shop.checkout.v1.CheckoutService", "caller_hash", json.RawMessage("null"))}, from(passer))
	add("for a trust domain in capitals", "TOKEN_AUDIENCE", forge{claims: claims("aud", "Shop.internal")})
	add("for a trust domain with a zero byte", "TOKEN_AUDIENCE", forge{claims: claims("aud", "shop.internal\x00")})
	add("key: null", "TOKEN_KEY", forge{header: `{"alg":"ES256","kid":null,"typ":"txntoken+jwt"}`, claims: claims()})
	add("key: __proto__", "TOKEN_KEY", forge{header: `{"alg":"ES256","kid":"__proto__","typ":"txntoken+jwt"}`, claims: claims()})
	add("key: with white space", "TOKEN_KEY", forge{header: `{"alg":"ES256","kid":"KID ","typ":"txntoken+jwt"}`, claims: claims()})
	add("algorithm: null", "TOKEN_ALGORITHM", forge{header: `{"alg":null,"kid":"KID","typ":"txntoken+jwt"}`, claims: claims()})
	add("signature: of the other half of the curve", "", forge{claims: claims(), sign: func(input string) []byte { // ECDSA has two for each
		both := signature(t, key, input)
		s := new(big.Int).Sub(elliptic.P256().Params().N, new(big.Int).SetBytes(both[32:]))
		return append(both[:32:32], s.FillBytes(make([]byte, 32))...)
	}})
	add("signature: with the order of the curve", "TOKEN_SIGNATURE", forge{claims: claims(), sign: func(input string) []byte {
		n := elliptic.P256().Params().N.Bytes()
		return append(n, n...)
	}})
	add("for nobody's connection", "TOKEN_PEER", forge{claims: claims("req_wl", nil)})
	add("stolen by a peer that may only call", "", forge{claims: bound()}, from("dns:crm.internal"),
		func(r *tokenRow) { r.Allowed = []string{"dns:crm.internal"} }, answer("PERMISSION_DENIED", caller.ReasonMayNotAssert, ""))
	add("passed on by a peer that is on no list", "", forge{claims: forwarded}, from("dns:crm.internal"), answer("PERMISSION_DENIED", caller.ReasonNotAllowed, ""))
	add("a forwarder that calls for itself", "", forge{}, from(passer), only(), answer("PERMISSION_DENIED", caller.ReasonNotAllowed, ""))
	add("a forwarder that may call for itself, too", "", forge{}, from(passer), only(),
		func(r *tokenRow) { r.Allowed = []string{passer} }, answer("OK", "", "direct"))
	add("of another caller", "TOKEN_CALLER", forge{claims: bound("sub", nil)}, with(claimed, session, request))
	add("passed on, and bound to no caller", "TOKEN_CALLER", forge{claims: claims("target", "shop.checkout.v1.CheckoutService")}, from(passer))
	add("replayed in another turn", "TOKEN_TURN", forge{claims: bound()}, with(shop, session, "1.another"))
	add("replayed in another session", "TOKEN_TURN", forge{claims: bound()}, with(shop, "projects/shop/agent/sessions/124", request))
	add("another project", "TOKEN_SUBJECT", forge{claims: claims()}, with(bank, session, request))
	add("a project that is proven, and no word of it", "TOKEN_SUBJECT", forge{claims: claims("sub", nil)})
	add("another project than one that is stated", "TOKEN_SUBJECT", forge{claims: claims("sub", "projects/7")}, with(claimed, session, request))
	add("a project of a similar name", "TOKEN_SUBJECT", forge{claims: claims("sub", "projects/4151040412620")})
	return rows
}

func mustJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

type forgery struct {
	name string
	f    forge
}

// ordered yields them.
func ordered(all []forgery) func(yield func(string, forge) bool) {
	return func(yield func(string, forge) bool) {
		for _, one := range all {
			if !yield(one.name, one.f) {
				return
			}
		}
	}
}
