package serve_test

import (
	"context"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/health" // lets clients watch
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/serve"
)

// slow is a handler that says when it was entered and waits to be let go.
type slow struct {
	entered chan struct{}
	leave   chan struct{}
}

func newSlow() slow { return slow{make(chan struct{}), make(chan struct{})} }

func (s slow) fulfill(ctx context.Context, req *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
	s.entered <- struct{}{}
	<-s.leave
	return hello(ctx, req)
}

func TestStopFinishesWhatIsInFlight(t *testing.T) {
	slow := newSlow()
	w := run(t, slow.fulfill)
	conn := w.dial(t, reports)

	watching, unwatch := context.WithCancel(t.Context())
	defer unwatch()
	health, err := grpc_health_v1.NewHealthClient(conn).Watch(watching, &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	expectHealth(t, health, grpc_health_v1.HealthCheckResponse_SERVING)

	called := make(chan error, 1)
	go func() {
		_, err := intentgatev1.NewIntentServiceClient(conn).Fulfill(t.Context(), &intentgatev1.FulfillRequest{})
		called <- err
	}()
	<-slow.entered

	w.stop()
	expectHealth(t, health, grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	unwatch()
	w.log.next(t, "Draining")
	for { // until the listener is closed
		other, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", w.Addr().String())
		if err != nil {
			break
		}
		if err := other.Close(); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-w.ended:
		t.Fatalf("the server ended with a call in flight: %v", err)
	default:
	}

	close(slow.leave)
	if err := <-called; err != nil {
		t.Errorf("the call in flight: %v", err)
	}
	if err := <-w.ended; err != nil {
		t.Errorf("the server ended: %v", err)
	}
}

func expectHealth(t *testing.T, stream grpc_health_v1.Health_WatchClient, want grpc_health_v1.HealthCheckResponse_ServingStatus) {
	t.Helper()
	got, err := stream.Recv()
	if err != nil || got.GetStatus() != want {
		t.Fatalf("health is %v, %v; want %s", got.GetStatus(), err, want)
	}
}

func TestStopCutsOffInTheEnd(t *testing.T) {
	slow := newSlow()
	defer close(slow.leave)
	w := run(t, slow.fulfill, func(c *serve.Config) { c.Drain = time.Millisecond })
	called := make(chan error, 1)
	client := w.client(t, reports)
	go func() {
		_, err := client.Fulfill(t.Context(), &intentgatev1.FulfillRequest{})
		called <- err
	}()
	<-slow.entered
	w.stop()
	if err := <-w.ended; err == nil {
		t.Error("nothing is said about the call that was cut off")
	}
	if err := <-called; status.Code(err) != codes.Unavailable {
		t.Errorf("the call got %v", err)
	}
}

func TestStopBeforeStart(t *testing.T) {
	w := run(t, hello)
	w.stop()
	if err := <-w.ended; err != nil {
		t.Fatal(err)
	}
	if conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", w.Addr().String()); err == nil {
		t.Errorf("the listener is still open: %v", conn.Close())
	}
}

// TestStopIsNotHeldUpByHealthWatchers stands for a gateway, which watches the health of each service all the time.
func TestStopIsNotHeldUpByHealthWatchers(t *testing.T) {
	w := run(t, hello, func(c *serve.Config) { c.Drain = time.Hour })
	conn := w.dial(t, gateway, grpc.WithDefaultServiceConfig(
		`{"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": ""}}`))
	if _, err := intentgatev1.NewIntentServiceClient(conn).Fulfill(t.Context(), nil, grpc.WaitForReady(true)); err != nil {
		t.Fatal(err)
	}
	w.stop()
	if err := <-w.ended; err != nil {
		t.Error(err)
	}
}
