package conformance

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	conformancev1 "github.com/intentgate/intentgate/gen/go/intentgate/conformance/v1"
)

// wait is one wait of the probe's.
type wait struct {
	*bench

	client conformancev1.ProbeServiceClient
	id     string
}

func (b *bench) wait(conn *grpc.ClientConn) wait {
	return wait{b, conformancev1.NewProbeServiceClient(conn), rand.Text()}
}

// call waits for that long, or until the context ends.
func (w wait) call(ctx context.Context, length time.Duration) error {
	_, err := w.client.Wait(ctx, &conformancev1.WaitRequest{Id: w.id, Time: durationpb.New(length)})
	return err
}

// until waits until the service says that the wait is as it should be.
func (w wait) until(ctx context.Context, want conformancev1.WaitedResponse_End) error {
	return w.bench.until(ctx, func() error { return w.is(ctx, want) })
}

// is asks whether the wait is as it should be.
func (w wait) is(ctx context.Context, want conformancev1.WaitedResponse_End) error {
	ctx, cancel := context.WithTimeout(ctx, w.Patience)
	defer cancel()
	waited, err := w.client.Waited(ctx, &conformancev1.WaitedRequest{Id: w.id})
	switch {
	case err != nil:
		return said(err)
	case waited.GetEnd() != want:
		return fmt.Errorf("the method's work is %s instead of %s", waited.GetEnd(), want)
	default:
		return nil
	}
}

// crowd is how many calls there are at once.
const crowd = 64

// atOnce does something as often at the same time, and returns the first error.
func atOnce(n int, do func(i int) error) error {
	errs := make([]error, n)
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() { errs[i] = do(i) })
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func concurrency(ctx context.Context, b *bench) (string, error) {
	conn, err := b.gateway()
	if err != nil {
		return "", err
	}
	mixed := atOnce(crowd, func(i int) error {
		sent := turn()
		calling, err := told(ctx, sent)
		if err != nil {
			return err
		}
		request := &conformancev1.EchoRequest{Text: sent.Ref.GetRequestId(), Signed: int64(i)}
		response, err := echo(calling, b, conn, request)
		if err != nil {
			return fmt.Errorf("one of %d: %w", crowd, said(err))
		}
		return errors.Join(same("an answer", response.GetRequest(), request), same("its caller", response.GetCaller(), sent.Caller))
	})
	waiting, giveUp := context.WithCancel(ctx)
	defer giveUp()
	held := atOnce(crowd, func(int) error {
		wait := b.wait(conn)
		go func() { _ = wait.call(waiting, 10*b.Patience) }() // ends with giveUp
		return wait.until(ctx, conformancev1.WaitedResponse_END_WAITING)
	})
	if held != nil {
		held = fmt.Errorf("while %d calls wait: %w", crowd, held)
	}
	return all(fmt.Sprintf("%d calls at once, and others while %d wait", crowd, crowd), mixed, held)
}

func idempotency(ctx context.Context, b *bench) (string, error) {
	conn, err := b.gateway()
	if err != nil {
		return "", err
	}
	client := conformancev1.NewProbeServiceClient(conn)
	try := func(ctx context.Context) (int64, error) {
		ctx, cancel := context.WithTimeout(ctx, b.Patience)
		defer cancel()
		response, err := client.Once(ctx, &conformancev1.OnceRequest{})
		if err != nil {
			return 0, said(err)
		}
		return response.GetCount(), nil
	}
	other, otherErr := told(ctx, turn())
	one, oneErr := told(ctx, turn())
	if err := errors.Join(otherErr, oneErr); err != nil {
		return "", err
	}
	first, err := try(other)
	if err != nil {
		return "", err
	}
	const tries = 16
	var heard [tries]int64
	err = atOnce(tries, func(i int) (err error) {
		heard[i], err = try(one)
		return err
	})
	if err != nil {
		return "", err
	}
	var problems []error
	if slices.ContainsFunc(heard[:], func(count int64) bool { return count != first+1 }) {
		problems = append(problems, fmt.Errorf("%d tries with one key at once heard %v, after %d", tries, heard, first))
	}
	again, err := try(one)
	if err == nil && again != first+1 {
		err = fmt.Errorf("a later try heard %d instead of %d", again, first+1)
	}
	direct, directErr := try(ctx)
	next, nextErr := try(ctx)
	if directErr = errors.Join(directErr, nextErr); directErr == nil && next != direct+1 {
		directErr = fmt.Errorf("calls without a key heard %d, then %d", direct, next)
	}
	return all(fmt.Sprintf("%d tries at once and a later one are one", tries), append(problems, err, directErr)...)
}

