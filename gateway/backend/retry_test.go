package backend_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/intentgate/intentgate/gateway/backend"
)

// budget is the time of a turn that has just begun.
const budget = 4700 * time.Millisecond

// failing is a status with details.
func failing(code codes.Code, details ...*anypb.Any) error {
	said := status.New(code, "no").Proto()
	said.Details = details
	return status.FromProto(said).Err()
}

// comeBack is a RetryInfo; nil: without a delay.
func comeBack(delay *durationpb.Duration) *anypb.Any {
	detail, _ := anypb.New(&errdetails.RetryInfo{RetryDelay: delay}) // which can be marshalled
	return detail
}

// simulated is a client of a service that is a function.
func simulated(config backend.Config, service func(context.Context, *backend.Call) ([]byte, error)) *backend.Client {
	config.Name = "orders"
	if config.Logger == nil {
		config.Logger = discard()
	}
	return backend.Simulate(config, service)
}

// freeze is what a service does that does not answer.
func freeze(ctx context.Context) ([]byte, error) {
	<-ctx.Done()
	return nil, status.FromContextError(ctx.Err()).Err()
}

// TestRetries has calls fail in every way, and looks when they are tried again.
func TestRetries(t *testing.T) {
	t.Parallel()
	const (
		frozen  = -time.Second // instead of a pause
		backOff = -time.Minute // a pause of firstPause, doubled, at most
	)
	plain := func(code codes.Code) error { return failing(code) }
	with := func(code codes.Code, delay time.Duration) error {
		return failing(code, comeBack(durationpb.New(delay)))
	}
	type test struct {
		name    string
		err     error           // of each try; nil: it does not answer
		once    bool            // the method is not idempotent
		retries backend.Retries // zero: three tries
		budget  time.Duration   // zero: that of a turn; negative: none
		pauses  []time.Duration // between the beginnings of tries
		code    codes.Code
	}
	tests := []test{
		{name: "unavailable", err: plain(codes.Unavailable), pauses: []time.Duration{backOff, backOff}, code: codes.Unavailable},
		{name: "unavailable, with no limit", err: plain(codes.Unavailable), budget: -1, pauses: []time.Duration{backOff, backOff}, code: codes.Unavailable},
		{name: "five tries", err: plain(codes.Unavailable), retries: backend.Retries{Tries: 5}, pauses: []time.Duration{backOff, backOff, backOff, backOff}, code: codes.Unavailable},
		{name: "one try", err: plain(codes.Unavailable), retries: backend.Retries{Tries: 1}, code: codes.Unavailable},
		{name: "frozen", pauses: []time.Duration{budget * 3 / 4, budget * 3 / 16}, code: codes.DeadlineExceeded},
		{name: "frozen, side effects", once: true, code: codes.DeadlineExceeded},
		{name: "frozen, a time per try", retries: backend.Retries{Tries: 3, TryTimeout: time.Second}, pauses: []time.Duration{time.Second, time.Second}, code: codes.DeadlineExceeded},
		{name: "frozen, no room for another", retries: backend.Retries{Tries: 3, TryTimeout: budget - 40*time.Millisecond}, code: codes.DeadlineExceeded},
		{name: "frozen, too little left", budget: 90 * time.Millisecond, code: codes.DeadlineExceeded},
		{name: "unavailable, too little left", err: plain(codes.Unavailable), budget: 60 * time.Millisecond, code: codes.Unavailable},
		{name: "come back at once", err: with(codes.Unavailable, 0), pauses: []time.Duration{0, 0}, code: codes.Unavailable},
		{name: "come back some time", err: failing(codes.ResourceExhausted, comeBack(nil)), pauses: []time.Duration{0, 0}, code: codes.ResourceExhausted},
		{name: "never come back", err: with(codes.Unavailable, -time.Nanosecond), code: codes.Unavailable},
		{name: "come back tomorrow", err: with(codes.Unavailable, 24*time.Hour), code: codes.Unavailable},
		{name: "come back too late", err: with(codes.Unavailable, budget-49*time.Millisecond), code: codes.Unavailable},
		{name: "come back just in time", err: with(codes.Unavailable, budget-50*time.Millisecond), pauses: []time.Duration{budget - 50*time.Millisecond}, code: codes.Unavailable},
		{name: "come back, side effects", err: with(codes.Unavailable, 0), once: true, code: codes.Unavailable},
		{name: "come back, but when", err: failing(codes.Unavailable, &anypb.Any{TypeUrl: "type.googleapis.com/google.rpc.RetryInfo", Value: []byte{0xff}}), code: codes.Unavailable},
		{name: "another detail first", err: failing(codes.Aborted, &anypb.Any{TypeUrl: "type.googleapis.com/google.rpc.DebugInfo"}, comeBack(durationpb.New(time.Second))), pauses: []time.Duration{time.Second, time.Second}, code: codes.Aborted},
	}
	for code := codes.Canceled; code <= codes.Unauthenticated+1; code++ {
		row := test{name: "come back, " + code.String(), err: with(code, 100*time.Millisecond), code: code}
		if code == codes.Unavailable || code == codes.ResourceExhausted || code == codes.Aborted {
			row.pauses = []time.Duration{100 * time.Millisecond, 100 * time.Millisecond}
		}
		tests = append(tests, row)
		if code != codes.Unavailable {
			tests = append(tests, test{name: code.String(), err: plain(code), code: code})
		}
		tests = append(tests, test{name: code.String() + ", side effects", err: plain(code), once: true, code: code})
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, done := range []bool{true, false} {
				synctest.Test(t, func(t *testing.T) {
					if test.retries.Tries == 0 {
						test.retries.Tries = 3
					}
					var began []time.Time
					client := simulated(backend.Config{Retries: test.retries}, func(ctx context.Context, _ *backend.Call) ([]byte, error) {
						began = append(began, time.Now())
						if test.err == nil {
							return freeze(ctx)
						}
						return nil, test.err
					})
					ctx := t.Context()
					if test.budget == 0 {
						test.budget = budget
					}
					if test.budget > 0 {
						limited, cancel := context.WithTimeout(ctx, test.budget)
						defer cancel()
						if ctx = limited; !done {
							ctx = doneless{limited}
						}
					}
					made := &backend.Call{Method: method, Idempotent: !test.once}
					start := time.Now()
					_, err := client.Invoke(ctx, made)
					if status.Code(err) != test.code || made.Tries != len(began) {
						t.Errorf("%v, %d tries are said to be %d", err, len(began), made.Tries)
					}
					if len(began) != len(test.pauses)+1 {
						t.Fatalf("%d tries, want %d", len(began), len(test.pauses)+1)
					}
					for i, want := range test.pauses {
						pause := began[i+1].Sub(began[i])
						least := want
						if want == backOff {
							want = min(25*time.Millisecond<<i, 200*time.Millisecond)
							least = want / 2
						}
						if pause < least || pause > want {
							t.Errorf("pause %d is %s, want %s to %s", i, pause, least, want)
						}
					}
					if took := time.Since(start); test.err == nil && took != test.budget {
						t.Errorf("took %s, want all of %s", took, test.budget)
					}
				})
			}
		})
	}
}

