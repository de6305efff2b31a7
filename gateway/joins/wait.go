package joins

import (
	"context"

	"google.golang.org/grpc/status"
)

// wait returns what a call comes to, or that the turn cannot wait any longer.
func (c *Calls) wait(ctx, caller context.Context, call *Call) Result {
	c.mu.Lock()
	over := call.over
	if !over && call.ended == nil {
		call.ended = make(chan struct{})
	}
	ended := call.ended
	c.mu.Unlock()
	if over {
		return call.result()
	}
	if deadline, bounded := ctx.Deadline(); bounded { // of its own: it may come without Done
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline)
		defer cancel()
	}
	select {
	case <-ended:
		return call.result()
	case <-caller.Done():
		return Result{Err: status.FromContextError(context.Canceled).Err()}
	case <-ctx.Done():
		result := Result{Err: status.FromContextError(ctx.Err()).Err()}
		if call.detached {
			result.Pending = call
		}
		return result
	}
}

func (c *Calls) isRecorded(call *Call) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return call.recorded
}

// Wait waits until no call is under way beside its turn.
func (c *Calls) Wait(ctx context.Context) error {
	c.mu.Lock()
	if c.detached == 0 {
		c.mu.Unlock()
		return nil
	}
	if c.idle == nil {
		c.idle = make(chan struct{})
	}
	idle := c.idle
	c.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
