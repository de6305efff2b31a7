// Package once answers calls that change something. Dialogflow tries again when it got no answer in time: what it asks for is
// done once, however often it is tried, and each try hears the same.
//
//	func (s *Service) Redeem(ctx context.Context, req *shopv1.RedeemRequest) (*shopv1.RedeemResponse, error) {
//		return once.Do(ctx, s.answers, func() (*shopv1.RedeemResponse, error) { … })
//	}
package once

import (
	"context"
	"fmt"
	"sync"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/intentgate/intentgate/services/caller"
)

// Store keeps answers by idempotency key, for some minutes at least. It is used by several goroutines at once, though never for
// one key: a table with a unique column will do. With one that outlives the process what was done and its answer are two things,
// and a crash can come between them: where that matters, keep the key with what is done, in one transaction, and do without Do.
type Store interface {
	// Get returns the answer to a key, if there is one.
	Get(ctx context.Context, key string) (answer []byte, ok bool, err error)
	// Put keeps an answer. What it answers is done by now, so that Put may not fail: a store that cannot keep the answer has to
	// tell that itself.
	Put(ctx context.Context, key string, answer []byte)
}

// Answers are those that were given. They are safe for concurrent use.
type Answers struct {
	store Store

	mu       sync.Mutex
	underWay map[string]chan struct{} // by key; closed when the try has ended
}

// NewAnswers returns answers that are kept in a store; nil: the latest in memory, which is enough for one process.
func NewAnswers(store Store) *Answers {
	if store == nil {
		store = NewMemory(remembered)
	}
	return &Answers{store: store, underWay: map[string]chan struct{}{}}
}

// Do returns the answer of work, or that of an earlier try of the same call. A try that comes while another is under way waits
// for that. Errors are not kept: the next try does it anew. A program that calls directly has no idempotency key, and is answered
// each time.
func Do[R proto.Message](ctx context.Context, a *Answers, work func() (R, error)) (answer R, err error) {
	call, ok := caller.FromContext(ctx)
	if !ok || call.RequestID == "" {
		return work()
	}
	key := call.RequestID
	if err := a.begin(ctx, key); err != nil {
		return answer, err
	}
	defer a.end(key)
	earlier, ok, err := a.store.Get(ctx, key)
	if err != nil {
		return answer, fmt.Errorf("ask the store whether it is done already: %w", err)
	}
	if ok {
		answer, _ = answer.ProtoReflect().New().Interface().(R)
		return answer, proto.Unmarshal(earlier, answer)
	}
	if answer, err = work(); err != nil {
		return answer, err
	}
	kept, err := proto.Marshal(answer)
	if err != nil {
		return answer, fmt.Errorf("keep the answer: %w", err)
	}
	a.store.Put(context.WithoutCancel(ctx), key, kept)
	return answer, nil
}

// begin waits until no try of a call is under way, and is one then.
func (a *Answers) begin(ctx context.Context, key string) error {
	for {
		a.mu.Lock()
		ended, busy := a.underWay[key]
		if !busy {
			a.underWay[key] = make(chan struct{})
		}
		a.mu.Unlock()
		if !busy {
			return nil
		}
		select {
		case <-ended:
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		}
	}
}

func (a *Answers) end(key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	close(a.underWay[key])
	delete(a.underWay, key)
}
