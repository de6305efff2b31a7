package serve_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller"
	"github.com/intentgate/intentgate/services/caller/token"
	"github.com/intentgate/intentgate/services/mtls/mtlstest"
	"github.com/intentgate/intentgate/services/serve"
)

// signing is a key of the gateway's.
type signing struct {
	jwk     jose.JSONWebKey
	private *ecdsa.PrivateKey
}

func newSigning(t *testing.T) signing {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	jwk := jose.JSONWebKey{Key: &key.PublicKey, Use: "sig", Algorithm: "ES256"}
	thumbprint, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	jwk.KeyID = base64.RawURLEncoding.EncodeToString(thumbprint)
	return signing{jwk, key}
}

func (s signing) set(t *testing.T) []byte {
	t.Helper()
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{s.jwk}})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func (s signing) token(t *testing.T) string {
	t.Helper()
	return s.sign(t, claimsOf(gateway))
}

// claimsOf are those of a token for a workload's connection.
func claimsOf(workload string) token.Claims {
	return token.Claims{
		Issuer: "x", IssuedAt: time.Now().Unix(), Expires: time.Now().Unix() + 60, Audience: "shop.internal", Workload: workload,
		Target: intentgatev1.IntentService_ServiceDesc.ServiceName,
	}
}

// sign signs claims.
func (s signing) sign(t *testing.T, claims token.Claims) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: s.private, KeyID: s.jwk.KeyID}}, (&jose.SignerOptions{}).WithType(token.Type))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
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

// TestTokens asks for tokens over mutual TLS, by keys of a file and of a server.
func TestTokens(t *testing.T) {
	key := newSigning(t)
	file := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(file, key.set(t), 0o600); err != nil {
		t.Fatal(err)
	}
	ca := mtlstest.NewCA(t)
	certificate := ca.Issue(ca.Leaf("dns:localhost")).TLS()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(key.set(t)) }))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	defer server.Close()
	url := "https://localhost" + server.URL[strings.LastIndexByte(server.URL, ':'):]
	for name, tokens := range map[string]serve.Tokens{
		"a file": {Keys: file, TrustDomain: "shop.internal"},
		"a URL":  {Keys: url, CA: ca.Files("dns:any").CA, TrustDomain: "shop.internal"},
	} {
		t.Run(name, func(t *testing.T) {
			w := run(t, hello, func(c *serve.Config) { c.Tokens = &tokens })
			client := w.client(t, gateway)
			if _, err := client.Fulfill(asserted(t), &intentgatev1.FulfillRequest{}); status.Code(err) != codes.PermissionDenied {
				t.Errorf("without a token: %v", err)
			}
			if _, err := client.Fulfill(metadata.AppendToOutgoingContext(asserted(t), caller.MetadataToken, key.token(t)), &intentgatev1.FulfillRequest{}); err != nil {
				t.Errorf("with a token: %v", err)
			}
			if _, err := client.Fulfill(metadata.AppendToOutgoingContext(asserted(t), caller.MetadataToken, newSigning(t).token(t)), &intentgatev1.FulfillRequest{}); status.Code(err) != codes.PermissionDenied {
				t.Errorf("with a stranger's token: %v", err)
			}
			if err := doors["health"](t.Context(), w.dial(t, gateway)); err != nil {
				t.Errorf("health: %v", err)
			}
			if err := doors["reflection"](asserted(t), w.dial(t, gateway)); err != nil {
				t.Errorf("reflection, for an agent: %v", err)
			}
		})
	}
}

// TestPolicyOfMethods has a method for a peer alone, and refuses to start where it names what is not there.
func TestPolicyOfMethods(t *testing.T) {
	const fulfill = "intentgate.v1.IntentService/Fulfill"
	w := run(t, hello, func(c *serve.Config) { c.Methods = caller.Methods{fulfill: {Callers: []string{reports}}} })
	for peer, want := range map[string]codes.Code{reports: codes.OK, gateway: codes.PermissionDenied} {
		if err := doors["handler"](t.Context(), w.dial(t, peer)); status.Code(err) != want {
			t.Errorf("%s: %v, want %s", peer, err, want)
		}
		if err := doors["health stream"](t.Context(), w.dial(t, peer)); err != nil {
			t.Errorf("%s: health: %v", peer, err)
		}
	}
	for name, methods := range map[string]caller.Methods{
		"Fulfil":               {"intentgate.v1.IntentService/Fulfil": {}},
		"IntentServices":       {"intentgate.v1.IntentServices/*": {}},
		"dns:stranger":         {fulfill: {Callers: []string{stranger}}},
		"grpc.health.v1":       {"grpc.health.v1.Health/*": {}},
		"PASSWORD":             {fulfill: {Asserted: &caller.Proofs{Agent: []string{"PASSWORD"}}}},
		"one of [\"Fulfill\"]": {"intentgate.v1.IntentService/Ask": {}},
	} {
		config := serve.Config{
			Name: "orders", Listen: "127.0.0.1:0", TLS: w.files, Allowed: []string{reports}, Asserting: []string{gateway},
			Register: hello.register, Logger: slog.New(slog.DiscardHandler), Methods: methods,
		}
		if _, err := serve.New(t.Context(), config); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// TestTokenFlags reads the flags, and refuses what could not be.
func TestTokenFlags(t *testing.T) {
	ca := mtlstest.NewCA(t)
	files := ca.Files("dns:" + serverName)
	policy := filepath.Join(t.TempDir(), "policy.json")
	if err := os.WriteFile(policy, []byte(`{"methods": {"intentgate.v1.IntentService/Ask": {}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"Tokens.TrustDomain":  {"--jwks", "jwks.json"},
		"Tokens.Keys":         {"--trust-domain", "shop.internal"},
		"no-such-jwks.json":   {"--jwks", "no-such-jwks.json", "--trust-domain", "shop.internal"},
		"no-such-ca.pem":      {"--jwks", "https://gateway.internal/", "--jwks-ca", "no-such-ca.pem", "--trust-domain", "shop.internal"},
		"http://gateway":      {"--jwks", "http://gateway.internal/", "--trust-domain", "shop.internal"},
		"forwarder":           {"--forward", "dns:checkout.internal"},
		"no-such-policy.json": {"--policy", "no-such-policy.json"},
		"no such method":      {"--policy", policy},
	} {
		args = append([]string{"--cert", files.Cert, "--key", files.Key, "--ca", files.CA, "--assert", gateway, "--listen", "127.0.0.1:0"}, args...)
		err := serve.Run(t.Context(), args, io.Discard, io.Discard, serve.Config{Name: "orders", Register: hello.register})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one that says %s", args, err, want)
		}
	}
}
