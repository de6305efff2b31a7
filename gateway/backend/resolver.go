package backend

import (
	"context"
	"errors"
	"sync"
	"time"

	"google.golang.org/grpc/resolver"
)

// lookAgain is how long a name that leads nowhere waits for its next look-up.
const lookAgain = 2 * time.Second

// lookAnew is how long a name that leads somewhere waits for its next look-up: as long as grpc lets one wait at least. Left alone it
// waits until a connection breaks, and an instance that is added to healthy ones would never get a call.
const lookAnew = 30 * time.Second

// errNoAddress is what DNS says of a name that it does not know.
var errNoAddress = errors.New("the name has no address")

// eager builds grpc's own resolvers, has them look every now and then, and builds one anew when it fails: left alone it waits up
// to two minutes before it tries again, and a service whose name appears with its first instance would stay unreachable for as long.
type eager struct {
	resolver.Builder

	again, anew time.Duration
}

// Build starts to resolve a target.
func (b eager) Build(target resolver.Target, cc resolver.ClientConn, options resolver.BuildOptions) (resolver.Resolver, error) {
	ctx, stop := context.WithCancel(context.Background())
	r := &resolving{ClientConn: cc, stop: stop, failed: make(chan struct{}, 1), hints: make(chan resolver.ResolveNowOptions, 1)}
	build := func() (resolver.Resolver, error) { return b.Builder.Build(target, r, options) }
	first, err := build()
	if err != nil {
		stop()
		return nil, err
	}
	r.running.Go(func() { r.run(ctx, first, build, b) })
	return r, nil
}

// resolving is a resolver, and the connection that the one inside it reports to.
type resolving struct {
	resolver.ClientConn

	stop    context.CancelFunc
	running sync.WaitGroup
	failed  chan struct{}
	hints   chan resolver.ResolveNowOptions
}

// run holds the resolver inside, and replaces it some time after it failed.
func (r *resolving) run(ctx context.Context, current resolver.Resolver, build func() (resolver.Resolver, error), b eager) {
	defer func() { current.Close() }()
	anew := time.NewTicker(b.anew)
	defer anew.Stop()
	var due <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case hint := <-r.hints:
			current.ResolveNow(hint)
		case <-anew.C:
			current.ResolveNow(resolver.ResolveNowOptions{})
		case <-r.failed:
			if due == nil {
				due = time.After(b.again)
			}
		case <-due:
			due = nil
			next, err := build()
			if err != nil { // not for a target that was good before; if so, the old one goes on at its own pace
				continue
			}
			current.Close()
			current = next
		}
	}
}

// ReportError passes a failed look-up on and sees to the next one.
func (r *resolving) ReportError(err error) {
	r.ClientConn.ReportError(err)
	r.again()
}

// UpdateState passes addresses on. That there is none, or none that is usable, is a failure too.
func (r *resolving) UpdateState(state resolver.State) error {
	if len(state.Endpoints) == 0 && len(state.Addresses) == 0 {
		r.ReportError(errNoAddress)
		return errNoAddress
	}
	err := r.ClientConn.UpdateState(state)
	if err != nil {
		r.again()
	}
	return err
}

func (r *resolving) again() {
	select {
	case r.failed <- struct{}{}:
	default: // it is known already
	}
}

// ResolveNow hints that the addresses may be stale.
func (r *resolving) ResolveNow(options resolver.ResolveNowOptions) {
	select {
	case r.hints <- options:
	default: // one hint is enough
	}
}

// Close ends it, and waits for a look-up in flight.
func (r *resolving) Close() {
	r.stop()
	r.running.Wait()
}
