package conformance

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	conformancev1 "github.com/intentgate/intentgate/gen/go/intentgate/conformance/v1"
)

func gracefulStop(ctx context.Context, b *bench) (string, error) {
	if b.Process == nil {
		return "", notStarted
	}
	conn, err := b.dial(b.Gateway, grpc.WithStatsHandler(wire{}))
	if err != nil {
		return "", err
	}
	b.probe = conformancev1.NewProbeServiceClient(conn)
	var load load
	ended, stop := context.WithCancel(ctx)
	defer stop()
	loaded := make(chan struct{})
	go func() {
		load.run(ctx, ended, b.probe)
		close(loaded)
	}()
	const inFlight, length = 8, 2 * time.Second
	finished := make(chan error, inFlight)
	err = atOnce(inFlight, func(int) error {
		wait := b.wait()
		go func() { finished <- wait.call(ctx, length) }()
		return wait.until(ctx, conformancev1.WaitedResponse_END_WAITING)
	})
	if err == nil {
		err = b.Process.Terminate()
	}
	if err != nil {
		return "", err
	}
	waiting, cancel := context.WithTimeout(ctx, b.Patience)
	defer cancel()
	if err = b.Process.Wait(waiting); err != nil {
		err = fmt.Errorf("the process: %w", err)
	}
	stop()
	<-loaded
	for range inFlight {
		if cut := <-finished; cut != nil {
			err = errors.Join(err, fmt.Errorf("a call in flight was cut off: %w", cut))
		}
	}
	if n := load.lost.Load(); n > 0 {
		err = errors.Join(err, fmt.Errorf("%d calls were taken and not answered: %v", n, load.why.Load()))
	}
	return fmt.Sprintf("%d calls in flight and %d short ones were answered, %d not taken; the process has ended",
		inFlight, load.answered.Load(), load.notTaken.Load()), err
}

// load is what becomes of short calls.
type load struct {
	answered, notTaken, lost atomic.Int32
	why                      atomic.Value // of one that was lost: a text
}

// run calls until the service has ended, every few milliseconds and whether earlier calls are answered or not, as turns come. It
// returns when all calls have ended.
func (l *load) run(ctx, ended context.Context, probe conformancev1.ProbeServiceClient) {
	var group sync.WaitGroup
	for pause(ended, 3*time.Millisecond) {
		group.Go(func() {
			onWire := new(atomic.Bool)
			_, err := probe.Echo(context.WithValue(ctx, onWireKey{}, onWire), &conformancev1.EchoRequest{})
			switch {
			case err == nil:
				l.answered.Add(1)
			case status.Code(err) == codes.Unavailable && !onWire.Load():
				l.notTaken.Add(1)
			default:
				l.lost.Add(1)
				l.why.Store(err.Error())
			}
		})
	}
	group.Wait()
}

// wire notes whether the last try of a call was written to a connection. What was not may be tried elsewhere; what was, and has
// no answer, is lost: nobody knows whether it was done.
type wire struct{}

type onWireKey struct{}

// HandleRPC notes.
func (wire) HandleRPC(ctx context.Context, event stats.RPCStats) {
	onWire, ok := ctx.Value(onWireKey{}).(*atomic.Bool)
	if !ok {
		return
	}
	switch event.(type) {
	case *stats.Begin: // also of a try that follows one which was not taken
		onWire.Store(false)
	case *stats.OutPayload:
		onWire.Store(true)
	}
}

// TagRPC, TagConn and HandleConn have nothing to note.
func (wire) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (wire) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (wire) HandleConn(context.Context, stats.ConnStats)                       {}
