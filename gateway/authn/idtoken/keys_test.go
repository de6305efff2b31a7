package idtoken_test

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/idtoken"
)

// endpoint serves keys over TLS as its handler of the moment says.
type endpoint struct {
	*httptest.Server
	handler atomic.Pointer[http.HandlerFunc]
	asked   atomic.Int32
}

func newEndpoint(t *testing.T, handler http.HandlerFunc) *endpoint {
	t.Helper()
	e := &endpoint{}
	e.handler.Store(&handler)
	e.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.asked.Add(1)
		(*e.handler.Load())(w, r)
	}))
	t.Cleanup(e.Close)
	return e
}

func (e *endpoint) roots() *x509.CertPool {
	return e.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs //nolint:errcheck // httptest's own
}

func (e *endpoint) keys(t *testing.T, now func() time.Time) *idtoken.Keys {
	t.Helper()
	keys, err := idtoken.NewKeys(idtoken.KeysConfig{
		URL:     e.URL,
		RootCAs: e.roots,
		Logger:  quiet(), Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func serve(document []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=7200, must-revalidate")
		_, _ = w.Write(document)
	}
}

func newVerifier(t *testing.T, keys *idtoken.Keys, now func() time.Time) *idtoken.Verifier {
	t.Helper()
	v, err := idtoken.New(idtoken.Config{Keys: keys, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestFirstTokenFetchesTheKeys(t *testing.T) {
	clock := &clock{now: start}
	google := newEndpoint(t, serve(document(t, jwk(signing(), keyID))))
	keys := google.keys(t, clock.Now)
	v := newVerifier(t, keys, clock.Now)
	if status := keys.Status(); status.Keys != 0 || status.Source != google.URL || !status.Fetched.IsZero() {
		t.Errorf("at first: %+v", status)
	}

	bad := claims(t)
	bad["aud"] = "https://other.example/"
	if _, refusal := v.Verify(t.Context(), bearer(token(t, bad)), rules()); refusal == nil || refusal.Reason != idtoken.Audience {
		t.Errorf("refused with %v", refusal)
	}
	if google.asked.Load() != 0 {
		t.Fatal("a token that would not do has caused a fetch")
	}

	raw := token(t, claims(t))
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if _, refusal := v.Verify(t.Context(), bearer(raw), rules()); refusal != nil {
				t.Error(refusal)
			}
		})
	}
	all.Wait()
	if n := google.asked.Load(); n != 1 {
		t.Errorf("%d fetches, want 1", n)
	}
	want := idtoken.Status{Source: google.URL, Keys: 1, Fetched: start, Expires: start.Add(2 * time.Hour)}
	if status := keys.Status(); status != want {
		t.Errorf("got %+v, want %+v", status, want)
	}
}

func TestUnknownKeyIsFetchedOnceAMinute(t *testing.T) {
	clock := &clock{now: start}
	google := newEndpoint(t, serve(document(t, jwk(strangers(), "old"))))
	v := newVerifier(t, google.keys(t, clock.Now), clock.Now)
	raw := token(t, claims(t))
	verify := func(want authn.Reason, asked int32) {
		t.Helper()
		got, refusal := v.Verify(t.Context(), bearer(raw), rules())
		check(t, got, refusal, want, raw)
		if n := google.asked.Load(); n != asked {
			t.Fatalf("%d fetches, want %d", n, asked)
		}
	}
	verify(idtoken.UnknownKey, 1)
	handler := serve(document(t, jwk(signing(), keyID), jwk(strangers(), "old")))
	google.handler.Store(&handler)
	clock.Move(59 * time.Second)
	verify(idtoken.UnknownKey, 1)
	clock.Move(time.Second)
	verify("", 2)
	verify("", 2)

	payload, err := json.Marshal(claims(t))
	if err != nil {
		t.Fatal(err)
	}
	raw = sign(t, jose.RS256, strangers(), map[jose.HeaderKey]any{"kid": "made up"}, payload)
	verify(idtoken.UnknownKey, 2)
	clock.Move(time.Minute)
	verify(idtoken.UnknownKey, 3)
	verify(idtoken.UnknownKey, 3)
}

// Whatever is wrong with an endpoint: the keys that are there stay, for a day after they should have been renewed.
func TestBadEndpointKeepsTheKeys(t *testing.T) {
	other := newEndpoint(t, serve(document(t, jwk(strangers(), keyID))))
	good := document(t, jwk(signing(), keyID))
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		says    string
	}{
		{"500", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) }, "500"},
		{"no content", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, "204"},
		{"redirect to another host", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) }, "302"},
		{"redirect to the same host", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/other", http.StatusMovedPermanently)
		}, "301"},
		{"redirect without TLS", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, strings.Replace(other.URL, "https", "http", 1), http.StatusTemporaryRedirect)
		}, "307"},
		{"huge", serve(append(bytes.Repeat([]byte(" "), 1<<20), good...)), "more than 1048576 bytes"},
		{"cut off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000")
			_, _ = w.Write(good)
		}, "unexpected EOF"},
		{"empty", serve(nil), "no JWK set"},
		{"HTML", serve([]byte("<html>")), "no JWK set"},
		{"a list", serve([]byte("[]")), "no JWK set"},
		{"two lists of keys", serve([]byte(`{"keys":[],"keys":[]}`)), "no JWK set"},
		{"no keys", serve([]byte(`{"keys":[]}`)), "no usable key among 0"},
		{"two keys of one ID", serve(document(t, jwk(signing(), keyID), jwk(strangers(), keyID))), `two keys with the kid "the-key"`},
		{"certificates, as at another URL of Google's", serve([]byte(`{"the-key":"-----BEGIN CERTIFICATE-----"}`)), "no usable key among 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			clock := &clock{now: start}
			google := newEndpoint(t, serve(good))
			keys := google.keys(t, clock.Now)
			v := newVerifier(t, keys, clock.Now)
			if _, err := keys.Reload(t.Context()); err != nil {
				t.Fatal(err)
			}
			google.handler.Store(&c.handler)
			clock.Move(2*time.Hour + 24*time.Hour)
			if _, err := keys.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got error %v, want one with %q", err, c.says)
			}
			status := keys.Status()
			if status.Err == nil || status.Keys != 1 || !status.Fetched.Equal(start) {
				t.Errorf("got %+v", status)
			}
			claims := claims(t)
			claims["iat"], claims["exp"] = clock.Now().Unix(), clock.Now().Add(time.Hour).Unix()
			raw := token(t, claims)
			got, refusal := v.Verify(t.Context(), bearer(raw), rules())
			check(t, got, refusal, "", raw)

			clock.Move(time.Second)
			for range 3 {
				got, refusal = v.Verify(t.Context(), bearer(raw), rules())
				check(t, got, refusal, idtoken.KeysUnavailable, raw)
			}
			if status := keys.Status(); status.Keys != 0 || status.Err == nil {
				t.Errorf("got %+v", status)
			}
			handler := serve(good)
			google.handler.Store(&handler)
			clock.Move(5 * time.Second)
			got, refusal = v.Verify(t.Context(), bearer(raw), rules())
			check(t, got, refusal, "", raw)
		})
	}
	if other.asked.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

