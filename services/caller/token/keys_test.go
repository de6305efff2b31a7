package token_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/intentgate/intentgate/services/caller/token"
)

var start = time.Unix(1_795_000_000, 0)

func newKey(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func jwks(t *testing.T, keys map[string]*ecdsa.PrivateKey) []byte {
	t.Helper()
	var set jose.JSONWebKeySet
	for id, key := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: &key.PublicKey, KeyID: id})
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func sign(t *testing.T, id string, key *ecdsa.PrivateKey) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: id}}, (&jose.SignerOptions{}).WithType(token.Type))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(token.Claims{IssuedAt: start.Unix(), Expires: start.Unix() + 60, Audience: "shop.internal"})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// place is a server of keys.
type place struct {
	*httptest.Server

	document atomic.Pointer[[]byte]
	fetches  atomic.Int32
}

func serve(t *testing.T) *place {
	t.Helper()
	p := &place{}
	p.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.fetches.Add(1)
		switch document := p.document.Load(); {
		case r.URL.Path == "/moved":
			http.Redirect(w, r, "/", http.StatusFound)
		case document == nil:
			http.Error(w, "not yet", http.StatusServiceUnavailable)
		default:
			_, _ = w.Write(*document)
		}
	}))
	p.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	t.Cleanup(p.Close)
	return p
}

func (p *place) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(p.Certificate())
	return pool
}

