package backend_test

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/intentgate/intentgate/gateway/backend"
)

// TestQueue has more calls than a service takes.
func TestQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		client := simulated(backend.Config{Concurrency: backend.Concurrency{Min: 1, Max: 1, Queue: 2}}, func(ctx context.Context, call *backend.Call) ([]byte, error) {
			select {
			case <-release:
				return call.Request, nil
			case <-ctx.Done():
				return nil, status.FromContextError(ctx.Err()).Err()
			}
		})
		type end struct {
			call *backend.Call
			err  error
			took time.Duration
		}
		start := func(ctx context.Context, name string) <-chan end {
			done := make(chan end, 1)
			go func() {
				made, began := &backend.Call{Method: method, Request: []byte(name)}, time.Now()
				_, err := client.Invoke(ctx, made)
				done <- end{made, err, time.Since(began)}
			}()
			synctest.Wait()
			return done
		}
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		leaving, leave := context.WithCancel(ctx)
		first, second, third := start(ctx, "first"), start(ctx, "second"), start(leaving, "third")
		if load := client.Load(); load.Limit != 1 || load.InFlight != 1 || load.Queued != 2 {
			t.Errorf("load is %+v", load)
		}
		if got := <-start(ctx, "fourth"); refusal(got.err) != backend.QueueFull || status.Code(got.err) != codes.ResourceExhausted || got.took != 0 || got.call.Tries != 0 {
			t.Errorf("the fourth call: %+v", got)
		}
		time.Sleep(time.Second)
		leave()
		if got := <-third; status.Code(got.err) != codes.Canceled || got.took != time.Second || got.call.Tries != 0 || got.call.Queued != time.Second {
			t.Errorf("the third call, whose caller left: %+v", got)
		}
		fifth := start(ctx, "fifth") // has three seconds
		release <- struct{}{}
		if got := <-first; got.err != nil || got.call.Queued != 0 {
			t.Errorf("the first call: %+v", got)
		}
		time.Sleep(time.Second)
		release <- struct{}{}
		if got := <-second; got.err != nil || got.call.Queued != time.Second || got.call.Tries != 1 {
			t.Errorf("the second call: %+v", got)
		}
		sixth := start(ctx, "sixth") // has two seconds, and the fifth is at work
		if got := <-sixth; refusal(got.err) != backend.QueueTimeout || status.Code(got.err) != codes.ResourceExhausted || got.took != time.Second || got.call.Queued != time.Second || got.call.Tries != 0 {
			t.Errorf("the sixth call: %+v", got)
		}
		if got := <-fifth; status.Code(got.err) != codes.DeadlineExceeded || got.call.Tries != 1 {
			t.Errorf("the fifth call: %+v", got)
		}
		if load := client.Load(); load.InFlight != 0 || load.Queued != 0 {
			t.Errorf("load is %+v in the end", load)
		}
	})
}

// jitter spreads latencies as those of real services are: most near the median, one of a hundred ten times as long. It is the
// same in each run.
type jitter struct{ n atomic.Uint64 }

func (j *jitter) around(median time.Duration) time.Duration {
	const golden = 0.6180339887498949
	_, u := math.Modf(float64(j.n.Add(1)) * golden)
	return time.Duration(float64(median) * math.Exp(math.Erfinv(2*min(max(u, .001), .999)-1)*math.Sqrt2))
}

// healthy are loads that a service is fine with.
var healthy = map[string]struct {
	median  func(since time.Duration, n int) time.Duration
	every   func(since time.Duration) time.Duration // a call
	burst   int                                     // calls at once, each time
	last    time.Duration
	workers int // of the service; zero: as many as are needed
}{
	"a few calls":         {median: fixed(30 * time.Millisecond), every: steady(2 * time.Second), last: 6 * time.Hour},
	"many calls":          {median: fixed(50 * time.Millisecond), every: steady(2 * time.Millisecond), last: 40 * time.Second},
	"bursts after a calm": {median: fixed(500 * time.Millisecond), every: steady(10 * time.Minute), burst: 100, last: 6 * time.Hour},
	"crowds after some calls": {median: fixed(100 * time.Millisecond), every: func(since time.Duration) time.Duration {
		if since%(10*time.Minute) < 9*time.Minute {
			return time.Second / 5
		}
		return time.Second / 200
	}, last: 20 * time.Minute},
	"slow for a while": {median: func(since time.Duration, _ int) time.Duration {
		if since%(10*time.Minute) < 9*time.Minute {
			return 20 * time.Millisecond
		}
		return time.Second
	}, every: steady(20 * time.Millisecond), last: 11 * time.Minute},
	"busy": {median: fixed(50 * time.Millisecond), every: steady(time.Second / 200), workers: 20, last: time.Minute}, // four fifths of what it can do
	"stops now and then": {median: func(since time.Duration, _ int) time.Duration {
		if pause := since % (30 * time.Second); pause < time.Second/2 {
			return time.Second/2 - pause + 20*time.Millisecond
		}
		return 20 * time.Millisecond
	}, every: steady(time.Second / 200), last: 70 * time.Second},
	"fast and slow methods": {median: func(_ time.Duration, n int) time.Duration {
		if n%7 == 0 {
			return time.Second
		}
		return 5 * time.Millisecond
	}, every: steady(10 * time.Millisecond), last: 3 * time.Minute},
}