func TestEndpointThatIsNotWhoItShouldBe(t *testing.T) {
	google := newEndpoint(t, serve(document(t, jwk(signing(), keyID))))
	var roots *x509.CertPool
	keys, err := idtoken.NewKeys(idtoken.KeysConfig{
		URL: google.URL, RootCAs: func() *x509.CertPool { return roots }, Logger: quiet(), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("got %v", err)
	}
	if google.asked.Load() != 0 {
		t.Error("asked all the same")
	}
	roots = google.roots() // the file of its authorities was corrected
	if _, err := keys.Reload(t.Context()); err != nil {
		t.Error(err)
	}
}

// A caller waits no longer than it may; the fetch goes on for the others.
func TestSlowEndpoint(t *testing.T) {
	clock := &clock{now: start}
	arrived, answer := make(chan struct{}), make(chan struct{})
	good := serve(document(t, jwk(signing(), keyID)))
	google := newEndpoint(t, func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-answer
		good(w, r)
	})
	v := newVerifier(t, google.keys(t, clock.Now), clock.Now)
	raw := token(t, claims(t))

	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	got, refusal := v.Verify(ctx, bearer(raw), rules())
	check(t, got, refusal, idtoken.KeysUnavailable, raw)
	close(answer)
	got, refusal = v.Verify(t.Context(), bearer(raw), rules())
	check(t, got, refusal, "", raw)
	if n := google.asked.Load(); n != 1 {
		t.Errorf("%d fetches", n)
	}
}