// doneless is a context that ends, and does not tell.
type doneless struct{ context.Context }

func (doneless) Done() <-chan struct{} { return nil }

// TestRetriesEnd has a call succeed in its second try, and a caller leave before it.
func TestRetriesEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		var seen []string
		client := simulated(backend.Config{Retries: backend.Retries{Tries: 3}}, func(_ context.Context, call *backend.Call) ([]byte, error) {
			seen = append(seen, string(call.Request))
			if len(seen)%2 == 1 {
				return nil, failing(codes.Unavailable, comeBack(durationpb.New(time.Second)))
			}
			return []byte("yes"), nil
		})
		made := &backend.Call{Method: method, Request: []byte("1"), Idempotent: true}
		response, err := client.Invoke(ctx, made)
		if string(response) != "yes" || err != nil || made.Tries != 2 || !slices.Equal(seen, []string{"1", "1"}) {
			t.Errorf("%q, %v after %d tries of %q", response, err, made.Tries, seen)
		}
		if load := client.Load(); load.Retries != 1 || load.InFlight != 0 {
			t.Errorf("load is %+v", load)
		}
		time.AfterFunc(time.Second/2, leave)
		start := time.Now()
		if _, err := client.Invoke(ctx, made); status.Code(err) != codes.Unavailable || made.Tries != 1 || time.Since(start) != time.Second/2 {
			t.Errorf("%v after %d tries, %s; want none after the caller has left", err, made.Tries, time.Since(start))
		}
		if _, err := client.Invoke(ctx, made); status.Code(err) != codes.Canceled || made.Tries != 0 {
			t.Errorf("%v after %d tries for a caller who has left before", err, made.Tries)
		}
	})
}

