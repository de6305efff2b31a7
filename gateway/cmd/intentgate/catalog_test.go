package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/intentgate/intentgate/gateway/pki"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	ordersv1 "github.com/intentgate/intentgate/gen/go/shop/orders/v1"
	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/orders"
	"github.com/intentgate/intentgate/services/serve"
)

// typedOrders is a second service, whose methods are intents; its target stands where the %s is.
const typedOrders = `  - name: orders
    target: %s
    tls: {ca: certs/internal-ca.pem, cert: certs/gateway.pem, key: certs/gateway.key, server_name: orders.internal}
    required: true
    intents:
      %s
      allow: {intents: ["order.*"], tags: [track-order], services: [shop.orders.v1.OrderService]}
routes:
`

// typed adds the service to the settings. The source is `reflection: {}` or `descriptor_set: FILE`.
func typed(target, source string) edit {
	return edit{"routes:\n", fmt.Sprintf(typedOrders, target, source)}
}

// tracking is a turn of an intent that the orders service answers.
func tracking(intent string) string {
	return `{"responseId":"1","session":"projects/shop/agent/sessions/s-1","queryResult":{"queryText":"where","languageCode":"en",` +
		`"parameters":{"order_id":"A-1042"},"intent":{"displayName":"` + intent + `"}}}`
}

// shop is a running orders service with its log.
type shop struct {
	addr string
	log  *journal
	stop func()
}

// startShop starts the orders service, another implementation of it or, for nil, one without any intents, with the certificates of a folder.
func startShop(t *testing.T, dir, listen string, server ordersv1.OrderServiceServer) shop {
	t.Helper()
	s := shop{log: newJournal()}
	file := func(name string) string { return filepath.Join(dir, certsFolder, name) }
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	running, err := serve.New(ctx, serve.Config{
		Name: "orders", Listen: listen, Logger: slog.New(slog.NewJSONHandler(s.log, nil)),
		TLS:       mtls.Files{Cert: file(pki.OrdersCert), Key: file(pki.OrdersKey), CA: file(pki.InternalCA)},
		Asserting: []string{"dns:" + pki.GatewayName},
		Register: func(r grpc.ServiceRegistrar) {
			if server == nil {
				intentgatev1.RegisterIntentServiceServer(r, intentgatev1.UnimplementedIntentServiceServer{})
				return
			}
			ordersv1.RegisterOrderServiceServer(r, server)
		},
	})
	if err != nil {
		stop()
		t.Fatal(err)
	}
	s.addr = running.Addr().String()
	done := make(chan error, 1)
	go func() { done <- running.Serve(ctx) }()
	s.stop = func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("the orders service ended with %v", err)
		}
		done <- nil
	}
	t.Cleanup(s.stop)
	return s
}

// free is an address that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// TestReflection has a service appear, be replaced by builds that claim other intents, and go.
func TestReflection(t *testing.T) { // not parallel, so that no other test takes the address meanwhile
	at := free(t)
	g := start(t, typed(at, "reflection: {}"))
	client := g.dialogflow(t)
	turns := 0
	says := func(intent string, status int, text string) {
		t.Helper()
		turns++ // none is another try of one before
		if got := g.post(t, client, esPath, strings.Replace(tracking(intent), `"responseId":"1"`, fmt.Sprintf(`"responseId":"1.%d"`, turns), 1)); got.StatusCode != status || !strings.Contains(got.body, text) {
			t.Errorf("%s: status %d, %s; want %d, %s", intent, got.StatusCode, got.body, status, text)
		}
	}
	// Whether the service answers the turn nobody knows, so that nobody else may.
	g.log.await(t, 1, entry{"msg": "Intents not learnt", "service": "orders", "kept": 0.0})
	says("order.track", http.StatusServiceUnavailable, "not available")
	g.log.await(t, 1, entry{"msg": "Turn", "reason": "not_learnt", "service": "orders"})
	says("pay", http.StatusOK, "heard 1")
	if status, ready := g.readiness(t); status != http.StatusServiceUnavailable || !strings.Contains(fmt.Sprint(ready), "orders") {
		t.Errorf("ready with %d: %+v", status, ready)
	}

	real := startShop(t, g.dir, at, orders.New(time.Now()))
	g.log.await(t, 1, entry{"msg": "Intents learnt", "service": "orders", "methods": 6.0})
	says("order.track", http.StatusOK, "A-1042")
	says("order.unknown", http.StatusOK, "heard 1") // it is no longer anybody's guess
	if body := get(t, g.Status+"/readyz").body; !strings.HasPrefix(body, `{"ready":true`) || !strings.Contains(body, `"intents":{"methods":6,"learnt":"20`) {
		t.Errorf("readiness: %s", body)
	}
	// The tags of other methods are not allowed, and neither is any action.
	metrics := get(t, g.Status+"/metrics").body
	for _, want := range []string{
		`intentgate_intents_methods{service="orders"} 6`, `intentgate_intents_problems{kind="broken",service="orders"} 0`,
		`intentgate_intents_problems{kind="refused",service="orders"} 11`, `intentgate_intents_read_timestamp_seconds{service="orders"} 1.`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s among the metrics", want)
		}
	}
	var routes struct {
		Routes []struct {
			Match, Service, Method string
			Claimed                bool
		}
	}
	decode(t, get(t, g.Admin+"/v1/routes"), &routes)
	if n := len(routes.Routes); n != 10 || routes.Routes[n-1].Match != "any" || routes.Routes[n-1].Claimed || !routes.Routes[0].Claimed ||
		!strings.Contains(fmt.Sprint(routes.Routes), "{platform=CX tag=track-order orders /shop.orders.v1.OrderService/TrackOrder true}") {
		t.Errorf("%d routes: %+v", n, routes.Routes)
	}
	if body := get(t, g.Admin+"/v1/services").body; !strings.Contains(body, `"kind":"refused"`) || !strings.Contains(body, "intents.allow.tags") {
		t.Errorf("the services: %s", body)
	}

	// A build without the methods: what was known holds until it is reached, and then no longer.
	real.stop()
	g.log.await(t, 2, entry{"msg": "Service unreachable", "service": "orders"})
	says("order.track", http.StatusServiceUnavailable, "not available")
	bare := startShop(t, g.dir, at, nil)
	g.log.await(t, 1, entry{"msg": "Intents learnt", "service": "orders", "methods": 0.0})
	says("order.track", http.StatusOK, "heard 1")
	bare.stop()

	// A method that the service describes and does not have: it is asked what it has.
	empty := startShop(t, g.dir, at, ordersv1.UnimplementedOrderServiceServer{})
	g.log.await(t, 2, entry{"msg": "Intents learnt", "service": "orders", "methods": 6.0})
	asked := entry{"msg": "Call", "method": "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"}
	before := len(empty.log.await(t, 1, asked))
	says("order.track", http.StatusNotImplemented, "does not know the method")
	empty.log.await(t, before+1, asked)
}

