package idtoken_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/idtoken"
	"github.com/intentgate/intentgate/gateway/simulator/issuer"
)

const (
	audience = "https://fulfil.shop.example/dialogflow/es"
	number   = 123456789012
	keyID    = "the-key"
)

var start = time.Date(2041, 2, 3, 4, 5, 6, 0, time.UTC)

// Keys cost more than all the rest: each is made once.
var (
	signing   = sync.OnceValue(func() *rsa.PrivateKey { return newKey(2048) })
	strangers = sync.OnceValue(func() *rsa.PrivateKey { return newKey(2048) })
)

func newKey(bits int) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return key
}

// clock is a time that stands until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func rules() *idtoken.Rules {
	return &idtoken.Rules{Audiences: []string{audience, audience + "/staging"}, Numbers: []uint64{7, number}}
}

func claims(tb testing.TB) map[string]any {
	tb.Helper()
	google, err := issuer.New(issuer.Options{Now: func() time.Time { return start }, Key: signing()})
	if err != nil {
		tb.Fatal(err)
	}
	return google.Claims(audience, number)
}

// jwk is a public key as JWK sets have it.
func jwk(key *rsa.PrivateKey, id string) jose.JSONWebKey {
	return jose.JSONWebKey{Key: &key.PublicKey, KeyID: id, Algorithm: "RS256", Use: "sig"}
}

func document(tb testing.TB, keys ...jose.JSONWebKey) []byte {
	tb.Helper()
	document, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		tb.Fatal(err)
	}
	return document
}

// verifier has the signing key from a file.
func verifier(tb testing.TB, now func() time.Time) (v *idtoken.Verifier, keys *idtoken.Keys, file string) {
	tb.Helper()
	file = filepath.Join(tb.TempDir(), "jwks.json")
	write(tb, file, document(tb, jwk(signing(), keyID)))
	keys, err := idtoken.NewKeys(idtoken.KeysConfig{File: file, Logger: quiet(), Now: now})
	if err != nil {
		tb.Fatal(err)
	}
	v, err = idtoken.New(idtoken.Config{Keys: keys, Now: now})
	if err != nil {
		tb.Fatal(err)
	}
	return v, keys, file
}

func write(tb testing.TB, file string, content []byte) {
	tb.Helper()
	if err := os.WriteFile(file, content, 0o600); err != nil {
		tb.Fatal(err)
	}
}

// sign signs any payload under any header.
func sign(tb testing.TB, algorithm jose.SignatureAlgorithm, key any, header map[jose.HeaderKey]any, payload []byte) string {
	tb.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, &jose.SignerOptions{ExtraHeaders: header})
	if err != nil {
		tb.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		tb.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		tb.Fatal(err)
	}
	return token
}

func token(tb testing.TB, claims map[string]any) string {
	tb.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		tb.Fatal(err)
	}
	return sign(tb, jose.RS256, signing(), map[jose.HeaderKey]any{"kid": keyID}, payload)
}

func bearer(token string) []string { return []string{"Bearer " + token} }

// check holds a refusal against its reason, "" for none, and against what every refusal owes.
func check(tb testing.TB, token *idtoken.Token, refusal *authn.Refusal, want authn.Reason, secret string) {
	tb.Helper()
	if (token == nil) == (refusal == nil) {
		tb.Fatalf("either a token or a refusal is wanted: %+v, %+v", token, refusal)
	}
	if refusal == nil {
		if want != "" {
			tb.Fatalf("accepted as %+v, want %s", token, want)
		}
		return
	}
	if refusal.Reason != want {
		tb.Fatalf("refused with %v, want %q", refusal, want)
	}
	if refusal.Saw == "" || refusal.Wanted == "" || len(refusal.Saw) > 256 || idtoken.Hint(refusal.Reason) == "" {
		tb.Errorf("a refusal says what it saw and wanted, and has a hint: %+v", refusal)
	}
	for part := range strings.SplitSeq(secret, ".") {
		if len(part) > 20 && strings.Contains(refusal.Error(), part) {
			tb.Errorf("the refusal repeats the token: %v", refusal)
		}
	}
}
