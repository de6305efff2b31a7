// Package joins has a call of a service made once, however often a turn asks for it. Dialogflow tries again when it got no answer
// in time: whoever comes while the call is under way joins it, and whoever comes after it was answered gets the recorded answer.
// A call that takes longer than Dialogflow waits is fetched by a later turn, which shows the nonce that it was offered under.
//
// Only what the service said is recorded: its answers, and the statuses by which it refuses. What else a call comes to is that of
// the turn that made it. Two calls of one key are never under way at once, so that a method with side effects is not called again
// before the first call has ended.
package joins

import (
	"context"
	"errors"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/intentgate/intentgate/gateway/fallback"
)

// The bounds, where Config has none.
const (
	defaultAnswers  = 20_000
	defaultBytes    = 32 << 20
	defaultDetached = 1000
)

// Config bounds what is kept. Now is needed.
type Config struct {
	Now      func() time.Time
	Answers  int // that are kept; the oldest go first. 0: 20000
	Bytes    int // of kept answers, about; the oldest go first. 0: 32 MiB
	Detached int // calls under way beside their turns; one more is made within its turn. 0: 1000
}

// Calls are those under way and those that were answered a short time ago. They are safe for concurrent use, and meant to be those
// of the whole process, whatever its configuration becomes.
type Calls struct {
	config Config

	mu          sync.Mutex
	byKey       map[place]*Call   // under way, or recorded
	offers      map[string]*offer // by nonce
	first, last *Call             // of those that have ended and are kept, in that order
	kept, bytes int
	detached    int
	idle        chan struct{} // closed when none is detached any more; nil: nobody waits for that
}

// place is where a call is found.
type place struct {
	key string
	by  By
}

// Call is one call of a service.
type Call struct {
	place

	keep     time.Duration
	start    time.Time
	detached bool

	// All of this is guarded by Calls.mu until the call is over, and does not change from then on but for the links.
	over     bool
	recorded bool
	until    time.Time     // how long it is kept
	ended    chan struct{} // closed when it is over; nil: nobody waits
	result   Result
	offered  []string // nonces
	size     int
	next     *Call
}

// By is who asks, beside what the key says. A service may tell one what it does not tell another who has proven less: they never join
// each other.
type By struct {
	Webhook string // the path
	// ProjectProof and AgentProof say how project and agent are known.
	ProjectProof, AgentProof string
}

// Try is a turn's try of a call.
type Try struct {
	Key   string // the idempotency key
	By    By
	Keep  time.Duration // for which the answer is recorded, from when it came
	Limit time.Duration // above 0: the call is made beside the turn, and may take so long
}

// Joined says what of another turn's a turn has joined.
type Joined string

// What can be joined.
const (
	Nothing      Joined = "" // the call is the turn's own
	ToCall       Joined = "call"
	ToAnswer     Joined = "answer"
	Continuation Joined = "continuation"
)

// Result is what a call came to.
type Result struct {
	Response []byte // not to be changed
	Err      error  // a gRPC status
	Took     time.Duration
	Over     bool // the call has ended; else Err says why nobody waits for it
	Joined   Joined
	// Pending is the call if it goes on beside the turn, whose time is over.
	Pending *Call
}

// New returns Calls without any.
func New(config Config) (*Calls, error) {
	if config.Now == nil || config.Answers < 0 || config.Bytes < 0 || config.Detached < 0 {
		return nil, errors.New("joins: Now is needed, and no bound below 0")
	}
	for bound, otherwise := range map[*int]int{&config.Answers: defaultAnswers, &config.Bytes: defaultBytes, &config.Detached: defaultDetached} {
		if *bound == 0 {
			*bound = otherwise
		}
	}
	return &Calls{config: config, byKey: map[place]*Call{}, offers: map[string]*offer{}}, nil
}

