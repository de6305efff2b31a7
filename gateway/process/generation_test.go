package process

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/intentgate/intentgate/gateway/backend"
	"github.com/intentgate/intentgate/gateway/edge"
)

// blocked is a service that answers when it is told to.
type blocked struct{ asked, finish chan struct{} }

func (b blocked) Invoke(context.Context, *backend.Call) ([]byte, error) {
	close(b.asked)
	<-b.finish
	return []byte("late"), nil
}

// TestCallsOutliveTurns has a call go on when its turn is over: what it is made with does not end before it, and then nobody calls.
func TestCallsOutliveTurns(t *testing.T) {
	t.Parallel()
	var site edge.Site
	b := blocked{make(chan struct{}), make(chan struct{})}
	service, answered := holding{b, &site}, make(chan string)
	go func() {
		got, err := service.Invoke(context.WithoutCancel(t.Context()), &backend.Call{})
		answered <- fmt.Sprint(string(got), err)
	}()
	<-b.asked
	unused := site.Retire()
	select {
	case <-unused:
		t.Error("it ended in the middle of a call")
	default:
	}
	close(b.finish)
	if got := <-answered; got != "late<nil>" {
		t.Error(got)
	}
	<-unused
	if _, err := service.Invoke(t.Context(), &backend.Call{}); status.Code(err) != codes.Unavailable {
		t.Errorf("after the end: %v", err)
	}
}

// TestFilesAreWatchedFirst has a file of a new configuration not be watched, for the lack of watchers perhaps: what is in force stays.
func TestFilesAreWatchedFirst(t *testing.T) {
	t.Parallel()
	for _, fault := range []error{nil, errors.New("too many open files")} {
		g := &generation{Process: &Process{serving: t.Context(), config: Config{Patience: time.Minute}}}
		g.runWatcher(func(context.Context) error {
			if fault == nil {
				g.files.Read("a file", nil, time.Now())
			}
			return fault
		})
		g.start(t.Context())
		lagging, err := g.awaitServices(&generation{})
		if len(lagging) > 0 || !errors.Is(err, fault) {
			t.Errorf("with %v: %v, %v", fault, lagging, err)
		}
		g.end()
	}
}