func TestKeysThatCannotBeUsed(t *testing.T) {
	good := jwk(signing(), keyID)
	with := func(key *rsa.PrivateKey, change func(*jose.JSONWebKey)) jose.JSONWebKey {
		jwk := jwk(key, keyID)
		change(&jwk)
		return jwk
	}
	for _, c := range []struct {
		name string
		key  jose.JSONWebKey
		ok   bool
	}{
		{"good", good, true},
		{"4096 bits", jwk(odd(t, 4096), keyID), true},
		{"neither use nor alg", with(signing(), func(k *jose.JSONWebKey) { k.Use, k.Algorithm = "", "" }), true},
		{"1024 bits", jwk(odd(t, 1024), keyID), false},
		{"2047 bits", jwk(odd(t, 2047), keyID), false},
		{"4097 bits", jwk(odd(t, 4097), keyID), false},
		{"for encryption", with(signing(), func(k *jose.JSONWebKey) { k.Use = "enc" }), false},
		{"for another algorithm", with(signing(), func(k *jose.JSONWebKey) { k.Algorithm = "RS512" }), false},
		{"without a name", with(signing(), func(k *jose.JSONWebKey) { k.KeyID = "" }), false},
		{"private", with(signing(), func(k *jose.JSONWebKey) { k.Key = signing() }), false},
		{"a secret", jose.JSONWebKey{Key: []byte("secret"), KeyID: keyID}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "jwks.json")
			write(t, file, document(t, c.key))
			_, err := idtoken.NewKeys(idtoken.KeysConfig{File: file, Logger: quiet(), Now: time.Now})
			if (err == nil) != c.ok {
				t.Fatalf("alone: %v", err)
			}
			if c.ok {
				return
			}
			// Beside a good key it is passed over, of whatever name.
			write(t, file, document(t, c.key, good))
			keys, err := idtoken.NewKeys(idtoken.KeysConfig{File: file, Logger: quiet(), Now: time.Now})
			if err != nil || keys.Status().Keys != 1 {
				t.Errorf("beside a good one: %v", err)
			}
		})
	}
	t.Run("the same twice", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "jwks.json")
		write(t, file, document(t, good, good))
		if _, err := idtoken.NewKeys(idtoken.KeysConfig{File: file, Logger: quiet(), Now: time.Now}); err != nil {
			t.Error(err)
		}
	})
	t.Run("two of one name", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "jwks.json")
		write(t, file, document(t, good, jwk(strangers(), keyID)))
		if _, err := idtoken.NewKeys(idtoken.KeysConfig{File: file, Logger: quiet(), Now: time.Now}); err == nil || !strings.Contains(err.Error(), keyID) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("of a kind that nobody knows", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "jwks.json")
		write(t, file, bytes.Replace(document(t, good), []byte(`"keys":[`), []byte(`"keys":[{"kty":"new","kid":"x"},7,`), 1))
		if _, err := idtoken.NewKeys(idtoken.KeysConfig{File: file, Logger: quiet(), Now: time.Now}); err != nil {
			t.Error(err)
		}
	})
}

// odd has the size of a key and is none: the size is judged before anything else.
func odd(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()
	key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: big.NewInt(1), E: 65537}}
	key.N.Lsh(key.N, uint(bits-1)).SetBit(key.N, 0, 1)
	if key.N.BitLen() != bits {
		t.Fatalf("%d bits, want %d", key.N.BitLen(), bits)
	}
	return key
}