// Do returns what the call of a key comes to. It is made by run, within the turn or beside it, unless another turn has made it.
// The context is the turn's, with its deadline, and is not to end when the caller leaves; left tells of that, and ends waiting
// for a call, but no call. Who has waited for one that came to nothing that is recorded makes it again while there is time.
func (c *Calls) Do(ctx context.Context, left <-chan struct{}, try Try, run func(context.Context) ([]byte, error)) Result {
	for {
		call, joined := c.begin(try)
		switch {
		case joined != Nothing:
		case call.detached:
			go c.beside(ctx, call, try.Limit, run)
		default:
			c.lead(ctx, call, run)
			return call.result
		}
		result := c.wait(ctx, left, call)
		result.Joined = joined
		if joined == Nothing || result.Pending != nil || c.isRecorded(call) || ctx.Err() != nil || gone(left) {
			return result
		}
	}
}

// begin returns the call of a key, and what the turn has joined of it.
func (c *Calls) begin(try Try) (*Call, Joined) {
	now, at := c.config.Now(), place{try.Key, try.By}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(now)
	if call := c.byKey[at]; call != nil {
		switch {
		case !call.over:
			return call, ToCall
		case now.Before(call.until):
			return call, ToAnswer
		}
	}
	call := &Call{place: at, keep: try.Keep, start: now}
	if try.Limit > 0 && c.detached < c.config.Detached {
		call.detached = true
		c.detached++
	}
	c.byKey[at] = call
	return call, Nothing
}

// beside makes a call that outlives its turn.
func (c *Calls) beside(ctx context.Context, call *Call, limit time.Duration, run func(context.Context) ([]byte, error)) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	c.lead(ctx, call, func(ctx context.Context) (response []byte, err error) {
		defer func() { // nobody else would, and the process would end
			if recover() != nil {
				err = errPanic // run is to tell of it: what a panic says may be a user's
			}
		}()
		return run(ctx)
	})
}

// lead makes a call. A panic goes on, and those who wait are told of a failure.
func (c *Calls) lead(ctx context.Context, call *Call, run func(context.Context) ([]byte, error)) {
	result := Result{Err: errPanic}
	defer func() { c.end(call, &result) }()
	result.Response, result.Err = run(ctx)
}

var errPanic = status.Error(codes.Internal, "the call ended in a panic")

// end notes what a call came to, and tells those who wait.
func (c *Calls) end(call *Call, result *Result) {
	now := c.config.Now()
	call.size = len(call.key) + len(result.Response) + overhead
	if result.Err != nil {
		call.size += proto.Size(status.Convert(result.Err).Proto())
	}
	result.Took, result.Over = now.Sub(call.start), true
	c.mu.Lock()
	defer c.mu.Unlock()
	call.over, call.result, call.recorded = true, *result, decided(result.Err)
	call.until = now.Add(call.keep)
	if call.ended != nil {
		close(call.ended)
	}
	if call.detached {
		c.detached--
		if c.detached == 0 && c.idle != nil {
			close(c.idle)
			c.idle = nil
		}
	}
	if !call.recorded {
		delete(c.byKey, call.place)
	}
	if call.recorded || len(call.offered) > 0 { // a failure is fetched as well
		c.push(call)
	}
	c.forget(now)
}

// overhead is about what a call takes beside its texts.
const overhead = 400

// decided says that it is the service's own word: an answer, or a status by which it refuses. Any other may be another one
// a moment later.
func decided(err error) bool {
	if err == nil {
		return true
	}
	cause := fallback.CauseOf(status.Code(err))
	return cause == fallback.Refused || cause == fallback.Invalid
}

func (c *Calls) push(call *Call) {
	if c.last == nil {
		c.first = call
	} else {
		c.last.next = call
	}
	c.last = call
	c.kept++
	c.bytes += call.size
}

// forget drops what was kept for long enough, and the oldest of what is too much.
func (c *Calls) forget(now time.Time) {
	for call := c.first; call != nil; call = c.first {
		if now.Before(call.until) && c.kept <= c.config.Answers && c.bytes <= c.config.Bytes {
			return
		}
		if c.first = call.next; c.first == nil {
			c.last = nil
		}
		c.kept--
		c.bytes -= call.size
		if c.byKey[call.place] == call {
			delete(c.byKey, call.place)
		}
		for _, nonce := range call.offered {
			delete(c.offers, nonce)
		}
	}
}
