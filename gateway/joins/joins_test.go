package joins_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/intentgate/intentgate/gateway/joins"
)

const (
	clock = 5 * time.Second // of a turn
	kept  = time.Minute
)

func calls(t *testing.T, config joins.Config) *joins.Calls {
	t.Helper()
	config.Now = time.Now
	c, err := joins.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// turn does a try within a turn's clock.
func turn(t *testing.T, c *joins.Calls, try joins.Try, run func(context.Context) ([]byte, error)) joins.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), clock)
	defer cancel()
	try.Keep = kept
	return c.Do(doneless{ctx}, t.Context(), try, run)
}

// doneless is a context that ends, and does not tell: as that of a turn is.
type doneless struct{ context.Context }

func (doneless) Done() <-chan struct{} { return nil }

// service is one that takes its time, and counts.
type service struct {
	takes   time.Duration
	err     error
	calls   atomic.Int32
	running atomic.Int32
	most    atomic.Int32 // at a time
}

func (s *service) call(ctx context.Context) ([]byte, error) {
	n := s.calls.Add(1)
	s.most.Store(max(s.most.Load(), s.running.Add(1)))
	defer s.running.Add(-1)
	select {
	case <-time.After(s.takes):
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	if s.err != nil {
		return nil, s.err
	}
	return []byte(strconv.Itoa(int(n))), nil
}

func same(t *testing.T, got joins.Result, response string, code codes.Code, joined joins.Joined) {
	t.Helper()
	if string(got.Response) != response || status.Code(got.Err) != code || got.Joined != joined {
		t.Errorf("got %q, %v, joined %q, want %q, %v, joined %q", got.Response, got.Err, got.Joined, response, code, joined)
	}
}

func TestNewRefusesGaps(t *testing.T) {
	for _, config := range []joins.Config{{}, {Now: time.Now, Answers: -1}, {Now: time.Now, Bytes: -1}, {Now: time.Now, Detached: -1}} {
		if _, err := joins.New(config); err == nil {
			t.Errorf("%+v: no error", config)
		}
	}
}

// Whoever comes while a call is under way joins it, and whoever comes within a minute of the answer gets that.
func TestJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := calls(t, joins.Config{}), &service{takes: 2 * time.Second}
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * 100 * time.Millisecond)
				want := joins.ToCall
				if i == 0 {
					want = joins.Nothing
				}
				same(t, turn(t, c, joins.Try{Key: "a"}, s.call), "1", codes.OK, want)
			})
		}
		all.Wait()
		same(t, turn(t, c, joins.Try{Key: "b"}, s.call), "2", codes.OK, joins.Nothing)
		time.Sleep(kept - 3*time.Second)
		same(t, turn(t, c, joins.Try{Key: "a"}, s.call), "1", codes.OK, joins.ToAnswer)
		time.Sleep(time.Second)
		got := turn(t, c, joins.Try{Key: "a"}, s.call)
		if same(t, got, "3", codes.OK, joins.Nothing); got.Took != s.takes {
			t.Errorf("it took %s", got.Took)
		}
		// One that is kept for less goes before those that came earlier.
		short := func() joins.Result { return c.Do(t.Context(), t.Context(), joins.Try{Key: "c", Keep: clock}, s.call) }
		same(t, short(), "4", codes.OK, joins.Nothing)
		time.Sleep(clock - time.Nanosecond)
		same(t, short(), "4", codes.OK, joins.ToAnswer)
		time.Sleep(time.Nanosecond)
		same(t, short(), "5", codes.OK, joins.Nothing)
		same(t, short(), "5", codes.OK, joins.ToAnswer)
	})
}

// What is no word of the service's is nobody's but the turn's own, and the next one asks anew; at any time one alone.
func TestFailuresAreNotRecorded(t *testing.T) {
	recorded := map[codes.Code]bool{
		codes.InvalidArgument: true, codes.OutOfRange: true, codes.NotFound: true, codes.AlreadyExists: true, codes.PermissionDenied: true,
		codes.Unauthenticated: true, codes.FailedPrecondition: true, codes.Aborted: true,
	}
	for code := codes.Canceled; code <= codes.Unauthenticated+1; code++ {
		t.Run(code.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, s := calls(t, joins.Config{}), &service{takes: time.Second, err: status.Error(code, "no")}
				var all sync.WaitGroup
				for range 3 {
					all.Go(func() {
						got := turn(t, c, joins.Try{Key: "a"}, s.call)
						if status.Code(got.Err) != code {
							t.Errorf("got %+v", got)
						}
					})
				}
				all.Wait()
				later := turn(t, c, joins.Try{Key: "a"}, s.call)
				if want := joins.ToAnswer; recorded[code] {
					same(t, later, "", code, want)
				} else {
					same(t, later, "", code, joins.Nothing)
				}
				want := int32(4) // each for itself
				if recorded[code] {
					want = 1
				}
				if s.calls.Load() != want || s.most.Load() != 1 {
					t.Errorf("%d calls, %d at a time, want %d, one at a time", s.calls.Load(), s.most.Load(), want)
				}
			})
		})
	}
}

