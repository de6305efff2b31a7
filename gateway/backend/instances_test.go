package backend_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
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
	address  string
	health   *health.Server
	calls    atomic.Int64
	metadata atomic.Pointer[metadata.MD] // of the last call
	answer   atomic.Pointer[func(context.Context) ([]byte, error)]
}

func (i *instance) will(answer func(context.Context) ([]byte, error)) { i.answer.Store(&answer) }

// handle counts a call and answers.
func (i *instance) handle(ctx context.Context, md metadata.MD, _ []byte) ([]byte, error) {
	i.calls.Add(1)
	i.metadata.Store(&md)
	return (*i.answer.Load())(ctx)
}

// fine answers.
func fine(context.Context) ([]byte, error) { return nil, nil }

// cluster is instances behind one name, over mutual TLS, within a bubble, with a client of theirs.
type cluster struct {
	*backend.Client

	hop       hop
	listeners sync.Map // by address
	names     *manual.Resolver
	state     resolver.State
	instances []*instance // of state
}

// behind is a client of some instances.
func behind(t *testing.T, hop hop, now time.Time, count int, changes ...func(*backend.Config)) *cluster {
	t.Helper()
	time.Sleep(time.Until(now)) // certificates are of these days, and time in a bubble is not
	c := &cluster{hop: hop, names: manual.NewBuilderWithScheme("passthrough"), instances: make([]*instance, count)}
	c.state.Endpoints = make([]resolver.Endpoint, count)
	for i := range c.instances {
		c.start(t, i, fmt.Sprintf("first%d:1", i))
	}
	c.names.InitialState(c.state)
	config := backend.Config{
		Name: "orders", Target: "passthrough:///orders.internal:1", ServerName: serviceName, Credentials: hop.gateway.ClientCredentials, Logger: discard(),
	}
	for _, change := range changes {
		change(&config)
	}
	client, err := backend.DialOver(config, grpc.WithResolvers(c.names), grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
		listener, _ := c.listeners.Load(address)
		return listener.(*bufconn.Listener).DialContext(ctx) //nolint:errcheck,forcetypeassert // it is one
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	c.Client = client
	return c
}

// start starts an instance in the place of another one.
func (c *cluster) start(t *testing.T, place int, address string) {
	t.Helper()
	started, listener := new(instance), bufconn.Listen(1<<20)
	started.will(fine)
	c.listeners.Store(address, listener)
	started.address, started.health = address, health.NewServer()
	serveOn(t, listener, c.hop.service.ServerCredentials(), started.health, started.handle)
	c.instances[place] = started
	c.state.Endpoints = slices.Clone(c.state.Endpoints)
	c.state.Endpoints[place] = resolver.Endpoint{Addresses: []resolver.Address{{Addr: address}}}
}

// load calls twenty times a second, for some time, and returns how many calls each instance got, and how many failed.
func (c *cluster) load(t *testing.T, last time.Duration) (calls []int64, bad int) {
	t.Helper()
	instances := c.instances
	before := make([]int64, len(instances))
	for i, instance := range instances {
		before[i] = instance.calls.Load()
	}
	begin := time.Now()
	for time.Since(begin) < last {
		next := time.Now().Add(time.Second / 20)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/20)
		_, err := c.Invoke(ctx, call(nil))
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
		c := behind(t, hop, now, 3)
		instances := c.instances
		if calls, bad := c.load(t, 6*time.Second); min(calls[0], calls[1], calls[2]) < 30 || bad > 0 {
			t.Fatalf("the instances got %d calls, %d of which failed; want a third each", calls, bad)
		}
		instances[1].will(freeze)
		c.load(t, time.Second) // until it is noticed
		calls, bad := c.load(t, 5*time.Second)
		if calls[1] > 0 || bad > 0 || calls[0] < 40 || calls[2] < 40 {
			t.Errorf("with a frozen instance the three got %d calls, %d of which failed; want it left out", calls, bad)
		}
		calls, bad = c.load(t, 2*time.Minute) // it is tried now and then
		if bad == 0 || bad > 30 || c.Load().Circuit != "closed" {
			t.Errorf("over two minutes the three got %d calls, %d of which failed, and the circuit is %s", calls, bad, c.Load().Circuit)
		}
		instances[1].will(fine)
		c.load(t, 70*time.Second)
		if calls, bad := c.load(t, 6*time.Second); calls[1] < 30 || bad > 0 {
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
				c := behind(t, hop, now, 3)
				instances := c.instances
				instances[1].will(func(context.Context) ([]byte, error) { return nil, status.Error(code, "no") })
				if calls, _ := c.load(t, time.Minute); calls[1] < 390 {
					t.Errorf("the three got %d calls, want a third each", calls)
				}
			})
		})
	}
}

// TestNeverMostInstances has most of five fail for a moment, and then all of three.
func TestNeverMostInstances(t *testing.T) {
	t.Parallel()
	hop, now := newHop(t), time.Now()
	away := func(context.Context) ([]byte, error) { return nil, status.Error(codes.Unavailable, "away") }
	synctest.Test(t, func(t *testing.T) {
		c := behind(t, hop, now, 5)
		for _, instance := range c.instances[1:] {
			instance.will(away)
		}
		c.load(t, 5*time.Second)
		for _, instance := range c.instances {
			instance.will(fine)
		}
		c.load(t, 2*time.Second) // until the circuit is closed
		calls, bad := c.load(t, time.Second)
		if busy := len(slices.DeleteFunc(calls, func(n int64) bool { return n == 0 })); busy < 2 || bad > 0 {
			t.Errorf("%d of five instances are called, %d calls failed", busy, bad)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		c := behind(t, hop, now, 3)
		for _, instance := range c.instances {
			instance.will(away)
		}
		c.load(t, 20*time.Second)
		for _, instance := range c.instances {
			instance.will(fine)
		}
		c.load(t, 4*time.Second)
		if calls, bad := c.load(t, time.Second); bad > 0 || c.Load().Circuit != "closed" {
			t.Errorf("they are back, and of %d calls %d fail; the circuit is %s", calls, bad, c.Load().Circuit)
		}
	})
}

// TestReplacedInstances has one instance after the other hang, until another one takes its place.
func TestReplacedInstances(t *testing.T) {
	t.Parallel()
	hop, now := newHop(t), time.Now()
	synctest.Test(t, func(t *testing.T) {
		c := behind(t, hop, now, 3)
		c.load(t, 6*time.Second)
		for i := range 6 {
			c.instances[1].will(freeze)
			c.load(t, time.Second)
			if calls, bad := c.load(t, 3*time.Second); bad > 0 {
				t.Errorf("instance %d hangs, and is not left out: the three get %d calls, %d of which fail", i, calls, bad)
			}
			c.start(t, 1, fmt.Sprintf("next%d:1", i))
			c.names.UpdateState(c.state)
			c.load(t, 6*time.Second)
		}
	})
}
