package gateway_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"github.com/intentgate/intentgate/gateway/telemetry"
	"github.com/intentgate/intentgate/gateway/telemetry/traces"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// outputs are all places where a gateway tells of turns: the log as JSON and as text, at the level of debugging, the audit trail, the
// metrics and the spans.
type outputs struct {
	collector.UnimplementedTraceServiceServer

	*fixture

	traces *traces.Traces
	mu     sync.Mutex
	all    bytes.Buffer
}

func (o *outputs) Write(text []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all.Write(text)
}

// Export takes spans.
func (o *outputs) Export(_ context.Context, request *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	_, err := o.Write([]byte(prototext.Format(request)))
	return new(collector.ExportTraceServiceResponse), err
}

// listenIn starts a gateway that tells of users what is asked for, and listens to all that it says.
func listenIn(t *testing.T, asked []telemetry.UserData, change func(*setup)) *outputs {
	t.Helper()
	o := new(outputs)
	server := grpc.NewServer()
	collector.RegisterTraceServiceServer(server, o)
	listener := must(new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0"))(t)
	go func() { _ = server.Serve(listener) }() // until it is stopped
	t.Cleanup(server.Stop)
	debug := &slog.HandlerOptions{Level: slog.LevelDebug}
	o.traces = must(traces.New(traces.Config{
		Settings: &gatewayv1.Traces{
			Otlp: &gatewayv1.Otlp{Endpoint: listener.Addr().String()}, Sample: proto.Float64(1), LinkInbound: true,
		},
		Logger: slog.New(slog.NewTextHandler(o, debug)), Now: time.Now,
	}))(t)
	o.fixture = start(t, func(s *setup) {
		s.logs = []slog.Handler{slog.NewJSONHandler(o, debug), slog.NewTextHandler(o, debug)}
		s.audit, s.traces = slog.NewJSONHandler(o, debug), o.traces
		if change != nil {
			change(s)
		}
	})
	var kinds []string
	for _, kind := range asked {
		kinds = append(kinds, string(kind))
	}
	o.meters.SetPrivacy(kinds, nil)
	return o
}

// told returns all that was said since it was asked last, once the gateway has said it.
func (o *outputs) told() string {
	o.t.Helper()
	scraped := httptest.NewRecorder()
	o.meters.Metrics().ServeHTTP(scraped, httptest.NewRequestWithContext(o.t.Context(), "GET", "/metrics", nil))
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.all.Reset()
	return o.all.String() + scraped.Body.String()
}

// last is told, with the spans that have not been sent yet, and ends those.
func (o *outputs) last() string {
	o.t.Helper()
	o.traces.Close()
	all := o.told()
	if !strings.Contains(all, "dialogflow.read") {
		o.t.Error("no span was sent")
	}
	return all
}
