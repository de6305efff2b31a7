package backend_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/intentgate/intentgate/gateway/backend"
)

// message is a valid protobuf message of about size bytes, in an order and an encoding that no library would write.
func message(size int) []byte {
	out := []byte{0x98, 0x1f, 0x81, 0x00} // field 499: the varint 1 in two bytes
	return protowire.AppendBytes(protowire.AppendTag(out, 2, protowire.BytesType), bytes.Repeat([]byte{'x'}, size))
}

func TestInvokePassesBytesAndMetadata(t *testing.T) {
	hop := newHop(t)
	var got metadata.MD
	service := serve(t, hop.service.ServerCredentials(), "127.0.0.1:0", health.NewServer(),
		func(_ context.Context, md metadata.MD, request []byte) ([]byte, error) {
			got = md
			return slices.Concat(request, request), nil
		})
	client := dial(t, backend.Config{Target: "dns:///" + service.address, Credentials: hop.gateway.ClientCredentials})

	request := message(70_000)
	ctx := metadata.NewOutgoingContext(t.Context(), metadata.Pairs("intentgate-caller-bin", "\x00\xff", "intentgate-request-id", "1.abc"))
	response, err := client.Invoke(ctx, call(request))
	if err != nil {
		t.Fatal(err)
	}
	if want := slices.Concat(request, request); !bytes.Equal(response, want) {
		t.Errorf("response has %d bytes, want the %d of twice the request", len(response), len(want))
	}
	for key, want := range map[string]string{
		"intentgate-caller-bin": "\x00\xff",
		"intentgate-request-id": "1.abc",
		"content-type":          "application/grpc+proto",
	} {
		if values := got.Get(key); !slices.Equal(values, []string{want}) {
			t.Errorf("%s arrived as %q, want %q", key, values, want)
		}
	}
	if agent := got.Get("user-agent"); len(agent) != 1 || !strings.HasPrefix(agent[0], "intentgate ") {
		t.Errorf("user-agent is %q, want one that begins with intentgate", agent)
	}

	empty, err := client.Invoke(t.Context(), call(nil))
	if err != nil || empty == nil || len(empty) != 0 {
		t.Errorf("an empty message came back as %v, %v; want an empty one that is not nil", empty, err)
	}
}

func TestInvokeReturnsStatus(t *testing.T) {
	hop := newHop(t)
	release := make(chan struct{})
	defer close(release)
	service := serve(t, hop.service.ServerCredentials(), "127.0.0.1:0", health.NewServer(),
		func(ctx context.Context, _ metadata.MD, request []byte) ([]byte, error) {
			switch {
			case len(request) == 0:
				return nil, status.Error(codes.FailedPrecondition, "the order has been sent")
			case len(request) < 100:
				return message(2 << 20), nil
			default:
				select {
				case <-ctx.Done():
				case <-release:
				}
				return nil, ctx.Err()
			}
		})
	client := dial(t, backend.Config{Target: service.address, Credentials: hop.gateway.ClientCredentials})
	client.await(t, connectivity.Ready)

	tests := map[string]struct {
		request []byte
		timeout time.Duration
		code    codes.Code
		message string
	}{
		"the service's own": {nil, patience, codes.FailedPrecondition, "the order has been sent"},
		"deadline":          {message(100), 50 * time.Millisecond, codes.DeadlineExceeded, ""},
		"deadline over":     {message(100), -time.Second, codes.DeadlineExceeded, ""},
		"too large to take": {message(10), patience, codes.Internal, "more than 262144 bytes"},
		"too large to send": {message(4 << 20), patience, codes.ResourceExhausted, "larger than max"},
		"caller has gone":   {message(100), 0, codes.Canceled, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), test.timeout)
			defer cancel()
			if test.timeout == 0 {
				ctx, cancel = context.WithCancel(t.Context())
				cancel()
			}
			begin := time.Now()
			response, err := client.Invoke(ctx, call(test.request))
			if response != nil {
				t.Errorf("response has %d bytes, want nil", len(response))
			}
			got, ok := status.FromError(err)
			if !ok || got.Code() != test.code || !strings.Contains(got.Message(), test.message) {
				t.Errorf("error is %v, want %s: …%s…", err, test.code, test.message)
			}
			if tooLarge := refusal(err) == backend.ResponseTooLarge; tooLarge != (test.code == codes.Internal) {
				t.Errorf("%v is said to be a response that is too large: %t", err, tooLarge)
			}
			if took := time.Since(begin); test.code == codes.DeadlineExceeded && took > patience/2 {
				t.Errorf("returned after %s, want at the deadline", took)
			}
		})
	}
}