// Who has waited for a failure in vain makes the call, within what is left of the clock.
func TestWaitedInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := calls(t, joins.Config{})
		broken, good := &service{takes: 3 * time.Second, err: status.Error(codes.Unavailable, "no")}, &service{takes: time.Second}
		go turn(t, c, joins.Try{Key: "a"}, broken.call)
		synctest.Wait()
		start := time.Now()
		if same(t, turn(t, c, joins.Try{Key: "a"}, good.call), "1", codes.OK, joins.Nothing); time.Since(start) != 4*time.Second {
			t.Errorf("after %s", time.Since(start))
		}
		// One whose time is over does not.
		slow := &service{takes: 10 * time.Second}
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), clock+time.Second)
			defer cancel()
			c.Do(ctx, t.Context(), joins.Try{Key: "b"}, slow.call)
		}()
		synctest.Wait()
		start = time.Now()
		same(t, turn(t, c, joins.Try{Key: "b"}, good.call), "", codes.DeadlineExceeded, joins.ToCall)
		if time.Since(start) != clock || good.calls.Load() != 1 {
			t.Errorf("%d calls, after %s", good.calls.Load(), time.Since(start))
		}
	})
}

// The caller's leaving ends waiting, and no call.
func TestCallerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := calls(t, joins.Config{}), &service{takes: 2 * time.Second}
		left, leave := context.WithCancel(t.Context())
		leave()
		first := make(chan joins.Result, 1)
		go func() { first <- c.Do(t.Context(), left, joins.Try{Key: "a", Keep: kept}, s.call) }()
		synctest.Wait()
		same(t, c.Do(t.Context(), left, joins.Try{Key: "a", Keep: kept}, s.call), "", codes.Canceled, joins.ToCall)
		same(t, <-first, "1", codes.OK, joins.Nothing)
		same(t, turn(t, c, joins.Try{Key: "a"}, s.call), "1", codes.OK, joins.ToAnswer)
	})
}

// The oldest answers go first, by number and by size.
func TestBounds(t *testing.T) {
	for name, config := range map[string]joins.Config{"number": {Answers: 3}, "bytes": {Bytes: 3 * 1500}} {
		t.Run(name, func(t *testing.T) {
			c := calls(t, config)
			for i := range 4 {
				turn(t, c, joins.Try{Key: strconv.Itoa(i)}, func(context.Context) ([]byte, error) { return make([]byte, 1000), nil })
			}
			again := &service{} // asked for the oldest last, since that changes what is kept
			for i, want := range map[string]joins.Joined{"3": joins.ToAnswer, "2": joins.ToAnswer, "1": joins.ToAnswer} {
				if got := turn(t, c, joins.Try{Key: i}, again.call); got.Joined != want {
					t.Errorf("%s: joined %q, want %q", i, got.Joined, want)
				}
			}
			same(t, turn(t, c, joins.Try{Key: "0"}, again.call), "1", codes.OK, joins.Nothing)
		})
	}
}

// A panic ends the turn that has it, and no other.
func TestPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, good := calls(t, joins.Config{}), &service{}
		boom := func(context.Context) ([]byte, error) { time.Sleep(time.Second); panic("boom") }
		waits := make(chan joins.Result, 1)
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			go func() {
				time.Sleep(time.Millisecond)
				waits <- turn(t, c, joins.Try{Key: "a"}, good.call)
			}()
			turn(t, c, joins.Try{Key: "a"}, boom)
		}()
		same(t, <-waits, "1", codes.OK, joins.Nothing)
		if got := turn(t, c, joins.Try{Key: "b", Limit: time.Hour}, boom); status.Code(got.Err) != codes.Internal || strings.Contains(got.Err.Error(), "boom") {
			t.Errorf("beside its turn it ended in %v", got.Err)
		}
	})
}

