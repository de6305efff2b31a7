package main

import (
	"context"
	"encoding/hex"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/prototext"

	"github.com/intentgate/intentgate/gateway/pki"
	"github.com/intentgate/intentgate/services/mtls"
)

// collector takes spans by OTLP, over mutual TLS.
type collector struct {
	collectorv1.UnimplementedTraceServiceServer

	addr string

	mu       sync.Mutex
	spans    []span
	metadata []metadata.MD
	text     string        // all that came
	more     chan struct{} // closed when there is more
}

// span is one that was collected, with the service that told of it.
type span struct {
	*tracev1.Span

	service string
}

// startCollector starts a collector with the orders' certificate, until the test ends.
func startCollector(t *testing.T, dir string) *collector {
	t.Helper()
	file := func(name string) string { return filepath.Join(dir, certsFolder, name) }
	identity, err := mtls.Open(mtls.Files{Cert: file(pki.OrdersCert), Key: file(pki.OrdersKey), CA: file(pki.InternalCA)}, mtls.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &collector{addr: listener.Addr().String(), more: make(chan struct{})}
	server := grpc.NewServer(grpc.Creds(identity.ServerCredentials()))
	collectorv1.RegisterTraceServiceServer(server, c)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return c
}

// Export keeps the spans.
func (c *collector) Export(ctx context.Context, request *collectorv1.ExportTraceServiceRequest) (*collectorv1.ExportTraceServiceResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.metadata, c.text = append(c.metadata, md), c.text+prototext.Format(request)
	for _, resource := range request.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				c.spans = append(c.spans, span{s, attributes(resource.GetResource().GetAttributes())["service.name"]})
			}
		}
	}
	close(c.more)
	c.more = make(chan struct{})
	return &collectorv1.ExportTraceServiceResponse{}, nil
}

// all returns the spans that fit so far, and what is closed when there are more.
func (c *collector) all(fits func(span) bool) ([]span, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(c.spans), func(s span) bool { return !fits(s) }), c.more
}

// await waits for so many spans that fit.
func (c *collector) await(t *testing.T, n int, fits func(span) bool) []span {
	t.Helper()
	timeout := time.After(patience)
	for {
		found, more := c.all(fits)
		if len(found) >= n {
			return found
		}
		select {
		case <-more:
		case <-timeout:
			t.Fatalf("%d spans of %d have come:\n%s", len(found), n, c.text)
		}
	}
}

// rootOf fits the root of the turn whose service's call had a request id, or any root for "".
func rootOf(id string) func(span) bool {
	return func(s span) bool {
		return s.service == "intentgate" && len(s.GetParentSpanId()) == 0 && (id == "" || s.said()["intentgate.request_id"] == id)
	}
}

// of fits the spans of a trace.
func (s span) of() func(span) bool {
	return func(other span) bool { return string(other.GetTraceId()) == string(s.GetTraceId()) }
}

func (s span) said() map[string]string { return attributes(s.GetAttributes()) }

func (s span) id() string { return hex.EncodeToString(s.GetSpanId()) }

func (s span) took() time.Duration {
	return time.Duration(s.GetEndTimeUnixNano() - s.GetStartTimeUnixNano()) //nolint:gosec // seconds
}

func attributes(all []*commonv1.KeyValue) map[string]string {
	said := map[string]string{}
	for _, a := range all {
		said[a.GetKey()] = a.GetValue().GetStringValue()
		if a.GetValue().GetStringValue() == "" {
			said[a.GetKey()] = prototext.MarshalOptions{}.Format(a.GetValue())
		}
	}
	return said
}
