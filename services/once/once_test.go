package once_test

import (
	"context"
	"errors"
	"strconv"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	conformancev1 "github.com/intentgate/intentgate/gen/go/intentgate/conformance/v1"
	"github.com/intentgate/intentgate/services/caller"
	"github.com/intentgate/intentgate/services/once"
)

// counter counts how often its work was done.
type counter struct {
	count int64
	err   error
}

func (c *counter) work() (*conformancev1.OnceResponse, error) {
	c.count++
	return &conformancev1.OnceResponse{Count: c.count}, c.err
}

func with(ctx context.Context, key string) context.Context {
	return caller.NewContext(ctx, &caller.Call{RequestID: key})
}

func TestDo(t *testing.T) {
	var c counter
	answers := once.NewAnswers(nil)
	for i, test := range []struct {
		ctx  context.Context
		want int64
	}{
		{with(t.Context(), "a"), 1},
		{with(t.Context(), "a"), 1},
		{with(t.Context(), "b"), 2},
		{with(t.Context(), "a"), 1},
		{with(t.Context(), ""), 3},
		{t.Context(), 4},
		{with(t.Context(), ""), 5},
	} {
		if got, err := once.Do(test.ctx, answers, c.work); err != nil || got.GetCount() != test.want {
			t.Errorf("%d: got %v, %v, want %d", i, got, err, test.want)
		}
	}
}

// An empty answer is an answer.
func TestDoEmpty(t *testing.T) {
	answers, done := once.NewAnswers(nil), 0
	for range 2 {
		got, err := once.Do(with(t.Context(), "a"), answers, func() (*conformancev1.WaitResponse, error) {
			done++
			return &conformancev1.WaitResponse{}, nil
		})
		if err != nil || got == nil || done != 1 {
			t.Errorf("got %v, %v, done %d times", got, err, done)
		}
	}
}

func TestDoAgainAfterAnError(t *testing.T) {
	c := counter{err: status.Error(codes.Unavailable, "later")}
	answers := once.NewAnswers(nil)
	if _, err := once.Do(with(t.Context(), "a"), answers, c.work); status.Code(err) != codes.Unavailable {
		t.Errorf("got %v, want the error of the work", err)
	}
	c.err = nil
	if got, err := once.Do(with(t.Context(), "a"), answers, c.work); err != nil || got.GetCount() != 2 {
		t.Errorf("got %v, %v, want that it is done anew", got, err)
	}
}

func TestDoAtTheSameTime(t *testing.T) {
	answers, begun, goOn := once.NewAnswers(nil), make(chan struct{}), make(chan struct{})
	results := make(chan int64, 2)
	try := func(work func() (*conformancev1.OnceResponse, error)) {
		got, err := once.Do(with(t.Context(), "a"), answers, work)
		if err != nil {
			t.Error(err)
		}
		results <- got.GetCount()
	}
	go try(func() (*conformancev1.OnceResponse, error) { //nolint:unparam // as Do wants it
		close(begun)
		<-goOn
		return &conformancev1.OnceResponse{Count: 1}, nil
	})
	<-begun
	// Who gives up waiting is told so, and others are not held up.
	impatient, cancel := context.WithCancel(with(t.Context(), "a"))
	cancel()
	var c counter
	if _, err := once.Do(impatient, answers, c.work); status.Code(err) != codes.Canceled {
		t.Errorf("got %v, want that it was cancelled", err)
	}
	if got, err := once.Do(with(t.Context(), "b"), answers, c.work); err != nil || got.GetCount() != 1 {
		t.Errorf("got %v, %v", got, err)
	}
	go try(c.work)
	close(goOn)
	if first, second := <-results, <-results; first != 1 || second != 1 || c.count != 1 {
		t.Errorf("heard %d and %d, done %d times more", first, second, c.count-1)
	}
}

// A panic of the work does not lock the key.
func TestDoPanic(t *testing.T) {
	answers := once.NewAnswers(nil)
	func() {
		defer func() { _ = recover() }()
		_, _ = once.Do(with(t.Context(), "a"), answers, func() (*conformancev1.OnceResponse, error) { panic("no") })
	}()
	var c counter
	if _, err := once.Do(with(t.Context(), "a"), answers, c.work); err != nil {
		t.Error(err)
	}
}

type deaf struct{ once.Memory }

func (*deaf) Get(context.Context, string) ([]byte, bool, error) {
	return nil, false, errors.New("disk on fire")
}

// Where nobody knows whether it is done, it is not done.
func TestDoStoreFails(t *testing.T) {
	var c counter
	if _, err := once.Do(with(t.Context(), "a"), once.NewAnswers(&deaf{}), c.work); err == nil || c.count != 0 {
		t.Errorf("got %v, done %d times", err, c.count)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	m, answer := once.NewMemory(3), []byte{1}
	for n := range 3 {
		m.Put(t.Context(), strconv.Itoa(n), answer)
	}
	has := func(key string) bool {
		got, ok, err := m.Get(t.Context(), key)
		return err == nil && ok && len(got) == 1
	}
	if !has("0") {
		t.Error("forgotten too early")
	}
	if m.Put(t.Context(), "3", answer); has("0") || !has("1") || !has("3") {
		t.Error("want the oldest forgotten, and no other")
	}
}

func ExampleDo() {
	answers := once.NewAnswers(nil) // beside the service's state
	ctx := caller.NewContext(context.Background(), &caller.Call{RequestID: "1.key"})
	for range 2 {
		_, _ = once.Do(ctx, answers, func() (proto.Message, error) {
			return &conformancev1.OnceResponse{}, nil // done once
		})
	}
}
