package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/intentgate/intentgate/services/caller"
	"github.com/intentgate/intentgate/services/serve"
)

// TestCallerTokens has a service ask for the gateway's signature with each call, by the keys that the gateway prints and serves.
func TestCallerTokens(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	newKey := func(name string) {
		t.Helper()
		write(t, filepath.Join(dir, name), tokenKey(t))
	}
	newKey("one.key")
	newKey("two.key")
	tokens := func(keys string) edit {
		return edit{"routes:\n", "caller_tokens: {issuer: \"https://gateway.internal\", trust_domain: shop.internal, keys: " + keys + "}\nroutes:\n"}
	}
	tlsStatus := edit{`status: {listen: "127.0.0.1:0"}`, `status: {listen: "127.0.0.1:0", certificate: {cert: certs/edge.pem, key: certs/edge.key}}`}
	printed := func() []byte {
		t.Helper()
		var set bytes.Buffer
		if err := run(t.Context(), []string{"jwks", "--config", filepath.Join(dir, configFile)}, &set, io.Discard); err != nil {
			t.Fatal(err)
		}
		return set.Bytes()
	}
	configure(t, dir, tokens("[one.key, two.key]"), tlsStatus)
	jwks := filepath.Join(dir, "jwks.json")
	write(t, jwks, printed())
	asking := startService(t, dir, "127.0.0.1:0", func(c *serve.Config) {
		c.Tokens = &serve.Tokens{Keys: jwks, TrustDomain: "shop.internal", Issuer: "https://gateway.internal"}
		c.Methods = caller.Methods{"intentgate.v1.IntentService/*": {Asserted: &caller.Proofs{}}}
	})
	to := edit{"127.0.0.1:1\n", asking.addr + "\n"}
	configure(t, dir, tokens("[one.key, two.key]"), tlsStatus, to)
	g := serveFolder(t, dir)
	g.service = asking
	g.log.await(t, 1, entry{"msg": "Service reachable"})
	client := g.dialogflow(t)
	wantES(t, g.post(t, client, esPath, esTurn("signed")), "heard signed")

	served := func() answer {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.Status+"/.well-known/jwks.json", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		config := &tls.Config{RootCAs: keys(t).EdgeCA.Pool(), ServerName: "status.gate.test", MinVersion: tls.VersionTLS13}
		got, err := send(&http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}, request)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := served(); got.StatusCode != http.StatusOK || got.body != strings.TrimSpace(string(printed())) || strings.Contains(got.body, `"d":`) {
		t.Errorf("the status listener serves %d %s", got.StatusCode, got.body)
	}

	// The second key signs: the service has it already.
	configure(t, dir, tokens("[two.key, one.key]"), tlsStatus, to)
	g.log.await(t, 1, entry{"msg": "Configuration reloaded"})
	wantES(t, g.post(t, client, esPath, esTurn("by the second")), "heard by the second")

	// A key that no service has.
	write(t, filepath.Join(dir, "new.key"), tokenKey(t))
	if err := os.Rename(filepath.Join(dir, "new.key"), filepath.Join(dir, "two.key")); err != nil {
		t.Fatal(err)
	}
	g.log.await(t, 1, entry{"msg": "Files reloaded", "name": "caller_tokens.keys"})
	if got := g.post(t, client, esPath, esTurn("unknown")); got.StatusCode != http.StatusForbidden {
		t.Errorf("status %d by a key that the service does not know", got.StatusCode)
	}
	g.log.await(t, 1, entry{"msg": "Turn", "turn_id": "unknown", "service_code": "PermissionDenied", "service_reason": "TOKEN_KEY"})
}

// TestCallerTokensOfItsOwn: without keys the gateway makes one, and says so; over plain HTTP nobody gets it.
func TestCallerTokensOfItsOwn(t *testing.T) {
	t.Parallel()
	g := start(t, edit{"routes:\n", "caller_tokens: {issuer: x, trust_domain: shop.internal, per_turn: NEVER}\nroutes:\n"})
	g.log.await(t, 1, entry{"msg": "The key of callers' tokens is this process's own: other replicas have others, and services trust one"})
	wantES(t, g.post(t, g.dialogflow(t), esPath, esTurn("signed")), "heard signed") // the service asks for no tokens
	if got := get(t, g.Status+"/.well-known/jwks.json"); got.StatusCode != http.StatusNotFound {
		t.Errorf("keys over plain HTTP: %d %s", got.StatusCode, got.body)
	}
	for args, want := range map[string]string{g.dir + "/" + configFile: "at each start", "testdata/absent.yaml": "no such configuration"} {
		if err := run(t.Context(), []string{"jwks", "--config", args}, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
	configure(t, g.dir)
	if err := run(t.Context(), []string{"jwks", "--config", filepath.Join(g.dir, configFile)}, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "no caller_tokens") {
		t.Errorf("without caller_tokens: %v", err)
	}
}

// tokenKey is a new key that signs callers' tokens.
func tokenKey(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}
