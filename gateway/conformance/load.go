package conformance

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/types/known/durationpb"

	conformancev1 "github.com/intentgate/intentgate/gen/go/intentgate/conformance/v1"
	"github.com/intentgate/intentgate/services/caller"
)

// wait is one wait of the probe's.
type wait struct {
	*bench

	id string
}

func (b *bench) wait() wait { return wait{b, rand.Text()} }

// call waits for that long, or until the context ends.
func (w wait) call(ctx context.Context, length time.Duration) error {
	_, err := w.probe.Wait(ctx, &conformancev1.WaitRequest{Id: w.id, Time: durationpb.New(length)})
	return err
}

// is asks whether the wait is as it should be.
func (w wait) is(ctx context.Context, want conformancev1.WaitedResponse_End) error {
	waited, err := w.probe.Waited(ctx, &conformancev1.WaitedRequest{Id: w.id})
	if err == nil && waited.GetEnd() != want {
		err = fmt.Errorf("the method's work is %s instead of %s", waited.GetEnd(), want)
	}
	return err
}

// until waits until it is.
func (w wait) until(ctx context.Context, want conformancev1.WaitedResponse_End) error {
	return w.bench.until(ctx, func() error { return w.is(ctx, want) })
}

// atOnce does something as often at the same time, and returns the first error.
func atOnce(times int, do func(i int) error) error {
	var group errgroup.Group
	for i := range times {
		group.Go(func() error { return do(i) })
	}
	return group.Wait()
}

func concurrency(ctx context.Context, b *bench) (string, error) {
	const crowd = 64
	mixed := atOnce(crowd, func(i int) error {
		sent := turn()
		response, err := b.echo(ctx, sent, &conformancev1.EchoRequest{Text: sent.Ref.GetRequestId(), Signed: int64(i)})
		if err != nil {
			return fmt.Errorf("one of %d calls: %w", crowd, err)
		}
		return same("its caller", response.GetCaller(), sent.Caller)
	})
	waiting, giveUp := context.WithCancel(ctx)
	defer giveUp()
	held := atOnce(crowd, func(int) error {
		wait := b.wait()
		go func() { _ = wait.call(waiting, 10*b.Patience) }() // ends with giveUp
		if err := wait.until(ctx, conformancev1.WaitedResponse_END_WAITING); err != nil {
			return fmt.Errorf("while %d calls wait: %w", crowd, err)
		}
		return nil
	})
	return fmt.Sprintf("%d calls at once, and others while %d wait", crowd, crowd), errors.Join(mixed, held)
}

func idempotency(ctx context.Context, b *bench) (string, error) {
	var failed error
	try := func(ctx context.Context) int64 {
		response, err := b.probe.Once(ctx, &conformancev1.OnceRequest{})
		failed = errors.Join(failed, err)
		return response.GetCount()
	}
	other, err := caller.NewOutgoingContext(ctx, turn())
	if err != nil {
		return "", err
	}
	one, err := caller.NewOutgoingContext(ctx, turn())
	if err != nil {
		return "", err
	}
	first := try(other)
	const tries = 16
	heard := make([]int64, tries)
	err = atOnce(tries, func(i int) error {
		response, err := b.probe.Once(one, &conformancev1.OnceRequest{})
		heard[i] = response.GetCount()
		return err
	})
	heard = append(heard, try(one))
	direct, next := try(ctx), try(ctx)
	switch {
	case err != nil || failed != nil:
		return "", errors.Join(err, failed)
	case slices.ContainsFunc(heard, func(count int64) bool { return count != first+1 }):
		return "", fmt.Errorf("%d tries with one key at once, and a later one, heard %v, after %d", tries, heard, first)
	case next != direct+1:
		return "", fmt.Errorf("calls without a key heard %d, then %d", direct, next)
	default:
		return fmt.Sprintf("%d tries at once and a later one are one", tries), nil
	}
}
