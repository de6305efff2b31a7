package gateway

import (
	"context"
	"time"
)

// clock is the context of a turn, with the values of its request. The turn's time ends at its deadline, and does not end when the
// caller leaves: a call that was begun may be joined by the next try.
//
// It has no Done, since most turns wait for one call alone, which sets its own timer: [context.WithDeadline] with this deadline makes
// a context to wait with.
type clock struct {
	context.Context

	deadline time.Time
}

// Deadline is when the turn's time ends.
func (c clock) Deadline() (time.Time, bool) { return c.deadline, true }

// Done is nil.
func (clock) Done() <-chan struct{} { return nil }

// Err says whether the turn's time has ended.
func (c clock) Err() error {
	if time.Now().Before(c.deadline) {
		return nil
	}
	return context.DeadlineExceeded
}
