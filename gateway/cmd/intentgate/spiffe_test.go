package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/doctor"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller"
	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/mtls/spiffe/spiffetest"
	"github.com/intentgate/intentgate/services/serve"
)

const (
	gatewayID = "spiffe://shop.internal/gateway"
	ordersID  = "spiffe://shop.internal/orders"
	fileTLS   = "    tls: {ca: certs/internal-ca.pem, cert: certs/gateway.pem, key: certs/gateway.key, server_name: orders.internal}\n"
)

// mesh is a trust domain with the gateway and a service in it, each with the Workload API of its own node.
type mesh struct {
	*spiffetest.Domain

	gateway, orders *spiffetest.API
	service         *service
	dir             string
}

// newMesh starts the service, which asks for tokens by the key in tokens.key.
func newMesh(t *testing.T) *mesh {
	t.Helper()
	m := &mesh{Domain: spiffetest.NewDomain(t, "shop.internal"), gateway: spiffetest.New(t), orders: spiffetest.New(t), dir: folder(t)}
	m.orders.Issue(m.SVID("/orders"), m.Domain)
	write(t, filepath.Join(m.dir, "tokens.key"), tokenKey(t))
	configure(t, m.dir, signing)
	var keys bytes.Buffer
	if err := run(t.Context(), []string{"jwks", "--config", filepath.Join(m.dir, configFile)}, &keys, io.Discard); err != nil {
		t.Fatal(err)
	}
	jwks := filepath.Join(m.dir, "jwks.json")
	write(t, jwks, keys.Bytes())
	m.service = startService(t, m.dir, "127.0.0.1:0", func(c *serve.Config) {
		c.TLS, c.WorkloadAPI, c.Asserting = mtls.Files{}, m.orders.Address, []string{"uri:" + gatewayID}
		c.Tokens = &serve.Tokens{Keys: jwks, TrustDomain: m.Name}
	})
	return m
}

var signing = edit{"routes:\n", "caller_tokens: {issuer: x, trust_domain: shop.internal, keys: [tokens.key]}\nroutes:\n"}

// tls has the gateway want a service of a SPIFFE ID.
func (m *mesh) tls(id string) edit {
	return edit{fileTLS, "    tls: {spiffe: {workload_api: \"" + m.gateway.Address + "\", server_id: \"" + id + "\"}}\n"}
}

func (m *mesh) to() edit { return edit{"127.0.0.1:1\n", m.service.addr + "\n"} }

// TestSPIFFE plays turns over a hop whose both ends have SVIDs, with tokens for them, and renews the gateway's while a call lasts.
func TestSPIFFE(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	first := m.SVID("/gateway")
	m.gateway.Issue(first, m.Domain)
	stores := edit{"caller_tokens:", "  - name: stores\n    target: 127.0.0.1:2\n" + m.tls("spiffe://shop.internal/stores").new + "caller_tokens:"}
	edits := []edit{m.tls(ordersID), m.to(), signing, stores}
	configure(t, m.dir, edits...)
	g := serveFolder(t, m.dir)
	reachable := entry{"msg": "Service reachable", "service": serviceName}
	g.log.await(t, 1, reachable)
	client := g.dialogflow(t)
	wantES(t, g.post(t, client, esPath, esTurn("one")), "heard one")
	got := m.service.one(t, "one")
	if peer := got.call.Peer; !slices.Equal(peer.SANs, []string{"uri:" + gatewayID}) || !peer.Certificate.Equal(first.Leaf) {
		t.Errorf("the service was called by %v", peer.SANs)
	}
	if workload := claim(t, got.metadata.Get(caller.MetadataToken)[0], "req_wl"); workload != "uri:"+gatewayID {
		t.Errorf("the token is for %v", workload)
	}
	if n := len(g.log.now(entry{"msg": "Service unreachable", "service": serviceName})); n > 0 {
		t.Errorf("a service was unreachable because the first SVID was waited for: %s", g.log)
	}
	if n := m.gateway.Streams(); n != 1 {
		t.Errorf("two services ask the Workload API by %d streams", n)
	}

	// A call that begins before the SVID is renewed, and ends after the new one is in use.
	begun, finish := make(chan struct{}), make(chan struct{})
	m.service.answers(func(_ context.Context, request *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
		if request.GetTurn().GetId() == "long" {
			close(begun)
			<-finish
		}
		return says("heard " + request.GetTurn().GetId()), nil
	})
	long := make(chan answer, 1)
	go func() { long <- g.post(t, client, esPath, esTurn("long")) }()
	<-begun
	second := m.SVID("/gateway")
	m.gateway.Issue(second, m.Domain)
	g.log.await(t, 2, reachable)
	wantES(t, g.post(t, client, esPath, esTurn("renewed")), "heard renewed")
	if peer := m.service.one(t, "renewed").call.Peer; !peer.Certificate.Equal(second.Leaf) {
		t.Error("a new call does not show the new SVID")
	}
	close(finish)
	wantES(t, <-long, "heard long")

	// Another configuration asks by the stream that there is.
	configure(t, m.dir, append(edits, edit{"drain_delay: 0s", "drain_delay: 1ms"})...)
	g.log.await(t, 1, entry{"msg": "Configuration reloaded"})
	wantES(t, g.post(t, client, esPath, esTurn("reloaded")), "heard reloaded")
	if issued := g.log.now(entry{"msg": "SVID issued"}); len(issued) != 2 || m.gateway.Streams() != 1 {
		t.Errorf("%d SVIDs over %d streams: %v", len(issued), m.gateway.Streams(), issued)
	}

	// Without the Workload API turns go on, and operators see it.
	m.gateway.Stop()
	g.log.await(t, 1, entry{"msg": "Workload API gives no SVID", "level": "WARN"})
	wantES(t, g.post(t, client, esPath, esTurn("alone")), "heard alone")
	g.eventually(t, "/readyz", `"bad_files":[{"name":"services.shop-orders"`)
	g.eventually(t, "/readyz", `{"kind":"svid","name":"shop-orders","not_after":"`+second.Leaf.NotAfter.UTC().Format(time.RFC3339)+`"}`)
	g.eventually(t, "/metrics", `intentgate_files_good{name="services.shop-orders"} 0`)
	g.eventually(t, "/metrics", `intentgate_certificate_not_after_timestamp_seconds{kind="svid",name="shop-orders"} `)
	m.gateway.Start()
	g.log.await(t, 1, entry{"msg": "Workload API answers again"})
	g.eventually(t, "/metrics", `intentgate_files_good{name="services.shop-orders"} 1`)
}

