package backend

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/resolver"
)

// flaky fails its first builds' look-ups, then succeeds. It reports from a goroutine of its own, as the real one does.
type flaky struct {
	failures      int64
	built, closed atomic.Int64
}

func (*flaky) Scheme() string { return "dns" }

func (f *flaky) Build(_ resolver.Target, cc resolver.ClientConn, _ resolver.BuildOptions) (resolver.Resolver, error) {
	n := f.built.Add(1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if n <= f.failures {
			cc.ReportError(errors.New("no such host"))
			return
		}
		_ = cc.UpdateState(resolver.State{Addresses: []resolver.Address{{Addr: "192.0.2.1:1"}}})
	}()
	return &lookup{f, done}, nil
}

type lookup struct {
	*flaky

	done chan struct{}
}

func (*lookup) ResolveNow(resolver.ResolveNowOptions) {}
func (l *lookup) Close() {
	<-l.done
	l.closed.Add(1)
}

// told is the connection's end.
type told struct {
	resolver.ClientConn

	errs   chan error
	states chan resolver.State
	refuse error // what the balancer says to addresses
}

func (c *told) ReportError(err error) { c.errs <- err }
func (c *told) UpdateState(s resolver.State) error {
	c.states <- s
	return c.refuse
}

func TestNameIsLookedUpAgain(t *testing.T) {
	inner := &flaky{failures: 3}
	cc := &told{errs: make(chan error, 10), states: make(chan resolver.State, 10)}
	r, err := eager{inner, time.Millisecond, time.Hour}.Build(resolver.Target{}, cc, resolver.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if state := <-cc.states; len(state.Addresses) != 1 {
		t.Errorf("state %v", state)
	}
	if len(cc.errs) != 3 || inner.built.Load() != 4 {
		t.Errorf("%d errors, %d look-ups; want 3 and 4", len(cc.errs), inner.built.Load())
	}
	r.ResolveNow(resolver.ResolveNowOptions{})
	r.Close()
	if built, closed := inner.built.Load(), inner.closed.Load(); built != closed {
		t.Errorf("%d resolvers were built and %d closed", built, closed)
	}
}

func TestUnusableAddressesAreLookedUpAgain(t *testing.T) {
	inner := &flaky{}
	cc := &told{states: make(chan resolver.State), refuse: errors.New("none of them")}
	r, err := eager{inner, time.Millisecond, time.Hour}.Build(resolver.Target{}, cc, resolver.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		<-cc.states
	}
	go func() { // what comes while it is being closed
		for range cc.states {
		}
	}()
	r.Close()
	close(cc.states)
	if built, closed := inner.built.Load(), inner.closed.Load(); built != closed {
		t.Errorf("%d resolvers were built and %d closed", built, closed)
	}
}