// TestRetryBudget has a quarter of the calls fail that may be tried three times.
func TestRetryBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := simulated(backend.Config{Retries: backend.Retries{Tries: 3}}, func(_ context.Context, call *backend.Call) ([]byte, error) {
			if call.Idempotent {
				return nil, failing(codes.Unavailable)
			}
			return nil, nil
		})
		const calls = 400
		tries := 0
		for i := range calls {
			made := &backend.Call{Method: method, Idempotent: i%4 == 0}
			_, err := client.Invoke(t.Context(), made)
			if refused := new(backend.Refused); errors.As(err, &refused) {
				t.Fatal(err)
			}
			tries += made.Tries
		}
		if retries := tries - calls; retries < calls/5 || retries > calls/5+10 {
			t.Errorf("%d retries of %d calls, want a fifth and the first ten", retries, calls)
		}
	})
}

// TestRetryOverTheWire has a service say when to come back, and sees what it gets then.
func TestRetryOverTheWire(t *testing.T) {
	t.Parallel()
	type try struct {
		id, request []string
		left        time.Duration
	}
	hop, tries := newHop(t), make(chan try, 3)
	var again error
	service := serve(t, hop.service.ServerCredentials(), "127.0.0.1:0", health.NewServer(),
		func(ctx context.Context, md metadata.MD, request []byte) ([]byte, error) {
			deadline, _ := ctx.Deadline()
			tries <- try{md.Get("intentgate-request-id"), []string{string(request)}, time.Until(deadline)}
			if len(tries) < 2 {
				return nil, again
			}
			return request, nil
		})
	again = failing(codes.ResourceExhausted, comeBack(durationpb.New(time.Millisecond)))
	client := dial(t, backend.Config{Target: service.address, Credentials: hop.gateway.ClientCredentials, Retries: backend.Retries{Tries: 3}})
	ctx, cancel := context.WithTimeout(metadata.NewOutgoingContext(t.Context(), metadata.Pairs("intentgate-request-id", "1.abc")), 2*patience)
	defer cancel()
	made := &backend.Call{Method: method, Request: message(10), Idempotent: true}
	if response, err := client.Invoke(ctx, made); err != nil || !bytes.Equal(response, made.Request) || made.Tries != 2 {
		t.Fatalf("%q, %v after %d tries", response, err, made.Tries)
	}
	first, second := <-tries, <-tries
	if !slices.Equal(first.id, []string{"1.abc"}) || !slices.Equal(first.id, second.id) || !slices.Equal(first.request, second.request) {
		t.Errorf("the tries are %v and %v", first, second)
	}
	if first.left > 2*patience*3/4 || second.left > 2*patience*3/4 {
		t.Errorf("the tries have %s and %s of %s, want three quarters of what is left", first.left, second.left, 2*patience)
	}
}

// FuzzRetryInfo has a service say anything where the time should be after which to come back.
func FuzzRetryInfo(f *testing.F) {
	for _, delay := range []time.Duration{0, time.Second, -time.Second, 1<<63 - 1} {
		detail, err := proto.Marshal(&errdetails.RetryInfo{RetryDelay: durationpb.New(delay)})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint32(codes.Unavailable), "type.googleapis.com/google.rpc.RetryInfo", detail)
	}
	f.Fuzz(func(t *testing.T, code uint32, kind string, value []byte) {
		err := failing(codes.Code(code), &anypb.Any{TypeUrl: kind, Value: value})
		pause, again := backend.PauseAfter(err, 1, false)
		if again && pause < 0 {
			t.Errorf("a pause of %s", pause)
		}
		switch codes.Code(code) {
		case codes.Unavailable, codes.ResourceExhausted, codes.Aborted:
		default:
			if again {
				t.Errorf("%s is tried again", codes.Code(code))
			}
		}
	})
}
