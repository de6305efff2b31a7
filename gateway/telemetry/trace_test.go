package telemetry_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/local"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/intentgate/intentgate/gateway/backend"
	"github.com/intentgate/intentgate/gateway/telemetry"
	"github.com/intentgate/intentgate/gateway/telemetry/traces"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// newTraces are traces of a share of turns, which a server refuses at once that is no collector.
func newTraces(tb testing.TB, sample float64) *traces.Traces {
	tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	server := grpc.NewServer(grpc.Creds(local.NewCredentials()))
	go func() { _ = server.Serve(listener) }()
	tb.Cleanup(server.Stop)
	all, err := traces.New(traces.Config{
		Settings: &gatewayv1.Traces{
			Otlp: &gatewayv1.Otlp{Endpoint: listener.Addr().String()}, Sample: proto.Float64(sample), Slow: durationpb.New(time.Second),
		},
		Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(all.Close)
	return all
}

// told writes spans as name, what is not usual of them, and events.
func told(spans []traces.Span) string {
	var all []string
	for _, s := range spans {
		text := s.Name
		if s.Kind != oteltrace.SpanKindInternal {
			text += " " + s.Kind.String()
		}
		if s.Call {
			text += " call"
		}
		if s.Failed != "" {
			text += " failed:" + s.Failed
		}
		for _, e := range s.Events {
			text += fmt.Sprintf(" %s:%s:%s", e.Name, e.Attributes[0].Value.String(), e.Attributes[1].Value.String())
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

func TestSpans(t *testing.T) {
	unsampled := newTraces(t, 0)
	until := func(last telemetry.Box, event *telemetry.TurnEvent) {
		for box := telemetry.Body; box <= last; box++ {
			event.Enter(box)
		}
	}
	fails := func(event *telemetry.TurnEvent, code codes.Code, status int, reason string) {
		event.Code, event.FailureStatus, event.Reason, event.HTTPStatus, event.Answered = code, status, reason, status, telemetry.ByNobody
		event.Enter(telemetry.Fallback)
		event.Enter(telemetry.AnswerSent)
	}
	const before = "edge.head; authn.proof; edge.body; dialogflow.read; authn.caller; router; binding.request; "
	const call = "intentgate.v1.IntentService/Fulfill client call"
	for name, test := range map[string]struct {
		play func(*telemetry.TurnEvent)
		took time.Duration
		want string
	}{
		"good": {play: func(e *telemetry.TurnEvent) { until(telemetry.AnswerSent, e) }, took: time.Second - 1, want: ""},
		"slow": {
			play: func(e *telemetry.TurnEvent) {
				until(telemetry.Reply, e)
				e.Enter(telemetry.Write)
				e.Enter(telemetry.AnswerSent)
			}, took: time.Second,
			want: "POST /dialogflow/es server; " + before + call + "; binding.reply; dialogflow.write; edge.answer",
		},
		"tried again": {
			play: func(e *telemetry.TurnEvent) {
				until(telemetry.Call, e)
				e.Tries, e.ServiceCode = 2, codes.DeadlineExceeded
				e.Retried([]backend.Try{{Ended: start, Code: codes.Unavailable}})
				fails(e, codes.DeadlineExceeded, http.StatusGatewayTimeout, "service_deadline")
			},
			want: "POST /dialogflow/es server failed:service_deadline; " + before + call + " failed:DEADLINE_EXCEEDED retry:1:UNAVAILABLE; fallback; edge.answer",
		},
		"no code of gRPC's": {
			play: func(e *telemetry.TurnEvent) {
				until(telemetry.Call, e)
				e.ServiceCode = 1000
				fails(e, codes.Unknown, http.StatusInternalServerError, "service_unknown")
			},
			want: "POST /dialogflow/es server failed:service_unknown; " + before + call + " failed:UNKNOWN; fallback; edge.answer",
		},
		"not called": {
			play: func(e *telemetry.TurnEvent) {
				until(telemetry.Call, e)
				e.Tries, e.ServiceDuration = 0, 0
				fails(e, codes.Unavailable, http.StatusServiceUnavailable, string(backend.CircuitOpen))
			},
			want: "POST /dialogflow/es server failed:circuit_open; " + before + "backend failed:circuit_open; fallback; edge.answer",
		},
		"joined": {
			play: func(e *telemetry.TurnEvent) {
				until(telemetry.Call, e)
				e.Joined, e.Tries, e.ServiceDuration = "call", 0, 0
				fails(e, codes.Internal, http.StatusInternalServerError, "service_internal")
			},
			want: "POST /dialogflow/es server failed:service_internal; " + before + "joins failed:service_internal; fallback; edge.answer",
		},
		"panicked": {
			play: func(e *telemetry.TurnEvent) {
				until(telemetry.Read, e)
				e.Tries, e.ServiceDuration, e.HTTPStatus = 0, 0, 500
				e.FailureStatus, e.Reason = 500, "panic"
				e.Enter(telemetry.AnswerSent)
			},
			want: "POST /dialogflow/es server failed:panic; edge.head; authn.proof; edge.body; dialogflow.read failed:panic; edge.answer",
		},
		"refused": {
			play: func(e *telemetry.TurnEvent) {
				e.Tries, e.ServiceDuration = 0, 0
				fails(e, codes.PermissionDenied, http.StatusForbidden, "wrong_agent")
			},
			want: "",
		},
		"slow and refused": {
			took: time.Minute,
			play: func(e *telemetry.TurnEvent) {
				e.Tries, e.ServiceDuration = 0, 0
				fails(e, codes.PermissionDenied, http.StatusForbidden, "wrong_agent")
			},
			want: "POST /dialogflow/es server; edge.head; authn.proof failed:wrong_agent; fallback; edge.answer",
		},
		"left": {
			play: func(e *telemetry.TurnEvent) {
				until(telemetry.Reply, e)
				e.Enter(telemetry.AnswerSent)
				e.WriteError = errors.New("gone")
			},
			want: "POST /dialogflow/es server failed:lost; " + before + call + "; binding.reply; edge.answer failed:lost",
		},
	} {
		event := newTelemetry(t, nowhere{}).StartTurn(start)
		event.Trace(unsampled, nil)
		fill(event)
		test.play(event)
		spans := event.Spans(test.took)
		if got := told(spans); got != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, test.want)
		}
		for _, s := range spans {
			if s.End.Before(s.Start) || s.Start.Before(start) {
				t.Errorf("%s: %s is from %s to %s", name, s.Name, s.Start, s.End)
			}
		}
	}
}

// The line of a turn names its trace where that is told of, and nothing is noted without traces.
func TestTraceID(t *testing.T) {
	for name, test := range map[string]struct {
		to   *traces.Traces
		want bool
	}{"sampled": {newTraces(t, 1), true}, "unsampled": {newTraces(t, 0), false}, "off": {nil, false}} {
		var log strings.Builder
		event := newTelemetry(t, &log).StartTurn(start)
		event.Trace(test.to, http.Header{})
		event.Enter(telemetry.Read)
		event.Retried(nil)
		fill(event)
		id := event.CallTrace().TraceID
		event.Finish(t.Context())
		if got := strings.Contains(log.String(), fmt.Sprintf(`"trace_id":"%x"`, id)); got != test.want {
			t.Errorf("%s: %s", name, log.String())
		}
		if (id != [16]byte{}) != (test.to != nil) {
			t.Errorf("%s: the call's trace is %x", name, id)
		}
	}
}

// Without traces and unsampled, a turn costs next to nothing for them.
func TestTraceAllocations(t *testing.T) {
	unsampled, meters := newTraces(t, 0), newTelemetry(t, nowhere{})
	play := func(to *traces.Traces) float64 {
		return testing.AllocsPerRun(100, func() {
			event := meters.StartTurn(start)
			event.Trace(to, nil)
			for box := telemetry.Body; box <= telemetry.AnswerSent; box++ {
				event.Enter(box)
			}
			_ = event.CallTrace()
			event.HTTPStatus = http.StatusOK
			event.Finish(t.Context())
		})
	}
	random := testing.AllocsPerRun(100, func() { unsampled.Draw() }) // none, but with the race detector
	if off, on := play(nil), play(unsampled); on > off+random+2 {
		t.Errorf("%v allocations without traces, %v unsampled", off, on)
	}
}

func BenchmarkTraced(b *testing.B) {
	for name, sample := range map[string]float64{"off": -1, "unsampled": 0, "percent": 0.01, "all": 1} {
		var to *traces.Traces
		if sample >= 0 {
			to = newTraces(b, sample)
		}
		b.Run(name, func(b *testing.B) {
			meters, err := telemetry.New(telemetry.Config{Logger: slog.New(slog.DiscardHandler), Audit: slog.New(slog.DiscardHandler), Now: time.Now})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				event := meters.StartTurn(time.Now())
				event.Trace(to, nil)
				for _, box := range []telemetry.Box{2, 3, 4, 5, 6, 7, 8, 10, 11} {
					event.Enter(box)
				}
				_ = event.CallTrace()
				fill(event)
				event.Finish(b.Context())
			}
		})
	}
}
