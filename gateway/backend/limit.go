package backend

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go/adaptivelimiter"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Concurrency bounds the calls that a service has in work. The zero value: as the configuration's defaults are.
type Concurrency struct {
	// Min and Max are the bounds of the limit, which follows the service.
	Min, Max uint32
	// Queue is how many calls may wait.
	Queue uint32
}

// limit is how many calls a service has in work. It is safe for concurrent use.
type limit struct {
	limiter       adaptivelimiter.AdaptiveLimiter[any]
	queue         int64
	waiting       atomic.Int64
	full, tooLong *Refused
}

// A limit begins at firstLimit, and does not fall below that because there is little to do: a service that is not asked for
// much can do more at once.
const (
	firstLimit  = 200
	headroom    = 5 // times the calls at once of the last limitWindow
	limitWindow = time.Minute
)

func newLimit(service string, c Concurrency) *limit {
	if c == (Concurrency{}) {
		c = Concurrency{Min: 10, Max: 1000, Queue: 250}
	}
	least, most := max(c.Min, 1), max(c.Max, c.Min, 1)
	return &limit{
		limiter: adaptivelimiter.NewBuilder[any]().
			WithLimits(uint(least), uint(most), uint(min(max(firstLimit, least), most))).
			WithMaxLimitFunc(func(inFlight int) float64 { return float64(max(firstLimit, headroom*inFlight)) }).
			WithMaxLimitStabilizationWindow(limitWindow).
			Build(),
		queue:   int64(c.Queue),
		full:    &Refused{QueueFull, codes.ResourceExhausted, fmt.Sprintf("as many calls to service %s as may wait, %d, do so already", service, c.Queue)},
		tooLong: &Refused{QueueTimeout, codes.ResourceExhausted, fmt.Sprintf("service %s had too much to do for half of the time that was left", service)},
	}
}

// enter begins a call as soon as there is room for it, but waits at most for half of the time that it has left.
func (l *limit) enter(ctx context.Context, call *Call) (adaptivelimiter.Permit, error) {
	if permit, ok := l.limiter.TryAcquirePermit(); ok {
		return permit, nil
	}
	defer l.waiting.Add(-1)
	if l.waiting.Add(1) > l.queue {
		return nil, l.full
	}
	began := time.Now()
	patience := never
	if deadline, bounded := ctx.Deadline(); bounded {
		patience = deadline.Sub(began) / 2
	}
	permit, err := l.limiter.AcquirePermitWithMaxWait(ctx, patience)
	call.Queued = time.Since(began)
	switch {
	case err == nil:
		return permit, nil
	case ctx.Err() != nil:
		return nil, status.FromContextError(ctx.Err()).Err()
	default:
		return nil, l.tooLong
	}
}

// leave ends a call that entered. How long it took is told to the limiter where the service's answer took that long, or would
// have taken longer: not where it failed at once, or was tried again.
func (l *limit) leave(permit adaptivelimiter.Permit, call *Call, how outcome, err error) {
	if call.Tries == 1 && (how == answered || how == failed && status.Code(err) == codes.DeadlineExceeded) {
		permit.Record()
		return
	}
	permit.Drop()
}