func TestKeysFromAFile(t *testing.T) {
	clock := &clock{now: start}
	v, keys, file := verifier(t, clock.Now)
	raw := token(t, claims(t))
	write(t, file, []byte("{"))
	if changed, err := keys.Reload(t.Context()); changed || err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a broken file: changed %t, %v; want an error that names it", changed, err)
	}
	if status := keys.Status(); status.Err == nil || status.Failures != 1 || status.Keys != 1 {
		t.Errorf("status %+v, want one key and one failure", status)
	}
	got, refusal := v.Verify(t.Context(), bearer(raw), rules())
	check(t, got, refusal, "", raw)

	for _, changed := range []bool{true, false} {
		write(t, file, document(t, jwk(signing(), "another")))
		if got, err := keys.Reload(t.Context()); got != changed || err != nil {
			t.Errorf("another key: changed %t, %v; want %t", got, err, changed)
		}
	}

	gone := filepath.Join(t.TempDir(), "gone.json")
	if _, err := idtoken.NewKeys(idtoken.KeysConfig{File: gone, Logger: quiet(), Now: clock.Now}); err == nil || !strings.Contains(err.Error(), gone) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestNewKeysRefusesGaps(t *testing.T) {
	for name, config := range map[string]idtoken.KeysConfig{
		"nothing":       {Logger: quiet(), Now: time.Now},
		"both":          {URL: idtoken.GoogleKeys, File: "jwks.json", Logger: quiet(), Now: time.Now},
		"no logger":     {URL: idtoken.GoogleKeys, Now: time.Now},
		"no clock":      {URL: idtoken.GoogleKeys, Logger: quiet()},
		"plaintext":     {URL: "http://www.googleapis.com/oauth2/v3/certs", Logger: quiet(), Now: time.Now},
		"a user":        {URL: "https://user@www.googleapis.com/oauth2/v3/certs", Logger: quiet(), Now: time.Now},
		"no host":       {URL: "https:///certs", Logger: quiet(), Now: time.Now},
		"another thing": {URL: "file:///jwks.json", Logger: quiet(), Now: time.Now},
	} {
		if _, err := idtoken.NewKeys(config); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := idtoken.NewKeys(idtoken.KeysConfig{URL: idtoken.GoogleKeys, Logger: quiet(), Now: time.Now}); err != nil {
		t.Error(err)
	}
}

func TestLifeOfKeys(t *testing.T) {
	var header http.Header
	google := newEndpoint(t, nil)
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for name, values := range header {
			w.Header()[name] = values
		}
		_, _ = io.Copy(w, bytes.NewReader(document(t, jwk(signing(), keyID))))
	})
	google.handler.Store(&handler)
	keys := google.keys(t, func() time.Time { return start })
	for _, c := range []struct {
		control []string
		age     string
		want    time.Duration
	}{
		{nil, "", time.Hour},
		{[]string{"public, max-age=20000, must-revalidate"}, "", 20000 * time.Second},
		{[]string{"public, max-age=20000"}, "5000", 15000 * time.Second},
		{[]string{"public", "Max-Age=\"7200\""}, "", 2 * time.Hour},
		{[]string{"max-age=0"}, "", time.Minute},
		{[]string{"max-age=100"}, "4000", time.Minute},
		{[]string{"max-age=2000000000"}, "", 24 * time.Hour},
		{[]string{"max-age=99999999999999999999"}, "", time.Hour},
		{[]string{"max-age=-1"}, "", time.Hour},
		{[]string{"max-age"}, "", time.Hour},
		{[]string{"max-age=7200"}, "-5000", 2 * time.Hour},
		{[]string{"s-maxage=5"}, "", time.Hour},
	} {
		header = http.Header{"Cache-Control": c.control}
		if c.age != "" {
			header.Set("Age", c.age)
		}
		if _, err := keys.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := keys.Status().Expires.Sub(start); got != c.want {
			t.Errorf("%q after %q s: %v, want %v", c.control, c.age, got, c.want)
		}
	}
}
