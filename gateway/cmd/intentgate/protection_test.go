package main

import (
	"context"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// TestRetriesAsConfigured has a service fail once, and looks whether its method is called again.
func TestRetriesAsConfigured(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		level   descriptorpb.MethodOptions_IdempotencyLevel
		retries string
		tries   float64
	}{
		"no side effects": {descriptorpb.MethodOptions_NO_SIDE_EFFECTS, "{}", 2},
		"side effects":    {descriptorpb.MethodOptions_IDEMPOTENCY_UNKNOWN, "{}", 1},
		"one try":         {descriptorpb.MethodOptions_NO_SIDE_EFFECTS, "{tries: 1}", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, files := folder(t), typedFiles(t)
			var calls atomic.Int64
			turns := startTyped(t, dir, files, turnsService, func(request proto.Message, response *dynamicpb.Message) error {
				if calls.Add(1) == 1 {
					return status.Error(codes.Unavailable, "not yet")
				}
				return echo(request, response)
			})
			file, err := files.FindFileByPath("turns.proto")
			if err != nil {
				t.Fatal(err)
			}
			declared := protodesc.ToFileDescriptorProto(file)
			for _, method := range declared.GetService()[0].GetMethod() {
				method.Options.IdempotencyLevel = test.level.Enum()
			}
			if file, err = protodesc.NewFile(declared, files); err != nil {
				t.Fatal(err)
			}
			writeSet(t, filepath.Join(dir, "turns.binpb"), file)
			configure(t, dir, typedSettings("turns", turns.addr, `descriptor_set: turns.binpb, allow: {intents: ["order.*"]}}`+"\n    retries: "+test.retries[:len(test.retries)-1]))
			g := serveFolder(t, dir)
			g.log.await(t, 1, entry{"msg": "Service reachable", "service": "turns"})
			g.post(t, g.dialogflow(t), esPath, string(golden(t, "turns", "es-order-track.good.json")))
			want := entry{"msg": "Turn", "service": "turns", "outcome": "answered", "tries": test.tries}
			if test.tries == 1 {
				want = entry{"msg": "Turn", "service": "turns", "reason": "unavailable", "http_status": 503.0}
			}
			g.log.await(t, 1, want)
			if n := calls.Load(); n != int64(test.tries) {
				t.Errorf("%d calls, want %g", n, test.tries)
			}
			g.measures(t, map[float64]string{1: `intentgate_service_retries_total{service="turns"} 0`, 2: `intentgate_service_retries_total{service="turns"} 1`}[test.tries])
		})
	}
}

// TestProtectionAsConfigured has a service that takes one call at a time, and then fails.
func TestProtectionAsConfigured(t *testing.T) {
	t.Parallel()
	g := start(t, edit{"    required: true\n", "    concurrency: {min: 1, max: 1, queue: 0}\n"})
	entered, leave := make(chan struct{}), make(chan struct{})
	g.service.answers(func(context.Context, *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
		entered <- struct{}{}
		<-leave
		return says("at last"), nil
	})
	first, slow, request := make(chan answer, 1), g.dialogflow(t), g.request(t.Context(), t, esPath, esTurn("first"))
	go func() {
		got, err := send(slow, request)
		if err != nil {
			t.Error(err)
		}
		first <- got
	}()
	<-entered
	client := g.dialogflow(t)
	if got := g.post(t, client, esPath, esTurn("second")); got.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d, %s; want 503", got.StatusCode, got.body)
	}
	g.log.await(t, 1, entry{"msg": "Turn", "reason": "queue_full", "outcome": "failed", "turn_id": "second"})
	g.measures(t, `intentgate_service_calls_limit{service="shop-orders"} 1`, `intentgate_service_calls_in_flight{service="shop-orders"} 1`)
	close(leave)
	wantES(t, <-first, "at last")

	g.service.answers(func(context.Context, *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
		return nil, status.Error(codes.Unavailable, "away")
	})
	for range 20 {
		g.post(t, client, esPath, esTurn("fails"))
	}
	g.log.await(t, 1, entry{"msg": "Circuit opened", "service": "shop-orders"})
	if got := g.post(t, client, esPath, esTurn("refused")); got.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d, %s; want 503", got.StatusCode, got.body)
	}
	g.log.await(t, 1, entry{"msg": "Turn", "reason": "circuit_open"})
	g.measures(t, `intentgate_service_circuit{service="shop-orders",state="closed"} 0`)
}