// TestDescriptorSet has the file of a service's descriptors change.
func TestDescriptorSet(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := startShop(t, dir, "127.0.0.1:0", orders.New(time.Now()))
	path := filepath.Join(dir, "orders.binpb")
	write := func(set []byte) {
		t.Helper()
		if err := os.WriteFile(path+".new", set, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	good := describe(t, dir)
	write(nil)
	configure(t, dir, typed(s.addr, "descriptor_set: orders.binpb"),
		edit{"routes:\n", "routes:\n  - {match: {intent: order.list}, service: shop-orders}\n"}, edit{"127.0.0.1:1\n", startService(t, dir, "127.0.0.1:0").addr + "\n"})
	if _, _, err := execute(t, "serve", "--config", filepath.Join(dir, configFile)); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "buf build") {
		t.Errorf("an empty file is served: %v", err)
	}
	write(good)
	g := serveFolder(t, dir)
	g.log.await(t, 1, entry{"msg": "Service reachable", "service": "orders"})
	client := g.dialogflow(t)
	tracks := func() {
		t.Helper()
		if got := g.post(t, client, esPath, tracking("order.track")); got.StatusCode != http.StatusOK || !strings.Contains(got.body, "A-1042") {
			t.Errorf("status %d: %s", got.StatusCode, got.body)
		}
	}
	tracks()
	if got := g.post(t, client, esPath, tracking("order.list")); !strings.Contains(got.body, "heard 1") {
		t.Errorf("a declared route that names the intent gives way to a claim: %s", got.body)
	}
	write([]byte("garbage"))
	g.log.await(t, 1, entry{"msg": "Kept what is in force because the new files are no good", "name": "services.orders.intents"})
	tracks()
	if body := get(t, g.Status+"/readyz").body; !strings.Contains(body, `"bad_files":[{"name":"services.orders.intents"`) || !strings.Contains(body, `"error":"service orders: descriptors of `) {
		t.Errorf("readiness: %s", body)
	}
	write(append(good, 0x7a, 0)) // the same, with an unknown field
	g.log.await(t, 2, entry{"msg": "Intents learnt"})
	tracks()
}

// describe returns the descriptors of the orders service, as it writes them.
func describe(t *testing.T, dir string) []byte {
	t.Helper()
	path := filepath.Join(dir, "described.binpb")
	config := serve.Config{Name: "orders", Register: func(r grpc.ServiceRegistrar) { ordersv1.RegisterOrderServiceServer(r, orders.New(time.Now())) }}
	if err := serve.Run(t.Context(), []string{"--descriptors", path}, &strings.Builder{}, &strings.Builder{}, config); err != nil {
		t.Fatal(err)
	}
	set, err := os.ReadFile(path) //nolint:gosec // written by this test
	if err != nil {
		t.Fatal(err)
	}
	return set
}
