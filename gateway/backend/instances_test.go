package backend_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/intentgate/intentgate/gateway/backend"
)

// instance is one of the instances behind a name.
type instance struct {
	calls  atomic.Int64
	answer atomic.Pointer[func(context.Context) ([]byte, error)]
}

func (i *instance) will(answer func(context.Context) ([]byte, error)) { i.answer.Store(&answer) }

// fine answers.
func fine(context.Context) ([]byte, error) { return nil, nil }

// behind is a client of three instances behind one name, over mutual TLS, within a bubble.
func behind(t *testing.T, hop hop, now time.Time) (*backend.Client, []*instance) {
	t.Helper()
	time.Sleep(time.Until(now)) // certificates are of these days, and time in a bubble is not
	listeners := map[string]*bufconn.Listener{}
	var instances []*instance
	var state resolver.State
	for _, address := range []string{"a:1", "b:1", "c:1"} {
		instance := new(instance)
		instance.will(fine)
		listeners[address] = bufconn.Listen(1 << 20)
		serveOn(t, listeners[address], hop.service.ServerCredentials(), health.NewServer(), func(ctx context.Context, _ metadata.MD, _ []byte) ([]byte, error) {
			instance.calls.Add(1)
			return (*instance.answer.Load())(ctx)
		})
		instances = append(instances, instance)
		state.Endpoints = append(state.Endpoints, resolver.Endpoint{Addresses: []resolver.Address{{Addr: address}}})
	}
	names := manual.NewBuilderWithScheme("passthrough")
	names.InitialState(state)
	client, err := backend.DialOver(backend.Config{
		Name: "orders", Target: "passthrough:///orders.internal:1", ServerName: serviceName, Credentials: hop.gateway.ClientCredentials, Logger: discard(),
	}, grpc.WithResolvers(names), grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
		return listeners[address].DialContext(ctx)
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client, instances
}

// load calls twenty times a second, for some time, and returns how many calls each instance got, and how many failed.
func load(t *testing.T, client *backend.Client, instances []*instance, last time.Duration) (calls []int64, bad int) {
	t.Helper()
	before := make([]int64, len(instances))
	for i, instance := range instances {
		before[i] = instance.calls.Load()
	}
	begin := time.Now()
	for time.Since(begin) < last {
		next := time.Now().Add(time.Second / 20)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/20)
		_, err := client.Invoke(ctx, call(nil))
		cancel()
		if code := status.Code(err); code == codes.DeadlineExceeded || code == codes.Unavailable {
			bad++
		}
		time.Sleep(time.Until(next))
	}
	for i, instance := range instances {
		calls = append(calls, instance.calls.Load()-before[i])
	}
	return calls, bad
}

// TestFrozenInstance has one of three instances no longer answer, and answer again.
func TestFrozenInstance(t *testing.T) {
	t.Parallel()
	hop, now := newHop(t), time.Now()
	synctest.Test(t, func(t *testing.T) {
		client, instances := behind(t, hop, now)
		if calls, bad := load(t, client, instances, 6*time.Second); min(calls[0], calls[1], calls[2]) < 30 || bad > 0 {
			t.Fatalf("the instances got %d calls, %d of which failed; want a third each", calls, bad)
		}
		instances[1].will(freeze)
		load(t, client, instances, 10*time.Second) // until it is noticed
		calls, bad := load(t, client, instances, 5*time.Second)
		if calls[1] > 0 || bad > 0 || calls[0] < 40 || calls[2] < 40 {
			t.Errorf("with a frozen instance the three got %d calls, %d of which failed; want it left out", calls, bad)
		}
		calls, bad = load(t, client, instances, 2*time.Minute) // it is tried now and then
		if bad == 0 || bad > 250 || client.Load().Circuit != "closed" {
			t.Errorf("over two minutes the three got %d calls, %d of which failed, and the circuit is %s", calls, bad, client.Load().Circuit)
		}
		instances[1].will(fine)
		load(t, client, instances, 70*time.Second)
		if calls, bad := load(t, client, instances, 6*time.Second); calls[1] < 30 || bad > 0 {
			t.Errorf("it is back, and the three get %d calls, %d of which fail", calls, bad)
		}
	})
}

// TestAnswersAreNoFailures has one of three instances say no to all that it is asked.
func TestAnswersAreNoFailures(t *testing.T) {
	t.Parallel()
	hop, now := newHop(t), time.Now()
	for _, code := range []codes.Code{codes.NotFound, codes.FailedPrecondition, codes.Internal, codes.ResourceExhausted, codes.Canceled} {
		t.Run(code.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client, instances := behind(t, hop, now)
				instances[1].will(func(context.Context) ([]byte, error) { return nil, status.Error(code, "no") })
				if calls, _ := load(t, client, instances, time.Minute); calls[1] < 390 {
					t.Errorf("the three got %d calls, want a third each", calls)
				}
			})
		})
	}
}

// TestNeverAllInstances has all three of them fail.
func TestNeverAllInstances(t *testing.T) {
	t.Parallel()
	hop, now := newHop(t), time.Now()
	synctest.Test(t, func(t *testing.T) {
		client, instances := behind(t, hop, now)
		for _, instance := range instances {
			instance.will(func(context.Context) ([]byte, error) { return nil, status.Error(codes.Unavailable, "away") })
		}
		if calls, _ := load(t, client, instances, 6*time.Second); min(calls[0], calls[1], calls[2]) < 3 {
			t.Fatalf("the three got %d calls, want enough to leave them out", calls)
		}
		for _, instance := range instances {
			instance.will(fine)
		}
		load(t, client, instances, 4*time.Second)
		if _, bad := load(t, client, instances, time.Second); bad > 0 || client.Load().Circuit != "closed" {
			t.Errorf("they are back, and %d calls fail; the circuit is %s", bad, client.Load().Circuit)
		}
	})
}