// TestSPIFFEAway starts a gateway before its Workload API, with a service that it requires.
func TestSPIFFEAway(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	m.gateway.Stop()
	configure(t, m.dir, m.tls(ordersID), m.to(), signing)
	g := serveFolder(t, m.dir)
	client := g.dialogflow(t)
	g.log.await(t, 1, entry{"msg": "Workload API gives no SVID"})
	line := g.log.await(t, 1, entry{"msg": "Service unreachable"})[0]
	if reason := line.text("reason"); !strings.Contains(reason, "no certificate has been issued: the Workload API at "+m.gateway.Address) {
		t.Errorf("the log says %q", reason)
	}
	if got := g.post(t, client, esPath, esTurn("early")); got.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a turn got %d %s", got.StatusCode, got.body)
	}
	g.log.await(t, 1, entry{"msg": "Turn", "reason": "unavailable"})
	if got := g.eventually(t, "/readyz", "is it running, and may this process open its socket?"); got.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("the gateway is ready, though its service is required: %s", got.body)
	}
	g.eventually(t, "/metrics", `intentgate_files_good{name="services.shop-orders"} 0`)

	m.gateway.Issue(m.SVID("/gateway"), m.Domain)
	m.gateway.Start()
	g.log.await(t, 1, entry{"msg": "Service reachable"})
	wantES(t, g.post(t, client, esPath, esTurn("late")), "heard late")
	if got := get(t, g.Status+"/readyz"); got.StatusCode != http.StatusOK {
		t.Errorf("not ready: %s", got.body)
	}
}

// TestSPIFFECheck has the check tell what is wrong with SPIFFE before anything serves.
func TestSPIFFECheck(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	other := spiffetest.NewDomain(t, "shop.internal")
	for name, c := range map[string]struct {
		issue func()
		id    string
		wrong string // what failed
		saw   string
	}{
		"good":                    {func() { m.gateway.Issue(m.SVID("/gateway"), m.Domain) }, ordersID, "", ""},
		"another service":         {func() { m.gateway.Issue(m.SVID("/gateway"), m.Domain) }, "spiffe://shop.internal/stores", "server_name", "uri:" + ordersID},
		"another domain's bundle": {func() { m.gateway.Issue(m.SVID("/gateway"), other) }, ordersID, "server_chain", "unknown authority"},
		"another gateway":         {func() { m.gateway.Issue(m.SVID("/crm"), m.Domain) }, ordersID, "allowed", "uri:spiffe://shop.internal/crm"},
		"no identity":             {m.gateway.Deny, ordersID, "workload_api", "register an identity for this process"},
	} {
		t.Run(name, func(t *testing.T) {
			c.issue()
			configure(t, m.dir, m.tls(c.id), m.to())
			report := checked(t, m.dir)
			failed := slices.DeleteFunc(slices.Clone(report), func(f doctor.Finding) bool { return f.Verdict != doctor.Failed })
			switch {
			case c.wrong == "" && len(failed) > 0:
				t.Errorf("failed: %+v", failed)
			case c.wrong == "" && !slices.Contains(about(report, doctor.OK), "service shop-orders: workload_api"):
				t.Errorf("nothing of the Workload API in %+v", report)
			case c.wrong == "":
			case len(failed) == 0 || failed[0].Check != c.wrong || !strings.Contains(failed[0].Saw, c.saw):
				t.Errorf("failed: %+v, want %s with %q", failed, c.wrong, c.saw)
			}
		})
	}
}

// eventually gets a page of the status listener until it holds a text.
func (g *gate) eventually(t *testing.T, path, text string) answer {
	t.Helper()
	late := time.Now().Add(patience)
	for {
		got := get(t, g.Status+path)
		if strings.Contains(got.body, text) {
			return got
		}
		if time.Now().After(late) {
			t.Fatalf("%s does not say %s:\n%s", path, text, got.body)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// claim reads a claim of a token that somebody else verifies.
func claim(t *testing.T, token, name string) any {
	t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return claims[name]
}
