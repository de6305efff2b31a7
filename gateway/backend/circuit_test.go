package backend_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/intentgate/intentgate/gateway/backend"
)

// switched is a client of a service that answers with the status that it was last told to.
func switched(t *testing.T, log *slog.Logger) (client *backend.Client, answer *error, calls *int) {
	t.Helper()
	answer, calls = new(error), new(int)
	return simulated(backend.Config{Logger: log}, func(context.Context, *backend.Call) ([]byte, error) {
		*calls++
		return nil, *answer
	}), answer, calls
}

// refusal is why the gateway refused a call; empty: it did not.
func refusal(err error) backend.Reason {
	if refused, ok := errors.AsType[*backend.Refused](err); ok {
		return refused.Reason
	}
	return ""
}

// TestCircuit has a service fail, stay away for some time and come back.
func TestCircuit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := make(journal, 10)
		client, answer, calls := switched(t, slog.New(slog.NewJSONHandler(log, nil)))
		invoke := func() error {
			_, err := client.Invoke(t.Context(), call(nil))
			return err
		}
		state := func(want string) {
			t.Helper()
			if got := client.Load().Circuit; got != want {
				t.Errorf("the circuit is %s, want %s", got, want)
			}
		}
		for range 2 {
			_ = invoke()
		}
		*answer = status.Error(codes.Unavailable, "away")
		for range 17 {
			_ = invoke()
		}
		time.Sleep(time.Second)
		state("closed")
		_ = invoke()
		state("open")

		*calls = 0
		made := &backend.Call{Method: method}
		if _, err := client.Invoke(t.Context(), made); refusal(err) != backend.CircuitOpen || status.Code(err) != codes.Unavailable || made.Tries != 0 {
			t.Errorf("%v after %d tries, want circuit_open and UNAVAILABLE", err, made.Tries)
		}
		for range 5 { // a probe a second, which fails
			time.Sleep(time.Second)
			for range 10 {
				_ = invoke()
			}
		}
		if *calls != 5 {
			t.Errorf("an open circuit let %d calls through in 5 s, want 5", *calls)
		}
		*answer = status.Error(codes.NotFound, "there is no such order") // it is back
		time.Sleep(time.Second)
		for range 2 {
			_ = invoke()
		}
		state("half_open")
		_ = invoke()
		state("closed")
		for _, want := range []entry{{Level: "WARN", Msg: "Circuit opened", Service: "orders"}, {Level: "INFO", Msg: "Circuit closed", Service: "orders"}} {
			if got := <-log; got != want {
				t.Errorf("logged %+v, want %+v", got, want)
			}
		}
		if len(log) > 0 {
			t.Errorf("logged %+v, too", <-log)
		}
	})
}

// TestCircuitStaysClosed has calls end in what says nothing of the service's health, or not enough.
func TestCircuitStaysClosed(t *testing.T) {
	t.Parallel()
	for code := codes.OK; code <= codes.Unauthenticated+1; code++ {
		t.Run(code.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client, answer, _ := switched(t, discard())
				*answer = status.Error(code, "")
				for range 100 {
					_, _ = client.Invoke(t.Context(), call(nil))
				}
				if open := client.Load().Circuit == "open"; open != (code == codes.Unavailable || code == codes.DeadlineExceeded) {
					t.Errorf("it is open: %t", open)
				}
			})
		})
	}
	tests := map[string]func(t *testing.T, client *backend.Client, answer *error){
		"few calls": func(t *testing.T, client *backend.Client, answer *error) {
			t.Helper()
			*answer = status.Error(codes.Unavailable, "")
			for range 100 {
				_, _ = client.Invoke(t.Context(), call(nil))
				time.Sleep(time.Second)
			}
		},
		"not nearly all": func(t *testing.T, client *backend.Client, answer *error) {
			t.Helper()
			for i := range 1000 {
				if *answer = nil; i%8 > 0 {
					*answer = status.Error(codes.Unavailable, "")
				}
				_, _ = client.Invoke(t.Context(), call(nil))
			}
		},
		"no time for them": func(t *testing.T, client *backend.Client, answer *error) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), 999*time.Millisecond)
			defer cancel()
			*answer = status.Error(codes.DeadlineExceeded, "")
			for range 100 {
				_, _ = client.Invoke(ctx, call(nil))
			}
		},
		"panics": func(t *testing.T, client *backend.Client, answer *error) {
			t.Helper()
			*answer = panics{}
			for range 100 {
				func() {
					defer func() { _ = recover() }()
					_, _ = client.Invoke(t.Context(), call(nil))
				}()
			}
			if load := client.Load(); load.InFlight != 0 {
				t.Errorf("load is %+v", load)
			}
		},
		"no time left": func(t *testing.T, client *backend.Client, _ *error) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), 0)
			defer cancel()
			for range 100 {
				if _, err := client.Invoke(ctx, call(nil)); status.Code(err) != codes.DeadlineExceeded {
					t.Fatal(err)
				}
			}
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client, answer, _ := switched(t, discard())
				if test(t, client, answer); client.Load().Circuit != "closed" {
					t.Error("it is not closed")
				}
			})
		})
	}
}

// panics is an error that does, when it is looked at.
type panics struct{ error }

func (panics) GRPCStatus() *status.Status { panic("boom") }

// TestCallersWhoLeave says nothing of a service, neither before nor after its circuit has opened.
func TestCallersWhoLeave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		answers := false
		client := simulated(backend.Config{}, func(ctx context.Context, _ *backend.Call) ([]byte, error) {
			if answers {
				return nil, nil
			}
			return freeze(ctx)
		})
		invoke := func(leave bool) error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if leave {
				time.AfterFunc(time.Millisecond, cancel)
			}
			_, err := client.Invoke(ctx, call(nil))
			return err
		}
		for range 100 {
			if err := invoke(true); status.Code(err) != codes.Canceled {
				t.Fatal(err)
			}
		}
		if state := client.Load().Circuit; state != "closed" {
			t.Fatalf("callers who left made it %s", state)
		}
		var running sync.WaitGroup
		for range 20 {
			running.Go(func() { _ = invoke(false) })
		}
		if running.Wait(); client.Load().Circuit != "open" {
			t.Fatal("calls that ran out of time left it closed")
		}
		for range 20 { // no probe is heard out
			time.Sleep(time.Second)
			if err := invoke(true); status.Code(err) != codes.Canceled {
				t.Fatalf("%v, want a probe every second", err)
			}
		}
		answers = true
		time.Sleep(time.Second)
		for range 3 {
			if err := invoke(false); err != nil {
				t.Error(err)
			}
		}
		if state := client.Load().Circuit; state != "closed" {
			t.Errorf("it is %s", state)
		}
	})
}