func fixed(median time.Duration) func(time.Duration, int) time.Duration {
	return func(time.Duration, int) time.Duration { return median }
}

func steady(every time.Duration) func(time.Duration) time.Duration {
	return func(time.Duration) time.Duration { return every }
}

// TestHealthyServices have every call at once, by the defaults.
func TestHealthyServices(t *testing.T) {
	t.Parallel()
	for name, load := range healthy {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var spread jitter
				begin := time.Now()
				var work chan struct{}
				if load.workers > 0 {
					work = make(chan struct{}, load.workers)
				}
				client := simulated(backend.Config{}, func(_ context.Context, call *backend.Call) ([]byte, error) {
					if work != nil {
						work <- struct{}{}
						defer func() { <-work }()
					}
					time.Sleep(spread.around(load.median(time.Since(begin), len(call.Request))))
					return nil, nil
				})
				var running sync.WaitGroup
				var refused, queued, most atomic.Int64
				requests := make([]byte, 7)
				n := 0
				for time.Since(begin) < load.last {
					for range max(load.burst, 1) {
						n++
						made := &backend.Call{Method: method, Request: requests[:n%7]}
						running.Go(func() {
							ctx, cancel := context.WithTimeout(context.Background(), 100*time.Second)
							defer cancel()
							if _, err := client.Invoke(ctx, made); err != nil {
								refused.Add(1)
							}
							if made.Queued > 0 {
								queued.Add(1)
							}
						})
					}
					most.Store(max(most.Load(), int64(client.Load().InFlight)))
					time.Sleep(load.every(time.Since(begin)))
				}
				running.Wait()
				t.Logf("%d calls, %d at once, limit %d", n, most.Load(), client.Load().Limit)
				if refused.Load() > 0 || queued.Load() > 0 {
					t.Errorf("of %d calls %d were refused, and %d waited", n, refused.Load(), queued.Load())
				}
			})
		})
	}
}

// TestOverload asks a service for twice of what it can do: it gets ever less of it at once, and does as much as before.
func TestOverload(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const workers, takes, last = 20, 50 * time.Millisecond, time.Minute
		work := make(chan struct{}, workers)
		client := simulated(backend.Config{}, func(ctx context.Context, _ *backend.Call) ([]byte, error) {
			select {
			case work <- struct{}{}:
			case <-ctx.Done():
				return nil, status.FromContextError(ctx.Err()).Err()
			}
			defer func() { <-work }()
			time.Sleep(takes)
			return nil, nil
		})
		var running sync.WaitGroup
		var good atomic.Int64
		begin, first := time.Now(), client.Load().Limit
		for time.Since(begin) < last {
			running.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), budget)
				defer cancel()
				if _, err := client.Invoke(ctx, call(nil)); err == nil {
					good.Add(1)
				} else if refusal(err) != backend.QueueFull {
					t.Errorf("%v, want no call to take its time for nothing", err)
				}
			})
			time.Sleep(takes / workers / 2)
		}
		running.Wait()
		if limit := client.Load().Limit; limit > first/2 {
			t.Errorf("the limit was %d and is %d", first, limit)
		}
		if n, most := good.Load(), int64(last/takes*workers); n < most*9/10 {
			t.Errorf("%d calls were answered, want nearly the %d that there was time for", n, most)
		}
	})
}

// TestManyCallers has as many callers as a busy gateway has connections ask again as soon as they are answered: the service needs nothing
// but its processors, and all wait for these for less than they have time.
func TestManyCallers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const callers, workers, last = 256, 2, time.Minute
		var spread jitter
		work := make(chan struct{}, workers)
		client := simulated(backend.Config{}, func(context.Context, *backend.Call) ([]byte, error) {
			work <- struct{}{}
			defer func() { <-work }()
			time.Sleep(spread.around(2 * time.Millisecond))
			return nil, nil
		})
		var running sync.WaitGroup
		var good, refused atomic.Int64
		begin := time.Now()
		for range callers {
			running.Go(func() {
				for time.Since(begin) < last {
					ctx, cancel := context.WithTimeout(context.Background(), budget)
					if _, err := client.Invoke(ctx, call(nil)); err == nil {
						good.Add(1)
					} else {
						refused.Add(1)
						time.Sleep(time.Second) // nobody comes back at once
					}
					cancel()
				}
			})
		}
		running.Wait()
		if refused.Load() > 0 {
			t.Errorf("%d calls were answered, and %d refused; the limit is %d", good.Load(), refused.Load(), client.Load().Limit)
		}
	})
}
