package serve_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller"
	"github.com/intentgate/intentgate/services/caller/token"
	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/mtls/devca"
	"github.com/intentgate/intentgate/services/mtls/spiffe"
	"github.com/intentgate/intentgate/services/mtls/spiffe/spiffetest"
	"github.com/intentgate/intentgate/services/serve"
)

const ordersID = "spiffe://shop.internal/orders"

// issued has the server be issued its identity.
func issued(api *spiffetest.API) func(*serve.Config) {
	return func(c *serve.Config) {
		c.TLS, c.WorkloadAPI = mtls.Files{}, api.Address
		c.Asserting, c.Allowed = []string{"uri:spiffe://shop.internal/gateway"}, []string{"uri:spiffe://partner.example/crm"}
	}
}

// workload returns a client that a Workload API of its own has issued an identity.
func workload(t *testing.T, w *world, svid *devca.Certificate, of *spiffetest.Domain, federated ...*spiffetest.Domain) intentgatev1.IntentServiceClient {
	t.Helper()
	return intentgatev1.NewIntentServiceClient(dialWorkload(t, w, svid, of, federated...))
}

func dialWorkload(t *testing.T, w *world, svid *devca.Certificate, of *spiffetest.Domain, federated ...*spiffetest.Domain) *grpc.ClientConn {
	t.Helper()
	api := spiffetest.New(t)
	api.Issue(svid, of, federated...)
	source, err := spiffe.Open(api.Address, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(source.Close)
	identity, err := source.Identity(mtls.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient(w.Addr().String(), grpc.WithTransportCredentials(identity.ClientCredentials(ordersID)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// TestWorkloadAPI serves by SVIDs: who may call stands in the lists by SPIFFE ID.
func TestWorkloadAPI(t *testing.T) {
	shop, partner, stranger := spiffetest.NewDomain(t, "shop.internal"), spiffetest.NewDomain(t, "partner.example"), spiffetest.NewDomain(t, "stranger.example")
	api := spiffetest.New(t)
	api.Issue(shop.SVID("/orders"), shop, partner)
	key := newSigning(t)
	file := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(file, key.set(t), 0o600); err != nil {
		t.Fatal(err)
	}
	w := run(t, hello, issued(api))
	signed := run(t, hello, issued(api), func(c *serve.Config) { c.Tokens = &serve.Tokens{Keys: file, TrustDomain: "shop.internal"} })
	workloadToken := key.sign(t, claimsOf("uri:spiffe://shop.internal/gateway"))
	stolen := key.sign(t, claimsOf("uri:spiffe://shop.internal/crm"))
	gatewaySVID, crm := shop.SVID("/gateway"), partner.SVID("/crm")
	for name, c := range map[string]struct {
		w    *world
		svid *devca.Certificate
		of   *spiffetest.Domain
		ctx  context.Context //nolint:containedctx // a row of a table
		want codes.Code
	}{
		"the gateway, for somebody":                {w, gatewaySVID, shop, asserted(t), codes.OK},
		"another one of a federated domain":        {w, crm, partner, t.Context(), codes.OK},
		"which may not assert":                     {w, crm, partner, asserted(t), codes.PermissionDenied},
		"the same path of another domain":          {w, partner.SVID("/gateway"), partner, t.Context(), codes.PermissionDenied},
		"a domain that is not federated":           {w, stranger.SVID("/gateway"), stranger, t.Context(), codes.Unavailable},
		"the gateway, and no token":                {signed, gatewaySVID, shop, asserted(t), codes.PermissionDenied},
		"with a token for its SPIFFE ID":           {signed, gatewaySVID, shop, metadata.AppendToOutgoingContext(asserted(t), caller.MetadataToken, workloadToken), codes.OK},
		"with a token for another one's SPIFFE ID": {signed, gatewaySVID, shop, metadata.AppendToOutgoingContext(asserted(t), caller.MetadataToken, stolen), codes.PermissionDenied},
	} {
		t.Run(name, func(t *testing.T) {
			client := workload(t, c.w, c.svid, c.of, shop)
			if _, err := client.Fulfill(c.ctx, &intentgatev1.FulfillRequest{}); status.Code(err) != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// TestWorkloadAPILate starts before there is a Workload API, and outlives it.
func TestWorkloadAPILate(t *testing.T) {
	shop, api := spiffetest.NewDomain(t, "shop.internal"), spiffetest.New(t)
	api.Stop()
	w := run(t, hello, issued(api))
	client := workload(t, w, shop.SVID("/gateway"), shop)
	w.log.next(t, "Workload API gives no SVID")
	if _, err := client.Fulfill(t.Context(), &intentgatev1.FulfillRequest{}); status.Code(err) != codes.Unavailable {
		t.Errorf("without a certificate: %v", err)
	}
	if line := w.log.next(t, "Handshake failed"); !strings.Contains(fmt.Sprint(line["error"]), "no certificate has been issued: the Workload API at ") {
		t.Errorf("the log says %v", line)
	}
	api.Issue(shop.SVID("/orders"), shop)
	api.Start()
	w.log.next(t, "SVID issued")
	if _, err := client.Fulfill(t.Context(), &intentgatev1.FulfillRequest{}, grpc.WaitForReady(true)); err != nil {
		t.Errorf("with an SVID: %v", err)
	}
	api.Stop()
	w.log.next(t, "Workload API gives no SVID")
	if _, err := workload(t, w, shop.SVID("/gateway"), shop).Fulfill(t.Context(), &intentgatev1.FulfillRequest{}); err != nil {
		t.Errorf("with the Workload API away: %v", err)
	}
}

// TestBehindSidecar has a proxy end TLS before the service: it hands on what the gateway has signed for one turn, and is believed nothing else.
func TestBehindSidecar(t *testing.T) {
	const sidecar, target = "uri:spiffe://shop.internal/sidecar", "intentgate.v1.IntentService"
	shop, api, key := spiffetest.NewDomain(t, "shop.internal"), spiffetest.New(t), newSigning(t)
	api.Issue(shop.SVID("/orders"), shop)
	file := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(file, key.set(t), 0o600); err != nil {
		t.Fatal(err)
	}
	w := run(t, hello, issued(api), func(c *serve.Config) {
		c.Tokens = &serve.Tokens{Keys: file, TrustDomain: "shop.internal", Forwarders: []string{sidecar + "=" + target}}
		c.Asserting, c.Allowed = nil, []string{sidecar}
		c.Methods = caller.Methods{target + "/*": {Asserted: &caller.Proofs{}}}
	})
	conn := dialWorkload(t, w, shop.SVID("/sidecar"), shop)
	client := intentgatev1.NewIntentServiceClient(conn)
	turn := asserted(t)
	md, _ := metadata.FromOutgoingContext(turn)
	claims := claimsOf("uri:spiffe://shop.internal/gateway")
	many := key.sign(t, claims)
	claims.CallerHash = token.HashCaller(md.Get(caller.MetadataCaller)[0])
	claims.RequestID, claims.Session = "1.request", "projects/shop/agent/sessions/1"
	one := key.sign(t, claims)
	for name, c := range map[string]struct {
		ctx  context.Context //nolint:containedctx // a row of a table
		want codes.Code
	}{
		"a token of the turn":    {metadata.AppendToOutgoingContext(turn, caller.MetadataToken, one), codes.OK},
		"a token of many turns":  {metadata.AppendToOutgoingContext(turn, caller.MetadataToken, many), codes.PermissionDenied},
		"a caller, and no token": {turn, codes.PermissionDenied},
		"no caller":              {t.Context(), codes.PermissionDenied},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := client.Fulfill(c.ctx, &intentgatev1.FulfillRequest{}); status.Code(err) != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
	if _, err := grpc_health_v1.NewHealthClient(conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{}); err != nil {
		t.Errorf("the gateway's health check: %v", err)
	}
}