// owner is whom calls are offered to.
var owner = joins.Owner{By: joins.By{Webhook: "/es"}, Session: "s", ProjectID: "p", ProjectNumber: "1"}

// pending begins a call that takes longer than its turn, and returns it with the nonce.
func pending(t *testing.T, c *joins.Calls, s *service, limit time.Duration) (*joins.Call, string) {
	t.Helper()
	got := turn(t, c, joins.Try{Key: "a", Limit: limit}, s.call)
	if got.Pending == nil || status.Code(got.Err) != codes.DeadlineExceeded {
		t.Fatalf("got %+v", got)
	}
	nonce, ended := c.Offer(got.Pending, owner, "origin")
	if ended != nil || len(nonce) < 26 {
		t.Fatalf("offered as %q, ended %v", nonce, ended)
	}
	return got.Pending, nonce
}

func fetch(t *testing.T, c *joins.Calls, call *joins.Call) joins.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), clock)
	defer cancel()
	return c.Fetch(ctx, t.Context(), call)
}

func TestContinuation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := calls(t, joins.Config{}), &service{takes: 12 * time.Second}
		call, first := pending(t, c, s, 20*time.Second)
		// The retry of the turn that was told of the event waits, too, and is told of the same one.
		retry := turn(t, c, joins.Try{Key: "a", Limit: 20 * time.Second}, s.call)
		if again, _ := c.Offer(retry.Pending, owner, "origin"); retry.Pending != call || retry.Joined != joins.ToCall || again != first {
			t.Errorf("the retry got %+v, %q", retry, again)
		}
		got, origin, refusal := c.Redeem(first, owner, "turn 2")
		if got != call || origin != "origin" || refusal != "" {
			t.Fatalf("redeemed %v, %v, %q", got, origin, refusal)
		}
		same(t, fetch(t, c, got), "1", codes.OK, joins.Continuation)
		if _, ended := c.Offer(call, owner, "origin"); ended == nil || string(ended.Response) != "1" {
			t.Errorf("offered although it has ended with %+v", ended)
		}
		same(t, turn(t, c, joins.Try{Key: "a"}, s.call), "1", codes.OK, joins.ToAnswer)
		if s.calls.Load() != 1 {
			t.Errorf("%d calls", s.calls.Load())
		}
	})
}

// Each turn that comes too early is given a nonce of its own, until the limit; then it hears of that.
func TestContinuationEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := calls(t, joins.Config{}), &service{takes: time.Hour}
		call, nonce := pending(t, c, s, 12*time.Second)
		seen := map[string]bool{nonce: true}
		for i := 2; ; i++ {
			got, _, refusal := c.Redeem(nonce, owner, strconv.Itoa(i))
			if got != call || refusal != "" {
				t.Fatalf("turn %d: %q", i, refusal)
			}
			result := fetch(t, c, got)
			if result.Pending == nil {
				same(t, result, "", codes.DeadlineExceeded, joins.Continuation)
				if i != 3 || result.Took != 12*time.Second {
					t.Errorf("ended in turn %d after %s", i, result.Took)
				}
				break
			}
			if nonce, _ = c.Offer(result.Pending, owner, "origin"); seen[nonce] {
				t.Fatalf("turn %d: the same nonce again", i)
			}
			seen[nonce] = true
		}
		// The failure is fetched, and is no answer to anybody else.
		again := &service{}
		same(t, turn(t, c, joins.Try{Key: "a"}, again.call), "1", codes.OK, joins.Nothing)
	})
}