func TestInvokeFailsFast(t *testing.T) {
	hop := newHop(t)
	client := dial(t, backend.Config{Target: "127.0.0.1:" + closedPort(t), Credentials: hop.gateway.ClientCredentials})
	client.await(t, connectivity.TransientFailure)
	begin := time.Now()
	_, err := client.Invoke(t.Context(), call(nil)) // no deadline: it has to return by itself
	if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("error is %v, want UNAVAILABLE because of a refused connection", err)
	}
	if took := time.Since(begin); took > patience/2 {
		t.Errorf("failed after %s, want at once", took)
	}
	client.Close()
	if _, err := client.Invoke(t.Context(), call(nil)); status.Code(err) != codes.Canceled {
		t.Errorf("error after Close is %v, want CANCELED", err)
	}
	client.Close() // twice does no harm
}

func TestDialRefuses(t *testing.T) {
	creds := newHop(t).gateway.ClientCredentials
	logger := slog.New(slog.DiscardHandler)
	tests := map[string]struct {
		config backend.Config
		want   string
	}{
		"no name":         {backend.Config{Target: "a:1", Credentials: creds, Logger: logger}, "needs Name"},
		"no credentials":  {backend.Config{Name: "orders", Target: "a:1", Logger: logger}, "Credentials"},
		"no logger":       {backend.Config{Name: "orders", Target: "a:1", Credentials: creds}, "Logger"},
		"no target":       {backend.Config{Name: "orders", Credentials: creds, Logger: logger}, "service orders: there is no target"},
		"unix, unnamed":   {backend.Config{Name: "orders", Target: "unix:///run/o.sock", Credentials: creds, Logger: logger}, "say which with tls.server_name"},
		"xds, unnamed":    {backend.Config{Name: "orders", Target: "xds:///orders", Credentials: creds, Logger: logger}, "say which with tls.server_name"},
		"unknown scheme":  {backend.Config{Name: "orders", Target: "ftp:///orders", Credentials: creds, Logger: logger}, `unknown scheme "ftp"`},
		"port of letters": {backend.Config{Name: "orders", Target: "orders:grpc", Credentials: creds, Logger: logger}, `port "grpc"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client, err := backend.Dial(test.config)
			if err == nil {
				client.Close()
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want …%s…", err, test.want)
			}
		})
	}
}

func TestServerNameComesFromTheTarget(t *testing.T) {
	for target, want := range map[string]string{
		"dns:///orders.internal:8443":           "orders.internal",
		"dns:///orders.internal":                "orders.internal",
		"dns:orders.internal:8443":              "orders.internal",
		"dns://127.0.0.1/orders.internal.:8443": "orders.internal",
		"passthrough:///orders.internal:8443":   "orders.internal",
		"orders.internal:8443":                  "orders.internal",
		"orders.internal":                       "orders.internal",
		"127.0.0.1:8443":                        "127.0.0.1",
		"[::1]:8443":                            "::1",
		"dns:///[::1]:8443":                     "::1",
	} {
		var got string
		client, err := backend.Dial(backend.Config{
			Name: "orders", Target: target, Logger: slog.New(slog.DiscardHandler),
			Credentials: func(name string) credentials.TransportCredentials {
				got = name
				return nil // which grpc refuses: nothing is dialled
			},
		})
		if err == nil {
			client.Close()
			t.Fatal("dialled without credentials")
		}
		if got != want {
			t.Errorf("%s: name is %q, want %q", target, got, want)
		}
	}
}
