package intents

import (
	"context"
	"fmt"
	"time"
)

// The least time between two questions to a running service, in seconds and as a multiple of what the last answer took: a
// service can have itself asked. And the first wait after a question that it did not answer, which may have taken long for the
// network's sake; the next waits are longer.
const (
	pause      = time.Second
	rest       = 10
	firstRetry = 2 * time.Second
)

// Refresh has a service asked again that somebody follows: it may be another build by now. It does not wait.
func (c *Catalog) Refresh(name string) {
	if i := c.index(name); i >= 0 {
		select {
		case c.asked[i] <- struct{}{}:
		default: // somebody has asked already
		}
	}
}

// Follow loads what a running service claims, when Refresh asks for it and every so often, until the context ends. One that
// does not answer is asked again soon.
func (c *Catalog) Follow(ctx context.Context, name string, every time.Duration) error {
	i := c.index(name)
	if i < 0 {
		return fmt.Errorf("intents: there is no service %q", name)
	}
	retry, told := firstRetry, ""
	for {
		wait, start := every, c.config.Now()
		_, err := c.Load(ctx, name)
		least := rest * c.config.Now().Sub(start)
		if err == nil {
			retry, told = firstRetry, ""
		} else {
			wait, retry = min(retry, every), min(2*retry, every)
			least = min(least, wait)
			if told != err.Error() && ctx.Err() == nil {
				told = err.Error()
				c.config.Logger.WarnContext(ctx, "Intents not learnt", "service", name, "kept", len(c.snapshot(i).methods), "error", err)
			}
		}
		if !sleep(ctx, max(pause, least), nil) || !sleep(ctx, wait, c.asked[i]) {
			return nil
		}
	}
}

// sleep waits for a time, or for somebody who asks. It reports whether the context still lives.
func sleep(ctx context.Context, d time.Duration, asked <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	case <-asked:
	}
	return true
}