// TestKeysOfURL: a token of a key that is not known has the keys read, every ten seconds at most; the last good ones stay.
func TestKeysOfURL(t *testing.T) {
	now, p := start, serve(t)
	clock := func() time.Time { return now }
	keys, err := token.NewKeys(token.KeysConfig{Source: p.URL, RootCAs: p.roots, Logger: slog.New(slog.DiscardHandler), Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	v, err := token.NewVerifier(token.Config{Keys: keys, TrustDomain: "shop.internal", Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	expect := func(raw string, reason token.Reason, fetches int32) {
		t.Helper()
		_, refusal := v.Verify(t.Context(), raw)
		if got := refusal; got == nil && reason != "" || got != nil && got.Reason != reason || p.fetches.Load() != fetches {
			t.Errorf("%v after %d fetches; want %q after %d", got, p.fetches.Load(), reason, fetches)
		}
	}
	first, second := newKey(t, elliptic.P256()), newKey(t, elliptic.P256())
	one, two := sign(t, "one", first), sign(t, "two", second)
	expect(one, token.Key, 1) // there are none yet
	both := jwks(t, map[string]*ecdsa.PrivateKey{"one": first})
	p.document.Store(&both)
	expect(one, token.Key, 1)
	now = now.Add(10 * time.Second)
	expect(one, "", 2)
	expect(one, "", 2)
	both = jwks(t, map[string]*ecdsa.PrivateKey{"one": first, "two": second})
	p.document.Store(&both)
	expect(two, token.Key, 2)
	now = now.Add(10 * time.Second)
	expect(two, "", 3)
	p.document.Store(nil)
	if _, err := keys.Reload(t.Context()); err == nil {
		t.Error("no keys, and no error")
	}
	expect(one, "", 4)
}

func TestKeysOfOtherPlaces(t *testing.T) {
	p := serve(t)
	good := jwks(t, map[string]*ecdsa.PrivateKey{"one": newKey(t, elliptic.P256())})
	p.document.Store(&good)
	config := token.KeysConfig{RootCAs: p.roots, Logger: slog.New(slog.DiscardHandler), Now: time.Now}
	for _, source := range []string{"http://127.0.0.1/", "ftp://x/", "https://user:secret@x/", "https:///x", filepath.Join(t.TempDir(), "absent")} {
		config.Source = source
		if _, err := token.NewKeys(config); err == nil {
			t.Errorf("%s was taken", source)
		}
	}
	for name, change := range map[string]func(*token.KeysConfig){
		"moved":            func(c *token.KeysConfig) { c.Source = p.URL + "/moved" },
		"another's server": func(c *token.KeysConfig) { c.RootCAs = x509.NewCertPool },
		"too large": func(*token.KeysConfig) {
			large := []byte(string(good) + strings.Repeat(" ", 64<<10))
			p.document.Store(&large)
		},
	} {
		t.Run(name, func(t *testing.T) {
			config := config
			config.Source = p.URL
			change(&config)
			keys, err := token.NewKeys(config)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := keys.Reload(t.Context()); err == nil {
				t.Error("read")
			}
			p.document.Store(&good)
		})
	}
}

func TestParseKeys(t *testing.T) {
	large, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	key := newKey(t, elliptic.P256())
	set := func(keys ...jose.JSONWebKey) string {
		text, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	good := jose.JSONWebKey{Key: &key.PublicKey, KeyID: "good", Use: "sig", Algorithm: "ES256"}
	for name, row := range map[string]struct {
		document string
		keys     int
	}{
		"one":               {set(good), 1},
		"others beside":     {set(good, jose.JSONWebKey{Key: &large.PublicKey, KeyID: "rsa"}, jose.JSONWebKey{Key: []byte("secret"), KeyID: "oct"}), 1},
		"of a kind unknown": {strings.Replace(set(good), `"keys":[`, `"keys":[{"kty":"LATER","kid":"x"},`, 1), 1},
		"of another curve":  {set(jose.JSONWebKey{Key: &newKey(t, elliptic.P384()).PublicKey, KeyID: "p384"}), 0},
		"for encryption":    {set(jose.JSONWebKey{Key: &key.PublicKey, KeyID: "enc", Use: "enc"}), 0},
		"of an algorithm":   {set(jose.JSONWebKey{Key: &key.PublicKey, KeyID: "alg", Algorithm: "ECDH-ES"}), 0},
		"private":           {set(jose.JSONWebKey{Key: key, KeyID: "private"}), 0},
		"without a name":    {set(jose.JSONWebKey{Key: &key.PublicKey}), 0},
		"two of a name":     {set(good, good), 0},
		"none":              {`{"keys":[]}`, 0},
		"no set":            {`[]`, 0},
		"a member twice":    {`{"keys":[],"keys":[]}`, 0},
		"no JSON":           {`keys`, 0},
		"a point off P-256": {`{"keys":[{"kty":"EC","crv":"P-256","kid":"x","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"}]}`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			keys, err := token.ParseKeys([]byte(row.document))
			if len(keys) != row.keys || (err == nil) != (row.keys > 0) {
				t.Errorf("%d keys, %v; want %d", len(keys), err, row.keys)
			}
		})
	}
}

// FuzzVerify gives a verifier what strangers may send. It never panics, and takes only what the key has signed.
func FuzzVerify(f *testing.F) {
	data, err := os.ReadFile("../testdata/tokens.json")
	if err != nil {
		f.Fatal(err)
	}
	var vectors struct {
		JWKS   json.RawMessage `json:"jwks"`
		Tokens []struct {
			Code     string `json:"code"`
			Metadata []struct {
				Key  string `json:"key"`
				Text string `json:"text"`
			} `json:"metadata"`
		} `json:"tokens"`
	}
	if err := json.Unmarshal(data, &vectors); err != nil {
		f.Fatal(err)
	}
	signed := map[string]bool{} // headers and payloads
	for _, row := range vectors.Tokens {
		for _, e := range row.Metadata {
			if e.Key == "intentgate-token" {
				f.Add(e.Text)
				signed[e.Text[:max(0, strings.LastIndex(e.Text, "."))]] = true
			}
		}
	}
	file := filepath.Join(f.TempDir(), "jwks.json")
	if err := os.WriteFile(file, vectors.JWKS, 0o600); err != nil {
		f.Fatal(err)
	}
	now := func() time.Time { return start }
	keys, err := token.NewKeys(token.KeysConfig{Source: file, Logger: slog.New(slog.DiscardHandler), Now: now})
	if err != nil {
		f.Fatal(err)
	}
	v, err := token.NewVerifier(token.Config{Keys: keys, TrustDomain: "shop.internal", Now: now})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		claims, refusal := v.Verify(t.Context(), raw)
		switch {
		case refusal == nil && (claims.Audience != "shop.internal" || !signed[raw[:strings.LastIndex(raw, ".")]]):
			t.Errorf("taken: %q", raw)
		case refusal != nil && (refusal.Reason == "" || refusal.Saw == "" || refusal.Wanted == ""):
			t.Errorf("refusal %+v with a gap", refusal)
		}
	})
}
