package main

import (
	"context"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/once"
)

// TestContinuation has a service take longer than its webhook's time, with each call of the agent's tried twice: the user hears its answer, and
// the service has done once what it does.
func TestContinuation(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	var calls, done atomic.Int32
	answers := once.NewAnswers(nil)
	s := startService(t, dir, "127.0.0.1:0")
	s.answers(func(ctx context.Context, _ *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
		calls.Add(1)
		return once.Do(ctx, answers, func() (*intentgatev1.FulfillResponse, error) {
			select {
			case <-time.After(2500 * time.Millisecond):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			done.Add(1)
			return says("Found it."), nil
		})
	})
	configure(t, dir, edit{"127.0.0.1:1\n", s.addr + "\n"}, edit{"platform: ES\n", "platform: ES\n    timeout: 5s\n    reserve: 4s\n"},
		edit{"  - service: shop-orders\n", "  - {service: shop-orders, match: {platform: ES}, continue_for: 20s}\n  - service: shop-orders\n"})
	const conversation = `agent:
  intents:
    find: {}
    go on: {events: [intentgate-continue], text: {en: Nobody hears this.}}
conversations:
  - name: An answer is waited for
    webhook: /dialogflow/es
    platforms: [ES]
    turns:
      - say: Find it
        intent: find
        retry: RETRY
        expect: {heard: Found it., event: intentgate-continue, calls: [{method: Fulfill}]}
`
	stdout, stderr, err := execute(t, "test", "-v", "--config", filepath.Join(dir, configFile), yaml(t, strings.Replace(conversation, "RETRY", "SAME_ID", 1)))
	if err != nil || calls.Load() != 1 || done.Load() != 1 {
		t.Errorf("%v, called %d times, done %d times\n%s%s", err, calls.Load(), done.Load(), stdout, stderr)
	}
	for _, want := range []string{"answer=continuation", "joined=continuation", "joined=call"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("no turn is logged with %s:\n%s", want, stderr)
		}
	}
	// Where the ids of turns do not tell, the same holds for retries with new ones.
	configure(t, dir, edit{"127.0.0.1:1\n", s.addr + "\n"}, edit{"platform: ES\n", "platform: ES\n    timeout: 5s\n    reserve: 4s\n    retries_repeat_id: false\n"},
		edit{"  - service: shop-orders\n", "  - {service: shop-orders, match: {platform: ES}, continue_for: 20s}\n  - service: shop-orders\n"})
	stdout, stderr, err = execute(t, "test", "-v", "--config", filepath.Join(dir, configFile), yaml(t, strings.Replace(conversation, "RETRY", "NEW_ID", 1)))
	if err != nil || calls.Load() != 2 || done.Load() != 2 {
		t.Errorf("%v, called %d times, done %d times\n%s%s", err, calls.Load(), done.Load(), stdout, stderr)
	}

	stdout, stderr, err = execute(t, "check", "--config", filepath.Join(dir, configFile))
	if want := "routes[0] may take 20s: an intent of each ES agent has to listen to the event intentgate-continue"; !strings.Contains(stdout, want) {
		t.Errorf("%v: check does not say %q:\n%s%s", err, want, stdout, stderr)
	}
}
