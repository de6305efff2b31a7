package idtoken_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/idtoken"
)

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// last is a token's signature.
func last(token string) string { return token[strings.LastIndex(token, ".")+1:] }

// Whatever the header says, the key is ours and the algorithm RS256.
func TestForgedSignatures(t *testing.T) {
	payload, err := json.Marshal(claims(t))
	if err != nil {
		t.Fatal(err)
	}
	id := map[jose.HeaderKey]any{"kid": keyID}
	with := func(name jose.HeaderKey, value any) map[jose.HeaderKey]any {
		return map[jose.HeaderKey]any{"kid": keyID, name: value}
	}
	good := sign(t, jose.RS256, signing(), id, payload)
	head, rest, _ := strings.Cut(good, ".")
	body, signature, _ := strings.Cut(rest, ".")

	der, err := x509.MarshalPKIXPublicKey(&signing().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := x509.MarshalPKCS1PublicKey(&signing().PublicKey)
	asPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	strangersJWK, err := json.Marshal(jwk(strangers(), keyID))
	if err != nil {
		t.Fatal(err)
	}
	stranger := jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: strangers(), KeyID: keyID}}
	embedding, err := jose.NewSigner(stranger, &jose.SignerOptions{EmbedJWK: true, ExtraHeaders: id})
	if err != nil {
		t.Fatal(err)
	}
	embedded, err := embedding.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	embeddedToken, err := embedded.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	double := func(name, value string) string {
		text := string(payload)
		return sign(t, jose.RS256, signing(), id, []byte(text[:len(text)-1]+`,`+name+`:`+value+`}`))
	}
	// The last character of 256 bytes carries two bits of padding.
	loose := good[:len(good)-1] + string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[strings.IndexByte(
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", good[len(good)-1])+1])

	for _, c := range []struct {
		name, token string
		want        authn.Reason
	}{
		{"good", good, ""},
		{"signed by another key", sign(t, jose.RS256, strangers(), id, payload), idtoken.Signature},
		{"signature of another token", head + "." + body + "." + last(sign(t, jose.RS256, signing(), id, []byte("{}"))), idtoken.Signature},
		{"claims changed", head + "." + encode(strings.Replace(string(payload), `"sub"`, `"sbu"`, 1)) + "." + signature, idtoken.Signature},
		{"header changed", encode(`{"alg":"RS256","kid":"`+keyID+`","typ":"JWT","x":1}`) + "." + body + "." + signature, idtoken.Signature},
		{"no signature", head + "." + body + ".", idtoken.Signature},
		{"short signature", head + "." + body + "." + signature[:len(signature)-5] + "A", idtoken.Signature},

		{"HS256 with the PEM as secret", sign(t, jose.HS256, asPEM, id, payload), idtoken.Algorithm},
		{"HS256 with the DER as secret", sign(t, jose.HS256, der, id, payload), idtoken.Algorithm},
		{"HS256 with PKCS #1 as secret", sign(t, jose.HS256, pkcs1, id, payload), idtoken.Algorithm},
		{"HS256 with the modulus as secret", sign(t, jose.HS256, signing().N.Bytes(), id, payload), idtoken.Algorithm},
		{"HS512 with the PEM as secret", sign(t, jose.HS512, asPEM, id, payload), idtoken.Algorithm},
		{"RS384", sign(t, jose.RS384, signing(), id, payload), idtoken.Algorithm},
		{"RS512", sign(t, jose.RS512, signing(), id, payload), idtoken.Algorithm},
		{"PS256", sign(t, jose.PS256, signing(), id, payload), idtoken.Algorithm},
		{"none", encode(`{"alg":"none","kid":"`+keyID+`"}`) + "." + body + ".", idtoken.Algorithm},
		{"none with a signature", encode(`{"alg":"none","kid":"`+keyID+`"}`) + "." + body + "." + signature, idtoken.Algorithm},
		{"nOnE", encode(`{"alg":"nOnE","kid":"`+keyID+`"}`) + "." + body + ".", idtoken.Algorithm},
		{"rs256", encode(`{"alg":"rs256","kid":"`+keyID+`"}`) + "." + body + "." + signature, idtoken.Algorithm},
		{"no algorithm", encode(`{"kid":"`+keyID+`"}`) + "." + body + "." + signature, idtoken.Algorithm},
		{"PS256 said to be RS256", head + "." + body + "." + last(sign(t, jose.PS256, signing(), id, payload)), idtoken.Signature},
		{"two algorithms", encode(`{"alg":"none","alg":"RS256","kid":"`+keyID+`"}`) + "." + body + "." + signature, idtoken.Malformed},

		{"unknown kid", sign(t, jose.RS256, signing(), map[jose.HeaderKey]any{"kid": "other"}, payload), idtoken.UnknownKey},
		{"kid of a path", sign(t, jose.RS256, signing(), map[jose.HeaderKey]any{"kid": "../../dev/null"}, payload), idtoken.UnknownKey},
		{"kid in capitals", sign(t, jose.RS256, signing(), map[jose.HeaderKey]any{"kid": strings.ToUpper(keyID)}, payload), idtoken.UnknownKey},
		{"no kid", sign(t, jose.RS256, signing(), nil, payload), idtoken.UnknownKey},
		{"kid is a number", sign(t, jose.RS256, signing(), map[jose.HeaderKey]any{"kid": 1}, payload), idtoken.Malformed},

		{"stranger's key embedded", embeddedToken, idtoken.Malformed},
		{"stranger's key as text", sign(t, jose.RS256, signing(), with("jwk", json.RawMessage(strangersJWK)), payload), idtoken.Malformed},
		{"jku", sign(t, jose.RS256, signing(), with("jku", "https://evil.example/jwks"), payload), idtoken.Malformed},
		{"x5u", sign(t, jose.RS256, signing(), with("x5u", "https://evil.example/cert"), payload), idtoken.Malformed},
		{"x5c", encode(`{"alg":"RS256","kid":"`+keyID+`","x5c":["AAAA"]}`) + "." + body + "." + signature, idtoken.Malformed},
		{"crit", sign(t, jose.RS256, signing(), with("crit", []string{"exp"}), payload), idtoken.Malformed},
		{"crit of nothing", sign(t, jose.RS256, signing(), with("crit", []string{}), payload), idtoken.Malformed},
		{"unencoded payload", sign(t, jose.RS256, signing(), map[jose.HeaderKey]any{"kid": keyID, "crit": []string{"b64"}, "b64": true}, payload), idtoken.Malformed},

		{"two audiences of one name", double(`"aud"`, `"https://other.example/"`), idtoken.Malformed},
		{"two e-mails, one escaped", double(`"\u0065mail"`, `"service-7@gcp-sa-dialogflow.iam.gserviceaccount.com"`), idtoken.Malformed},
		{"two names deep inside", double(`"x"`, `{"a":1,"a":2}`), idtoken.Malformed},
		{"another name in capitals", double(`"AUD"`, `"https://other.example/"`), ""},
		{"broken UTF-8", double(`"x"`, "\"\xff\""), idtoken.Malformed},

		{"padding bits", loose, idtoken.Malformed},
		{"padding", good + "==", idtoken.Malformed},
		{"line end inside", good[:40] + "\n" + good[40:], idtoken.Malformed},
		{"line end at the end", good + "\r\n", idtoken.Malformed},
		{"standard alphabet", strings.NewReplacer("-", "+", "_", "/").Replace(good) + "+", idtoken.Malformed},
		{"space in front", " " + good, idtoken.Malformed},
		{"two tokens", good + "," + good, idtoken.Malformed},
		{"four parts", good + ".AA", idtoken.Malformed},
		{"five parts, as if encrypted", good + ".AA.AA", idtoken.Malformed},
		{"an access token", "ya29.c.b0AXv0zTNkQ1p3cXU4", idtoken.Malformed},
		{"nothing", "", idtoken.Malformed},
		{"dots", "..", idtoken.Malformed},
		{"header is a list", encode(`["RS256"]`) + "." + body + "." + signature, idtoken.Malformed},
		{"claims are a text", sign(t, jose.RS256, signing(), id, []byte(`"claims"`)), idtoken.Malformed},
		{"claims are null", sign(t, jose.RS256, signing(), id, []byte(`null`)), idtoken.Malformed},
		{"claims and more", sign(t, jose.RS256, signing(), id, append(payload[:len(payload):len(payload)], "{}"...)), idtoken.Malformed},
		{"the JSON serialization", `{"payload":"` + body + `","protected":"` + head + `","signature":"` + signature + `"}`, idtoken.Malformed},
		{"too large", strings.Repeat("A", 8<<10), idtoken.Malformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, _, _ := verifier(t, (&clock{now: start}).Now)
			for range 2 { // a bad one must not become good by being known
				got, refusal := v.Verify(t.Context(), bearer(c.token), rules())
				check(t, got, refusal, c.want, c.token)
			}
			if c.want != "" && v.Remembered() != 0 {
				t.Error("remembered")
			}
		})
	}
}

