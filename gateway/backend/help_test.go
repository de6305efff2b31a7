package backend_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/intentgate/intentgate/gateway/backend"
	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/mtls/mtlstest"
)

const (
	serviceName = "orders.internal"
	gatewayName = "gateway.internal"
	method      = "/shop.orders.v1.OrderService/TrackOrder"
	// patience bounds what is waited for, never a pause.
	patience = 10 * time.Second
)

// hop is a certificate authority with both ends of a hop.
type hop struct {
	service, gateway *mtls.Identity
}

func newHop(tb testing.TB) hop {
	tb.Helper()
	ca := mtlstest.NewCA(tb)
	return hop{service: open(tb, ca.Files("dns:"+serviceName)), gateway: open(tb, ca.Files("dns:"+gatewayName))}
}

func open(tb testing.TB, files mtls.Files) *mtls.Identity {
	tb.Helper()
	identity, err := mtls.Open(files, mtls.Options{Logger: discard()})
	if err != nil {
		tb.Fatal(err)
	}
	return identity
}

// service is a gRPC server of which each method is answered by handle.
type service struct {
	address string
	health  *health.Server
	stop    func()
}

// handler gets the metadata and the bytes of a request and returns those of the response.
type handler func(ctx context.Context, md metadata.MD, request []byte) ([]byte, error)

func echo(_ context.Context, _ metadata.MD, request []byte) ([]byte, error) { return request, nil }

// serve starts a service at address. With h nil it has no health service.
func serve(tb testing.TB, creds credentials.TransportCredentials, address string, h *health.Server, handle handler) service {
	tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", address)
	if err != nil {
		tb.Fatal(err)
	}
	return serveOn(tb, listener, creds, h, handle)
}

func serveOn(tb testing.TB, listener net.Listener, creds credentials.TransportCredentials, h *health.Server, handle handler) service {
	tb.Helper()
	server := grpc.NewServer(grpc.Creds(creds), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		// Empty knows no field, so that the codec keeps all bytes as they came.
		var request, response emptypb.Empty
		if err := stream.RecvMsg(&request); err != nil {
			return err
		}
		md, _ := metadata.FromIncomingContext(stream.Context())
		answer, err := handle(stream.Context(), md, request.ProtoReflect().GetUnknown())
		if err != nil {
			return err
		}
		response.ProtoReflect().SetUnknown(answer)
		return stream.SendMsg(&response)
	}))
	if h != nil {
		grpc_health_v1.RegisterHealthServer(server, h)
	}
	address, stop := run(tb, server, listener)
	return service{address: address, health: h, stop: stop}
}

// run serves until the test ends, or stop is called.
func run(tb testing.TB, server *grpc.Server, listener net.Listener) (address string, stop func()) {
	tb.Helper()
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	stop = func() {
		server.Stop()
		if err := <-done; err != nil {
			tb.Errorf("serve: %v", err)
		}
		done <- nil // so that a second stop returns too
	}
	tb.Cleanup(stop)
	return listener.Addr().String(), stop
}

// closedPort is a port of this machine that nobody listens on.
func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// entry is a line of the log.
type entry struct{ Level, Msg, Service, Target, Reason string }

// journal is a log whose lines a test can wait for.
type journal chan entry

// Write takes one line.
func (j journal) Write(line []byte) (int, error) {
	var e entry
	if err := json.Unmarshal(line, &e); err != nil {
		return 0, err
	}
	j <- e
	return len(line), nil
}

// client is a Client with its log.
type client struct {
	*backend.Client

	log journal
}

func dial(tb testing.TB, config backend.Config) client {
	tb.Helper()
	log := make(journal, 1000)
	config.Name, config.Logger = "orders", slog.New(slog.NewJSONHandler(log, nil))
	if config.ServerName == "" {
		config.ServerName = serviceName
	}
	dialled, err := backend.Dial(config)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(dialled.Close)
	return client{dialled, log}
}

// await waits for the next line of the log, which must tell of a state, and returns its reason.
func (c client) await(tb testing.TB, want connectivity.State) string {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	select {
	case line := <-c.log:
		message, level := "Service unreachable", "WARN"
		if want == connectivity.Ready {
			message, level = "Service reachable", "INFO"
		}
		if line.Msg != message || line.Level != level || line.Service != "orders" || line.Target == "" || (level == "WARN") != (line.Reason != "") {
			tb.Fatalf("logged %+v, want %s", line, message)
		}
		return line.Reason
	case <-ctx.Done():
		state, detail := c.State()
		tb.Fatalf("never became %s, is %s: %s", want, state, detail)
		return ""
	}
}

// call is a call that is made once.
func call(request []byte) *backend.Call { return &backend.Call{Method: method, Request: request} }

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