func TestRedeem(t *testing.T) {
	other := func(change func(*joins.Owner)) joins.Owner {
		o := owner
		change(&o)
		return o
	}
	for name, c := range map[string]struct {
		nonce   string
		owner   joins.Owner
		turns   []string // that redeem it
		after   time.Duration
		refusal joins.Refusal // of the last
	}{
		"once":                    {owner: owner, turns: []string{"2"}},
		"by its retry":            {owner: owner, turns: []string{"2", "2"}},
		"by another turn":         {owner: owner, turns: []string{"2", "3"}, refusal: joins.Used},
		"where ids tell nothing":  {owner: owner, turns: []string{"", ""}},
		"never given":             {nonce: "x", owner: owner, turns: []string{"2"}, refusal: joins.Unknown},
		"none":                    {nonce: " ", owner: owner, turns: []string{"2"}, refusal: joins.Unknown},
		"another session":         {owner: other(func(o *joins.Owner) { o.Session = "t" }), turns: []string{"2"}, refusal: joins.Foreign},
		"another project":         {owner: other(func(o *joins.Owner) { o.ProjectID = "q" }), turns: []string{"2"}, refusal: joins.Foreign},
		"another project number":  {owner: other(func(o *joins.Owner) { o.ProjectNumber = "2" }), turns: []string{"2"}, refusal: joins.Foreign},
		"another webhook":         {owner: other(func(o *joins.Owner) { o.Webhook = "/es2" }), turns: []string{"2"}, refusal: joins.Foreign},
		"in time":                 {owner: owner, turns: []string{"2"}, after: 10*time.Second + kept - time.Millisecond},
		"too late":                {owner: owner, turns: []string{"2"}, after: 10*time.Second + kept, refusal: joins.Unknown},
		"too late for the retry":  {owner: owner, turns: []string{"2"}, after: time.Hour, refusal: joins.Unknown},
		"another after the other": {owner: owner, turns: []string{"2", "3", "2"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := calls(t, joins.Config{})
				_, nonce := pending(t, calls, &service{takes: time.Hour}, clock+10*time.Second)
				time.Sleep(c.after)
				if c.nonce != "" {
					nonce = strings.TrimSpace(c.nonce)
				}
				var refusal joins.Refusal
				var call *joins.Call
				for _, id := range c.turns {
					call, _, refusal = calls.Redeem(nonce, c.owner, id)
				}
				if refusal != c.refusal || (call == nil) != (refusal != "") {
					t.Errorf("refused as %q, want %q", refusal, c.refusal)
				}
				if refusal == joins.Foreign { // and the owner may still have it
					if _, _, refusal := calls.Redeem(nonce, owner, "4"); refusal != "" {
						t.Errorf("the owner is refused as %q", refusal)
					}
				}
				time.Sleep(time.Hour) // what goes on ends
			})
		})
	}
}

// A call beside its turn keeps no deadline of the turn's, and has its own; no more than so many are made.
func TestBesideTheTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := calls(t, joins.Config{Detached: 1})
		deadline := func(ctx context.Context) ([]byte, error) {
			d, _ := ctx.Deadline()
			time.Sleep(time.Second)
			return []byte(time.Until(d).String()), ctx.Err()
		}
		long := joins.Try{Key: "a", Limit: time.Minute}
		var all sync.WaitGroup
		all.Go(func() { same(t, turn(t, c, long, deadline), "59s", codes.OK, joins.Nothing) })
		synctest.Wait()
		long.Key = "b"
		same(t, turn(t, c, long, deadline), "4s", codes.OK, joins.Nothing)
		all.Wait()
		long.Key = "c"
		same(t, turn(t, c, long, deadline), "59s", codes.OK, joins.Nothing)
	})
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := calls(t, joins.Config{})
		if err := c.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		pending(t, c, &service{takes: time.Hour}, 20*time.Second)
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Wait(impatient); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		start := time.Now()
		if err := c.Wait(t.Context()); err != nil || time.Since(start) != 20*time.Second-clock-time.Second {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
}

// Many at once, of few keys: never two of one key at a time, and never an answer of another key.
func TestCrowd(t *testing.T) {
	c := calls(t, joins.Config{Answers: 5, Detached: 3})
	var running [8]atomic.Int32
	var all sync.WaitGroup
	for i := range 400 {
		all.Go(func() {
			n := i % len(running)
			try := joins.Try{Key: strconv.Itoa(n), Keep: time.Millisecond, Limit: time.Duration(i%2) * time.Minute}
			got := c.Do(t.Context(), t.Context(), try, func(context.Context) ([]byte, error) {
				if running[n].Add(1) != 1 {
					t.Error("two at a time")
				}
				time.Sleep(10 * time.Microsecond)
				running[n].Add(-1)
				if i%3 == 0 {
					return nil, status.Error(codes.Unavailable, "no")
				}
				return fmt.Append(nil, n), nil
			})
			if got.Err == nil && string(got.Response) != try.Key {
				t.Errorf("%s got %s", try.Key, got.Response)
			}
		})
	}
	all.Wait()
	if err := c.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}