func TestAuthorizationHeader(t *testing.T) {
	v, _, _ := verifier(t, (&clock{now: start}).Now)
	good := token(t, claims(t))
	for _, c := range []struct {
		name   string
		values []string
		want   authn.Reason
	}{
		{"good", []string{"Bearer " + good}, ""},
		{"lower case", []string{"bearer " + good}, ""},
		{"none", nil, idtoken.NoToken},
		{"empty", []string{""}, idtoken.NoToken},
		{"Basic", []string{"Basic dXNlcjpwYXNzd29yZA=="}, idtoken.NoToken},
		{"no scheme", []string{good}, idtoken.NoToken},
		{"scheme alone", []string{"Bearer"}, idtoken.Malformed},
		{"two spaces", []string{"Bearer  " + good}, idtoken.Malformed},
		{"a tab", []string{"Bearer\t" + good}, idtoken.NoToken},
		{"twice", []string{"Bearer " + good, "Bearer " + good}, idtoken.Malformed},
		{"a good one and another", []string{"Bearer " + good, "Basic dXNlcjpwYXNzd29yZA=="}, idtoken.Malformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, refusal := v.Verify(t.Context(), c.values, rules())
			check(t, got, refusal, c.want, good)
			if refusal != nil && strings.Contains(refusal.Error(), "dXNl") {
				t.Errorf("a password is repeated: %v", refusal)
			}
		})
	}
}
