package callertoken_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/callertoken"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller/token"
)

var start = time.Unix(1_795_000_000, 0)

// keyFile writes a new key.
func keyFile(t *testing.T, path string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func newSigner(tb testing.TB, now func() time.Time, per callertoken.PerTurn, files ...string) *callertoken.Signer {
	tb.Helper()
	s, err := callertoken.New(callertoken.Config{
		Issuer: "https://gateway.internal", TrustDomain: "shop.internal", Keys: files, Reuse: time.Minute, Longest: 5 * time.Second, PerTurn: per, Now: now,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func call(proof intentgatev1.Caller_Proof) *callertoken.Call {
	return &callertoken.Call{
		Caller: &intentgatev1.Caller{
			Platform: intentgatev1.Platform_PLATFORM_ES, ProjectNumber: &intentgatev1.Caller_Value{Value: "7", Proof: proof},
		},
		CallerBin: "caller 7", Ref: &intentgatev1.CallRef{Session: "a session", RequestId: "1.x"},
		Workload: "dns:gateway.internal", Method: "/shop.orders.v1.OrderService/TrackOrder",
	}
}

// verify reads a token as a service does that has these keys.
func verify(t *testing.T, jwks []byte, raw string, now time.Time) (*token.Claims, *token.Refusal) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(file, jwks, 0o600); err != nil {
		t.Fatal(err)
	}
	clock := func() time.Time { return now }
	keys, err := token.NewKeys(token.KeysConfig{Source: file, Logger: slog.New(slog.DiscardHandler), Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	v, err := token.NewVerifier(token.Config{Keys: keys, TrustDomain: "shop.internal", Issuer: "https://gateway.internal", Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	return v.Verify(t.Context(), raw)
}

func mustToken(tb testing.TB, s *callertoken.Signer, c *callertoken.Call) string {
	tb.Helper()
	raw, err := s.Token(c)
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

func TestClaims(t *testing.T) {
	now := func() time.Time { return start }
	for name, row := range map[string]struct {
		per   callertoken.PerTurn
		proof intentgatev1.Caller_Proof
		id    string // of the project, proven
		again bool   // the method is idempotent
		sub   string
		bound bool
	}{
		"a method with side effects":   {callertoken.SideEffects, intentgatev1.Caller_PROOF_ID_TOKEN, "", false, "projects/7", true},
		"one that may be called again": {callertoken.SideEffects, intentgatev1.Caller_PROOF_SECRET, "", true, "projects/7", false},
		"always":                       {callertoken.Always, intentgatev1.Caller_PROOF_CERTIFICATE, "", true, "projects/7", true},
		"never":                        {callertoken.Never, intentgatev1.Caller_PROOF_ID_TOKEN, "", false, "projects/7", false},
		"a project that is stated":     {callertoken.Always, intentgatev1.Caller_PROOF_STATED, "", false, "", true},
		"a project by its ID":          {callertoken.Always, 0, "shop", false, "projects/shop", true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSigner(t, now, row.per)
			c := call(row.proof)
			c.Idempotent = row.again
			if row.id != "" {
				c.Caller.ProjectNumber, c.Caller.ProjectId = nil, &intentgatev1.Caller_Value{Value: row.id, Proof: intentgatev1.Caller_PROOF_ID_TOKEN}
			}
			got, refusal := verify(t, s.JWKS(), mustToken(t, s, c), start)
			if refusal != nil {
				t.Fatalf("a service refuses it: %+v", refusal)
			}
			want := token.Claims{
				Issuer: "https://gateway.internal", IssuedAt: start.Unix(), Expires: start.Unix() + 60 + 5 + 30, ID: got.ID, Audience: "shop.internal",
				Subject: row.sub, Workload: "dns:gateway.internal", Target: "shop.orders.v1.OrderService",
			}
			if row.bound {
				want.RequestID, want.Session, want.CallerHash = "1.x", "a session", token.HashCaller("caller 7")
			}
			if *got != want || len(got.ID) != 22 {
				t.Errorf("claims %+v, want %+v", *got, want)
			}
		})
	}
}

// TestHeader: a token says alg, typ and kid, and nothing else.
func TestHeader(t *testing.T) {
	s := newSigner(t, time.Now, callertoken.Always)
	first, _, _ := strings.Cut(mustToken(t, s, call(0)), ".")
	text, err := base64.RawURLEncoding.DecodeString(first)
	if err != nil {
		t.Fatal(err)
	}
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal(s.JWKS(), &set); err != nil || len(set.Keys) != 1 || set.Keys[0]["d"] != "" {
		t.Fatalf("keys %s, %v; want one, and nothing private", s.JWKS(), err)
	}
	var header map[string]string
	want := map[string]string{"alg": "ES256", "typ": "txntoken+jwt", "kid": set.Keys[0]["kid"]}
	if err := json.Unmarshal(text, &header); err != nil || !maps.Equal(header, want) {
		t.Errorf("header %s, want %v", text, want)
	}
}

func TestReuse(t *testing.T) {
	now := start
	s := newSigner(t, func() time.Time { return now }, callertoken.Never)
	made := map[string]string{}
	for name, change := range map[string]func(*callertoken.Call){
		"one":             func(*callertoken.Call) {},
		"another project": func(c *callertoken.Call) { c.Caller.ProjectNumber.Value = "8" },
		"no project":      func(c *callertoken.Call) { c.Caller.ProjectNumber.Proof = intentgatev1.Caller_PROOF_STATED },
		"another service": func(c *callertoken.Call) { c.Method = "/shop.faq.v1.FaqService/Ask" },
		"another name":    func(c *callertoken.Call) { c.Workload = "dns:other.internal" },
	} {
		c := call(intentgatev1.Caller_PROOF_ID_TOKEN)
		change(c)
		raw := mustToken(t, s, c)
		for other, its := range made {
			if its == raw {
				t.Errorf("%s has the token of %s", name, other)
			}
		}
		made[name] = raw
	}
	one := call(intentgatev1.Caller_PROOF_ID_TOKEN)
	one.Method, one.Ref = "/shop.orders.v1.OrderService/CancelOrder", &intentgatev1.CallRef{RequestId: "1.y"}
	now = start.Add(59 * time.Second)
	if mustToken(t, s, one) != made["one"] {
		t.Error("within a minute a token was made anew")
	}
	now = start.Add(60 * time.Second)
	if mustToken(t, s, one) == made["one"] {
		t.Error("a token was used for longer than a minute")
	}
}

// TestRotation plays what an operator does: a key is published before it signs, and no token is refused on the way.
func TestRotation(t *testing.T) {
	folder := t.TempDir()
	first, second := filepath.Join(folder, "first.key"), filepath.Join(folder, "second.key")
	keyFile(t, first)
	now := func() time.Time { return start }
	s := newSigner(t, now, callertoken.Never, first)
	known := s.JWKS()
	c := call(intentgatev1.Caller_PROOF_ID_TOKEN)
	before := mustToken(t, s, c)
	if changed, err := s.Reload(); changed || err != nil {
		t.Errorf("the same file is another one: %t, %v", changed, err)
	}

	keyFile(t, second)
	s = newSigner(t, now, callertoken.Never, first, second)
	if _, refusal := verify(t, known, mustToken(t, s, c), start); refusal != nil {
		t.Errorf("a service that has the old keys refuses: %+v", refusal)
	}
	known = s.JWKS()
	s = newSigner(t, now, callertoken.Never, second, first)
	for _, raw := range []string{before, mustToken(t, s, c)} {
		if _, refusal := verify(t, known, raw, start); refusal != nil {
			t.Errorf("a service that has both keys refuses: %+v", refusal)
		}
	}

	raw := mustToken(t, s, c)
	keyFile(t, second)
	if changed, err := s.Reload(); !changed || err != nil {
		t.Errorf("another key is none: %t, %v", changed, err)
	}
	if mustToken(t, s, c) == raw {
		t.Error("a token of the key that is gone is still used")
	}
	if err := os.WriteFile(second, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	kept := s.JWKS()
	if _, err := s.Reload(); err == nil || string(s.JWKS()) != string(kept) {
		t.Errorf("a bad file: %v", err)
	}
}

// TestMadeKey: a key that was made is kept as long as the process lives, whatever its configuration.
func TestMadeKey(t *testing.T) {
	first := newSigner(t, time.Now, callertoken.Never)
	second, err := callertoken.New(callertoken.Config{Issuer: "other", TrustDomain: "x", Reuse: 1, Longest: 1, Before: first, Now: time.Now})
	if err != nil || string(second.JWKS()) != string(first.JWKS()) {
		t.Errorf("another key, %v", err)
	}
	file := filepath.Join(t.TempDir(), "key.pem")
	keyFile(t, file)
	third, err := callertoken.New(callertoken.Config{Issuer: "x", TrustDomain: "x", Reuse: 1, Longest: 1, Before: second, Now: time.Now, Keys: []string{file}})
	if err != nil || second.Before != nil || third.Before != nil {
		t.Errorf("signers of earlier configurations are kept for ever, %v", err)
	}
	if other := newSigner(t, time.Now, callertoken.Never); string(other.JWKS()) == string(first.JWKS()) {
		t.Error("two processes made the same key")
	}
}

func TestKeyFiles(t *testing.T) {
	folder := t.TempDir()
	write := func(name, kind string, der []byte, err error) {
		t.Helper()
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	write("good", "EC PRIVATE KEY", der, err)
	write("encrypted", "ENCRYPTED PRIVATE KEY", der, nil)
	write("garbage", "PRIVATE KEY", []byte("x"), nil)
	large, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err = x509.MarshalECPrivateKey(large)
	write("another curve", "EC PRIVATE KEY", der, err)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err = x509.MarshalPKCS8PrivateKey(other)
	write("another kind", "PRIVATE KEY", der, err)
	for name, good := range map[string]bool{"good": true, "encrypted": false, "garbage": false, "another curve": false, "another kind": false, "absent": false} {
		if _, err := callertoken.ReadKey(filepath.Join(folder, name)); (err == nil) != good {
			t.Errorf("%s: %v", name, err)
		}
	}
	good := filepath.Join(folder, "good")
	if _, err := callertoken.New(callertoken.Config{Issuer: "x", TrustDomain: "x", Reuse: 1, Longest: 1, Now: time.Now, Keys: []string{good, good}}); err == nil {
		t.Error("the same key twice")
	}
}

func TestTooLong(t *testing.T) {
	c := call(0)
	c.Ref.Session = strings.Repeat("x", 4096)
	if _, err := newSigner(t, time.Now, callertoken.Always).Token(c); err != callertoken.ErrTooLong { //nolint:errorlint // it is the very error
		t.Errorf("error %v", err)
	}
}

func BenchmarkToken(b *testing.B) {
	for name, per := range map[string]callertoken.PerTurn{"per turn": callertoken.Always, "reused": callertoken.Never} {
		b.Run(name, func(b *testing.B) {
			s, c := newSigner(b, time.Now, per), call(intentgatev1.Caller_PROOF_ID_TOKEN)
			b.ReportAllocs()
			for b.Loop() {
				mustToken(b, s, c)
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	s, c := newSigner(b, time.Now, callertoken.Always), call(intentgatev1.Caller_PROOF_ID_TOKEN)
	file := filepath.Join(b.TempDir(), "jwks.json")
	if err := os.WriteFile(file, s.JWKS(), 0o600); err != nil {
		b.Fatal(err)
	}
	keys, err := token.NewKeys(token.KeysConfig{Source: file, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	v, err := token.NewVerifier(token.Config{Keys: keys, TrustDomain: "shop.internal", Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	var raws []string
	for range 2000 {
		raws = append(raws, mustToken(b, s, c))
	}
	verify := func(b *testing.B, raw string) {
		b.Helper()
		if _, refusal := v.Verify(b.Context(), raw); refusal != nil {
			b.Fatal(refusal.Saw)
		}
	}
	b.Run("remembered", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			verify(b, raws[0])
		}
	})
	b.Run("new", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			if i++; i == len(raws) {
				b.StopTimer()
				if v, err = token.NewVerifier(v.Config); err != nil {
					b.Fatal(err)
				}
				i = 0
				b.StartTimer()
			}
			verify(b, raws[i])
		}
	})
}
