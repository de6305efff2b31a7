package idtoken_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// What is accepted was signed by the key, every byte of it.
func FuzzVerify(f *testing.F) {
	v, _, _ := verifier(f, (&clock{now: start}).Now)
	payload, err := json.Marshal(claims(f))
	if err != nil {
		f.Fatal(err)
	}
	good := token(f, claims(f))
	f.Add("Bearer " + good)
	f.Add("Bearer " + sign(f, jose.HS256, []byte("secretsecretsecretsecretsecretse"), map[jose.HeaderKey]any{"kid": keyID}, payload))
	f.Add("Bearer " + strings.Replace(good, ".", ".eyJhdWQiOiJ4In0", 1))
	f.Add("Bearer eyJhbGciOiJub25lIn0.e30.")
	f.Add("bearer " + good + ".")
	f.Add("Basic dXNlcjpwYXNzd29yZA==")
	f.Fuzz(func(t *testing.T, value string) {
		got, refusal := v.Verify(t.Context(), []string{value}, rules())
		if (got == nil) == (refusal == nil) {
			t.Fatalf("either a token or a refusal is wanted: %+v, %+v", got, refusal)
		}
		if refusal != nil {
			check(t, got, refusal, refusal.Reason, "")
			return
		}
		_, raw, _ := strings.Cut(value, " ")
		end := strings.LastIndex(raw, ".")
		signature, err := base64.RawURLEncoding.DecodeString(raw[end+1:])
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256([]byte(raw[:end]))
		if err := rsa.VerifyPKCS1v15(&signing().PublicKey, crypto.SHA256, sum[:], signature); err != nil {
			t.Fatalf("accepted: %q", value)
		}
	})
}

// A document of keys either gives keys or an error.
func FuzzKeys(f *testing.F) {
	f.Add(document(f, jwk(signing(), keyID)))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"x"},{"kty":"oct","k":"AA"}]}`))
	f.Add([]byte(`{"keys":[null,1,{}]}`))
	_, keys, file := verifier(f, (&clock{now: start}).Now)
	f.Fuzz(func(t *testing.T, document []byte) {
		write(t, file, document)
		_, _ = keys.Reload(t.Context())
		if keys.Status().Keys == 0 {
			t.Error("what was good is gone")
		}
	})
}
