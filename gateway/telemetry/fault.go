package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/intentgate/intentgate/gateway/edge"
)

var errLeft = errors.New("the caller hung up")

// CallerLeft notes that nobody is there for the answer any more, who waited for so long. Dialogflow waits for its timeout: if that
// is not over by what the gateway knows of it, the two differ, and somebody should get to know.
func (e *TurnEvent) CallerLeft(ctx context.Context, waited, timeout time.Duration) {
	if e.WriteError == nil && e.FailureStatus == 0 {
		e.WriteError = errLeft
	}
	t := e.telemetry
	if waited >= timeout {
		return
	}
	t.left.count(1, e.Webhook)
	if !t.told.due("caller left", e.Webhook, t.now()) {
		return
	}
	t.logger.LogAttrs(ctx, slog.LevelWarn, "Caller hung up before the webhook's timeout",
		slog.String("webhook", e.Webhook),
		slog.Duration("waited", waited),
		slog.Duration("timeout", timeout),
		slog.String("hint", fmt.Sprintf("the caller hung up after %s; the webhook's timeout here is %s: give it the timeout that the agent has, "+
			"so that the answer comes before", waited.Round(100*time.Millisecond), timeout)),
	)
}

// Panicked logs that a turn's handler panicked, with the stack, of which it is called.
func (t *Telemetry) Panicked(ctx context.Context, v any, webhook, peer string) {
	t.logger.LogAttrs(ctx, slog.LevelError, "Handler panicked",
		append(edge.Panic(v), slog.String("webhook", webhook), slog.String("peer", peer))...)
}
