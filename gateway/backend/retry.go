package backend

import (
	"cmp"
	"context"
	"crypto/rand"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

const (
	// leastTry is the time below which a further try is not worth its call.
	leastTry = 50 * time.Millisecond
	// firstPause is the longest pause before the second try, and doubles with each further one up to longestPause: a turn
	// has a few seconds.
	firstPause   = 25 * time.Millisecond
	longestPause = 200 * time.Millisecond
	// clockSkew is by how much a service may notice the end of a try earlier than the gateway does.
	clockSkew = 10 * time.Millisecond
	// never is a time that no call lasts.
	never = 24 * time.Hour
)

// Retries says how often an idempotent call is tried. The zero value: once.
type Retries struct {
	// Tries at most, the first included.
	Tries int
	// TryTimeout is the time for a try but the last. Zero: three quarters of what is left.
	TryTimeout time.Duration
}

// retries makes the tries of the calls to one service. It is safe for concurrent use.
type retries struct {
	Retries

	once   func(ctx context.Context, call *Call) ([]byte, error) // makes one try
	budget retryBudget
	made   atomic.Uint64
}

// do makes a call, again and again where that is of use.
func (r *retries) do(ctx context.Context, call *Call) ([]byte, error) {
	r.budget.earn()
	for {
		call.Tries++
		deadline, last := r.deadline(ctx, call)
		if last && (ctx.Done() != nil || deadline.IsZero()) { // ctx ends then by itself, or never
			return r.once(ctx, call)
		}
		response, cut, err := r.until(ctx, call, deadline)
		if err == nil || last {
			return response, err
		}
		ended := time.Now()
		pause, again := pauseAfter(err, call.Tries, cut)
		if !again || !fits(ctx, pause) || !r.budget.spend() || !sleep(ctx, pause) {
			return nil, err
		}
		r.made.Add(1)
		call.Failed = append(call.Failed, Try{Ended: ended, Code: status.Code(err)})
	}
}

// deadline returns when a try ends that another one may follow. The last one has all that is left.
func (r *retries) deadline(ctx context.Context, call *Call) (deadline time.Time, last bool) {
	end, bounded := ctx.Deadline()
	if !call.Idempotent || call.Tries >= r.Tries || r.budget.used() {
		return end, true
	}
	now := time.Now()
	if !bounded {
		end = now.Add(never)
	}
	left := end.Sub(now)
	limit := cmp.Or(r.TryTimeout, left-left/4)
	if left-limit < leastTry {
		return end, true
	}
	return now.Add(limit), false
}

// until makes a try that ends then, and reports whether it is that which ended it.
func (r *retries) until(ctx context.Context, call *Call, deadline time.Time) (response []byte, ended bool, err error) {
	try, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	response, err = r.once(try, call)
	return response, status.Code(err) == codes.DeadlineExceeded && time.Until(deadline) < clockSkew, err
}

// pauseAfter returns whether a failed try may be followed by another one, and after which pause. What the service says of
// that counts more than anything else.
func pauseAfter(err error, tries int, ended bool) (pause time.Duration, again bool) {
	switch code := status.Code(err); code {
	case codes.Unavailable, codes.ResourceExhausted, codes.Aborted:
		if delay, said := retryDelay(err); said {
			return delay, delay >= 0
		}
		return shortPause(tries), code == codes.Unavailable
	case codes.DeadlineExceeded:
		return 0, ended // the pause has been long enough
	default:
		return 0, false
	}
}

// retryDelay returns what a status says of when to come back: never, where it is negative or cannot be read.
func retryDelay(err error) (delay time.Duration, said bool) {
	for _, detail := range status.Convert(err).Proto().GetDetails() {
		var info errdetails.RetryInfo
		if !strings.HasSuffix(detail.GetTypeUrl(), "/google.rpc.RetryInfo") {
			continue
		}
		if proto.Unmarshal(detail.GetValue(), &info) != nil {
			return -1, true
		}
		return info.GetRetryDelay().AsDuration(), true
	}
	return 0, false
}

// shortPause is between half of the pause that is due and all of it, so that calls which failed together do not come back
// together.
func shortPause(tries int) time.Duration {
	var chance [1]byte
	_, _ = rand.Read(chance[:]) // never fails
	half := min(firstPause<<(tries-1), longestPause) / 2
	return half + half*time.Duration(chance[0])/255
}

// fits reports whether there is time for a pause and a try.
func fits(ctx context.Context, pause time.Duration) bool {
	deadline, bounded := ctx.Deadline()
	return ctx.Err() == nil && (!bounded || time.Until(deadline)-leastTry >= pause)
}

// sleep waits, and reports whether that was not cut short.
func sleep(ctx context.Context, pause time.Duration) bool {
	if pause == 0 {
		return true
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

const (
	retryPrice  = 5  // in calls
	firstFew    = 10 // retries
	retryCredit = firstFew * retryPrice
)

// retryBudget bounds further tries to a fifth of the calls, beside the first few: with two of them for every call, a service
// that fails under its load would never come back.
type retryBudget struct{ spent atomic.Int64 } // of retryCredit

func (b *retryBudget) earn() {
	for spent := b.spent.Load(); spent > 0 && !b.spent.CompareAndSwap(spent, spent-1); {
		spent = b.spent.Load()
	}
}

// used reports whether there is nothing left to spend.
func (b *retryBudget) used() bool { return b.spent.Load()+retryPrice > retryCredit }

func (b *retryBudget) spend() bool {
	for {
		spent := b.spent.Load()
		if spent+retryPrice > retryCredit {
			return false
		}
		if b.spent.CompareAndSwap(spent, spent+retryPrice) {
			return true
		}
	}
}