// wire notes whether the last try of a call was written to a connection. What was not may be tried elsewhere; what was, and has
// no answer, is lost: nobody knows whether it was done.
type wire struct{}

type written struct{}

// TagRPC leaves the context alone, which has a place for the note.
func (wire) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// HandleRPC notes.
func (wire) HandleRPC(ctx context.Context, event stats.RPCStats) {
	note, ok := ctx.Value(written{}).(*atomic.Bool)
	if !ok {
		return
	}
	switch event.(type) {
	case *stats.Begin: // also of a try that follows one which was not taken
		note.Store(false)
	case *stats.OutPayload:
		note.Store(true)
	}
}

// TagConn leaves the context alone.
func (wire) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn has nothing to note.
func (wire) HandleConn(context.Context, stats.ConnStats) {}

func gracefulStop(ctx context.Context, b *bench) (string, error) {
	if b.Process == nil {
		return "", notStarted
	}
	conn, err := b.dial(b.Gateway, grpc.WithStatsHandler(wire{}))
	if err != nil {
		return "", err
	}
	ended, stop := context.WithCancel(ctx)
	defer stop()
	var load load
	loaded := make(chan struct{})
	go func() {
		load.run(ctx, ended, b, conn)
		close(loaded)
	}()
	const inFlight, length = 8, 2 * time.Second
	finished := make(chan error, inFlight)
	err = atOnce(inFlight, func(int) error {
		wait := b.wait(conn)
		go func() {
			ctx, cancel := context.WithTimeout(ctx, b.Patience)
			defer cancel()
			finished <- wait.call(ctx, length)
		}()
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
	exit := b.Process.Wait(waiting)
	stop()
	<-loaded
	var problems []error
	var cut int
	var why error
	for range inFlight {
		if err := <-finished; err != nil {
			cut, why = cut+1, said(err)
		}
	}
	if cut > 0 {
		problems = append(problems, fmt.Errorf("%d of %d calls in flight were cut off: %w", cut, inFlight, why))
	}
	if n := load.lost.Load(); n > 0 {
		problems = append(problems, fmt.Errorf("%d calls were taken and not answered: %v", n, load.why.Load()))
	}
	if exit != nil {
		problems = append(problems, fmt.Errorf("the process: %w", exit))
	}
	return all(fmt.Sprintf("%d calls in flight and %d short ones were answered, %d not taken; the process has ended",
		inFlight, load.answered.Load(), load.notTaken.Load()), problems...)
}

// load is what becomes of short calls.
type load struct {
	answered, notTaken, lost atomic.Int32
	why                      atomic.Value // of the last that was lost: a text
}

// run calls until the service has ended, every few milliseconds and whether earlier calls are answered or not, as turns come. It
// returns when all calls have ended.
func (l *load) run(ctx, ended context.Context, b *bench, conn *grpc.ClientConn) {
	var group sync.WaitGroup
	for pause(ended, 3*time.Millisecond) {
		group.Go(func() { l.call(ctx, b, conn) })
	}
	group.Wait()
}

func (l *load) call(ctx context.Context, b *bench, conn *grpc.ClientConn) {
	onWire := new(atomic.Bool)
	_, err := echo(context.WithValue(ctx, written{}, onWire), b, conn, &conformancev1.EchoRequest{})
	switch {
	case err == nil:
		l.answered.Add(1)
	case status.Code(err) == codes.Unavailable && !onWire.Load():
		l.notTaken.Add(1)
	default:
		l.lost.Add(1)
		l.why.Store(said(err).Error())
	}
}
