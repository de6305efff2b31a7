package backend

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A circuit opens when nearly all of at least circuitCalls calls within circuitPeriod failed: while some are answered, it would take
// that from them, and a service that is back would be left alone for failures that are over. After circuitPause so many
// probes are let through, and it closes when they are all answered.
const (
	circuitRate   = 0.9
	circuitCalls  = 20
	circuitPeriod = 10 * time.Second
	circuitPause  = time.Second
	circuitProbes = 3
)

// fairTime is what a call must have had for its deadline to say something of the service: who sends a turn slowly leaves little of its
// time, and must not have a service that is well taken for one that is not.
const fairTime = time.Second

// inHurry says that a call has less than that.
func inHurry(ctx context.Context) bool {
	deadline, bounded := ctx.Deadline()
	return bounded && time.Until(deadline) < fairTime
}

// outcome is what a call says of its service's health.
type outcome int

const (
	answered outcome = iota // whatever the answer is
	failed
	unknown // nobody waited for the answer, or not for long, or the service was not called
)

// judge says what the end of a call means, which was perhaps in a hurry.
func judge(ctx context.Context, err error, hurried bool) outcome {
	switch {
	case err == nil:
		return answered
	case errors.Is(ctx.Err(), context.Canceled):
		return unknown
	}
	switch status.Code(err) {
	case codes.Canceled: // by Close
		return unknown
	case codes.DeadlineExceeded:
		if hurried {
			return unknown
		}
		return failed
	case codes.Unavailable:
		return failed
	default:
		return answered
	}
}

// circuit answers in place of a service that would only take the time of the turn. It is safe for concurrent use.
type circuit struct {
	breaker circuitbreaker.CircuitBreaker[any]
	refused *Refused
}

func newCircuit(service string, logger *slog.Logger) *circuit {
	tell := func(level slog.Level, message string) func(circuitbreaker.StateChangedEvent) {
		return func(event circuitbreaker.StateChangedEvent) {
			if event.OldState == circuitbreaker.HalfOpenState && event.NewState == circuitbreaker.OpenState {
				return // a probe that failed is no news
			}
			logger.LogAttrs(context.Background(), level, message, slog.String("service", service),
				slog.Uint64("calls", uint64(event.Metrics().Executions())), slog.Uint64("failed", uint64(event.Metrics().Failures())))
		}
	}
	return &circuit{
		breaker: circuitbreaker.NewBuilder[any]().
			WithFailureRateThreshold(circuitRate, circuitCalls, circuitPeriod).
			WithSuccessThreshold(circuitProbes).
			WithDelay(circuitPause).
			OnOpen(tell(slog.LevelWarn, "Circuit opened")).
			OnClose(tell(slog.LevelInfo, "Circuit closed")).
			Build(),
		refused: &Refused{CircuitOpen, codes.Unavailable, fmt.Sprintf(
			"service %s has failed too often in the last %s; it is tried again every %s", service, circuitPeriod, circuitPause)},
	}
}

// enter begins a call, or refuses it.
func (c *circuit) enter() error {
	if c.breaker.TryAcquirePermit() {
		return nil
	}
	return c.refused
}

// leave ends a call that entered.
func (c *circuit) leave(how outcome) {
	switch {
	case how == answered:
		c.breaker.RecordSuccess()
	case how == failed:
		c.breaker.RecordFailure()
	case c.breaker.IsHalfOpen():
		// A probe that says nothing: the next one is due after another pause. Were nothing recorded its permit would be
		// lost, and after a few of them the circuit would stay as it is for ever.
		c.breaker.RecordFailure()
	}
}
