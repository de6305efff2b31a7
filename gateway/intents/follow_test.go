package intents_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intentgate/intentgate/gateway/intents"
)

// TestFollow asks a service again: every so often, when somebody says so, and soon after it did not answer.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{err: errors.New("not there")}
		c := newCatalog(t, []intents.View{es}, intents.Service{Name: "orders", Allow: everything, Load: s.load})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.Follow(ctx, "orders", 5*time.Minute) }()
		passes := func(d time.Duration) { time.Sleep(d); synctest.Wait() }
		read := func(want int) {
			t.Helper()
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.read != want {
				t.Errorf("asked %d times, want %d", s.read, want)
			}
			s.read = 0
		}
		passes(15 * time.Second) // 0, 1+2, 1+4, 1+8 s
		read(3)
		if got := c.log.count("Intents not learnt", "orders"); got != 1 {
			t.Errorf("told %d times, want once", got)
		}
		s.become(methods(t, track), nil)
		passes(5 * time.Second)
		read(1)
		c.finds(es, intent("order.track"), "orders /shop.v1.Orders/Track")

		c.Refresh("orders") // asked at once, and but once a second
		passes(0)
		read(1)
		for range 100 {
			c.Refresh("orders")
		}
		c.Refresh("nobody")
		passes(2 * time.Second)
		read(1)

		passes(11 * time.Minute)
		read(2)
		s.become(nil, errors.New("gone"))
		passes(6 * time.Minute)
		c.finds(es, intent("order.track"), "orders /shop.v1.Orders/Track")
		if got := c.log.count("Intents not learnt", "orders"); got != 2 {
			t.Errorf("told %d times, want twice", got)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestSilence has a service be silent for one question: it is asked again soon, however long that took, and later each time that
// it is silent once more.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []time.Time
		c, err := intents.New(intents.Config{
			Views: []intents.View{es}, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
			Services: []intents.Service{{Name: "orders", Allow: everything, Load: func(ctx context.Context) ([]byte, error) {
				asked = append(asked, time.Now())
				<-ctx.Done()
				return nil, ctx.Err()
			}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.Follow(ctx, "orders", 5*time.Minute) }()
		for range 5 * 60 {
			time.Sleep(time.Second)
			c.Refresh("orders") // which does not help a service that keeps others busy
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		const patience = 10 * time.Second
		for i := range asked[1:] {
			want := min(2*time.Second<<i, 10*patience)
			if wait := asked[i+1].Sub(asked[i]) - patience; wait < want || wait > want+time.Second {
				t.Errorf("asked again %s after silence %d", wait, i+1)
			}
		}
		if len(asked) < 5 {
			t.Errorf("asked %d times", len(asked))
		}
	})
}

// TestPanic has the source of descriptors panic, as a linker might.
func TestPanic(t *testing.T) {
	c := newCatalog(t, []intents.View{es}, intents.Service{Name: "orders", Load: func(context.Context) ([]byte, error) { panic("index out of range") }})
	if _, err := c.Load(t.Context(), "orders"); err == nil || !strings.Contains(err.Error(), "index out of range") {
		t.Errorf("got %v", err)
	}
}

// TestPatience has a service that never describes itself.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCatalog(t, []intents.View{es}, intents.Service{Name: "orders", Load: func(ctx context.Context) ([]byte, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		start := time.Now()
		if _, err := c.Load(t.Context(), "orders"); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > time.Minute {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
	})
}
