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
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

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

	begun time.Time // of all times within

	mu       sync.Mutex
	underWay map[place]*Call
	ended    ended
	offers   map[string]*offer // by nonce
	detached int
	idle     chan struct{} // closed when none is detached any more; nil: nobody waits for that
}

// place is where a call is found: the SHA-256 of its key and of who asks.
type place [sha256.Size]byte

func placeOf(key string, by By) place {
	text := make([]byte, 0, 256) // on the stack, where it is not longer
	for _, part := range [...]string{key, by.Webhook, by.ProjectProof, by.AgentProof} {
		text = append(binary.AppendUvarint(text, uint64(len(part))), part...)
	}
	return sha256.Sum256(text)
}

// Call is one call of a service.
type Call struct {
	place      place
	start      time.Duration
	keep, took time.Duration
	detached   bool

	// All of this is guarded by Calls.mu until the call is over, and does not change from then on.
	over     bool
	recorded bool
	until    time.Duration // how long it is kept
	ended    chan struct{} // closed when it is over; nil: nobody waits
	response []byte
	err      error
	offered  []string // nonces
}

func (c *Call) result() Result {
	return Result{Response: c.response, Err: c.err, Took: c.took, Over: true}
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
	Response []byte        // not to be changed
	Err      error         // a gRPC status
	Took     time.Duration // of the turn's own call, or of one that it fetched; 0 with ToAnswer, mostly
	Over     bool          // the call has ended; else Err says why nobody waits for it
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
	return &Calls{
		config: config, begun: config.Now(),
		underWay: map[place]*Call{}, ended: ended{at: map[place]int{}, whole: map[int]*Call{}}, offers: map[string]*offer{},
	}, nil
}

// now is the time since begun.
func (c *Calls) now() time.Duration { return c.config.Now().Sub(c.begun) }

// Do returns what the call of a key comes to. It is made by run, within the turn or beside it, unless another turn has made it.
// The context is the turn's, with its deadline and with or without a Done, and is not to end when the caller leaves; the caller's tells
// of that, and ends waiting for a call, but no call. Who has waited for one that came to nothing that is recorded makes it again
// while there is time.
func (c *Calls) Do(ctx, caller context.Context, try Try, run func(context.Context) ([]byte, error)) Result {
	for {
		call, joined, answer := c.begin(try)
		switch {
		case joined == ToAnswer:
			return answer
		case joined == ToCall:
		case call.detached:
			go c.beside(ctx, call, try.Limit, run)
		default:
			c.lead(ctx, call, run)
			return call.result()
		}
		result := c.wait(ctx, caller, call)
		result.Joined = joined
		if joined == Nothing || result.Pending != nil || c.isRecorded(call) || ctx.Err() != nil || caller.Err() != nil {
			return result
		}
	}
}

// begin returns the call of a key that is under way, and what the turn has joined of it; or the answer that is recorded.
func (c *Calls) begin(try Try) (call *Call, joined Joined, answer Result) {
	now, at := c.now(), placeOf(try.Key, try.By)
	c.mu.Lock()
	defer c.mu.Unlock()
	if call := c.underWay[at]; call != nil {
		return call, ToCall, Result{}
	}
	if answer, ok := c.ended.find(at, now); ok {
		answer.Joined = ToAnswer
		return nil, ToAnswer, answer
	}
	call = &Call{place: at, keep: try.Keep, start: now}
	if try.Limit > 0 && c.detached < c.config.Detached {
		call.detached = true
		c.detached++
	}
	c.underWay[at] = call
	return call, Nothing, Result{}
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
	var response []byte
	err := errPanic
	defer func() { c.end(call, response, err) }()
	response, err = run(ctx)
}

var errPanic = status.Error(codes.Internal, "the call ended in a panic")

// end notes what a call came to, and tells those who wait.
func (c *Calls) end(call *Call, response []byte, err error) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	call.over, call.response, call.err, call.recorded = true, response, err, decided(err)
	call.took, call.until = now-call.start, now+call.keep
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
	delete(c.underWay, call.place)
	if call.recorded || len(call.offered) > 0 { // a failure is fetched as well
		c.ended.add(call)
	}
	c.forget(now)
}

// decided says that it is the service's own word: an answer, or a status by which it refuses. Any other may be another one
// a moment later.
func decided(err error) bool {
	if err == nil {
		return true
	}
	cause := fallback.CauseOf(status.Code(err))
	return cause == fallback.Refused || cause == fallback.Invalid
}

// forget drops what was kept for long enough, and the oldest of what is too much.
func (c *Calls) forget(now time.Duration) {
	for {
		first := c.ended.first()
		if first == nil || now < first.until && c.ended.count() <= c.config.Answers && c.ended.bytes <= c.config.Bytes {
			return
		}
		for _, nonce := range c.ended.drop() {
			delete(c.offers, nonce)
		}
	}
}
