package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	ordersv1 "github.com/intentgate/intentgate/gen/go/shop/orders/v1"
	"github.com/intentgate/intentgate/services/caller"
	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/mtls/mtlstest"
	"github.com/intentgate/intentgate/services/orders"
	"github.com/intentgate/intentgate/services/serve"
)

// world is an orders service that the call center may call.
type world struct {
	ca     *mtlstest.CA
	target string
}

func open(t *testing.T) world {
	t.Helper()
	ca := mtlstest.NewCA(t)
	server, err := serve.New(t.Context(), serve.Config{
		Name: "orders", Listen: "127.0.0.1:0", TLS: ca.Files("dns:orders.internal"),
		Asserting: []string{"dns:gateway.internal"}, Allowed: []string{"dns:callcenter.internal"},
		Logger: slog.New(slog.DiscardHandler),
		Register: func(r grpc.ServiceRegistrar) {
			ordersv1.RegisterOrderServiceServer(r, orders.New(time.Date(2026, time.November, 30, 9, 0, 0, 0, time.UTC)))
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return world{ca, server.Addr().String()}
}

// run runs the program with a certificate for a name.
func (w world) run(t *testing.T, name, order string) (stdout string, err error) {
	t.Helper()
	files := w.ca.Files(name)
	var out bytes.Buffer
	err = run(t.Context(), []string{
		"--target", w.target, "--server-name", "orders.internal", "--cert", files.Cert, "--key", files.Key, "--ca", files.CA, order,
	}, &out, io.Discard)
	return out.String(), err
}

func TestRun(t *testing.T) {
	w := open(t)
	got, err := w.run(t, "dns:callcenter.internal", "A-1042")
	const want = `Order A-1042, two stoneware mugs, is being packed. DHL should bring it on Thursday, 3 December.
status     PACKING
warehouse  bay 4, fragile
`
	if err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if got, err := w.run(t, "dns:callcenter.internal", "Z-9"); status.Code(err) != codes.NotFound || got != "" {
		t.Errorf("got %q, %v, want NOT_FOUND", got, err)
	}
	if _, err := w.run(t, "dns:canteen.internal", "A-1042"); status.Code(err) != codes.PermissionDenied {
		t.Errorf("another program got %v, want PERMISSION_DENIED", err)
	}
}

// TestNobodyElse has the call center say that it calls for an agent, which only the gateway may.
func TestNobodyElse(t *testing.T) {
	w := open(t)
	identity, err := mtls.Open(w.ca.Files("dns:callcenter.internal"), mtls.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient(w.target, grpc.WithTransportCredentials(identity.ClientCredentials("orders.internal")))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}()
	client := ordersv1.NewOrderServiceClient(conn)
	request := &ordersv1.TrackOrderRequest{OrderId: "A-1042"}
	if order, err := client.TrackOrder(t.Context(), request); err != nil || order.GetWarehouseNote() == "" {
		t.Fatalf("for itself: got %v, %v, want an answer with the warehouse's note", order, err)
	}
	ctx, err := caller.NewOutgoingContext(t.Context(), caller.Outgoing{
		Caller: &intentgatev1.Caller{Platform: intentgatev1.Platform_PLATFORM_ES}, Ref: &intentgatev1.CallRef{RequestId: "1.a"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if order, err := client.TrackOrder(ctx, request); status.Code(err) != codes.PermissionDenied {
		t.Errorf("for an agent: got %v, %v, want PERMISSION_DENIED", order, err)
	}
}

func TestCommandLine(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"--help"}, &out, io.Discard); err != nil || out.String() != help {
		t.Errorf("help is %v, %q", err, out.String())
	}
	for name, args := range map[string][]string{
		"nothing":      nil,
		"no order":     {"--cert", "a", "--key", "a", "--ca", "a"},
		"two orders":   {"--cert", "a", "--key", "a", "--ca", "a", "A-1042", "A-1043"},
		"no keys":      {"A-1042"},
		"unknown flag": {"--order", "A-1042"},
	} {
		if err := run(t.Context(), args, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "try --help") {
			t.Errorf("%s: got %v, want a hint", name, err)
		}
	}
}
