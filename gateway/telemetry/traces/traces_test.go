package traces_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/local"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/intentgate/intentgate/gateway/telemetry/traces"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// collector takes spans on this machine, or does not.
type collector struct {
	collectorv1.UnimplementedTraceServiceServer

	endpoint string
	answer   func(context.Context) error // nil: spans are taken
	spans    atomic.Int64
	rejects  int64
	keys     chan string // that were shown
}

func (c *collector) Export(ctx context.Context, request *collectorv1.ExportTraceServiceRequest) (*collectorv1.ExportTraceServiceResponse, error) {
	if c.answer != nil {
		if err := c.answer(ctx); err != nil {
			return nil, err
		}
	}
	md, _ := metadata.FromIncomingContext(ctx)
	c.keys <- strings.Join(md.Get("x-api-key"), ",")
	for _, resource := range request.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			c.spans.Add(int64(len(scope.GetSpans())))
		}
	}
	return &collectorv1.ExportTraceServiceResponse{PartialSuccess: &collectorv1.ExportTracePartialSuccess{
		RejectedSpans: c.rejects, ErrorMessage: "too much",
	}}, nil
}

func collect(t *testing.T, answer func(context.Context) error) *collector {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &collector{endpoint: listener.Addr().String(), answer: answer, keys: make(chan string, 100)}
	server := grpc.NewServer(grpc.Creds(local.NewCredentials()))
	collectorv1.RegisterTraceServiceServer(server, c)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return c
}

// told is what Traces tell of themselves.
type told struct {
	mu      sync.Mutex
	log     bytes.Buffer
	now     time.Time
	dropped int
}

func (o *told) Write(line []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.log.Write(line)
}

func (o *told) lines() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Count(o.log.String(), "\n")
}

func (o *told) count(spans int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.dropped += spans
}

func (o *told) all() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.dropped
}

func (o *told) clock() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.now
}

func (o *told) config(endpoint string) traces.Config {
	return traces.Config{
		Settings: &gatewayv1.Traces{Otlp: &gatewayv1.Otlp{Endpoint: endpoint}, Sample: proto.Float64(1)}, Logger: slog.New(slog.NewJSONHandler(o, nil)), Now: o.clock, Dropped: o.count,
	}
}

func tell(t *traces.Traces, turns int) {
	for range turns {
		now := time.Now()
		span := traces.Span{Name: "x", Kind: trace.SpanKindInternal, Start: now, End: now}
		t.Tell(t.Draw(), span, []traces.Span{span, span, span})
	}
}

// A collector that refuses spans is told of no more of them, and they are counted; the log hears of it once a minute.
func TestRefused(t *testing.T) {
	t.Parallel()
	c := collect(t, func(context.Context) error { return status.Error(codes.Unauthenticated, "no\nkey") })
	o := &told{now: time.Now()}
	for range 3 { // each sends what it has when it is closed
		all, err := traces.New(o.config(c.endpoint))
		if err != nil {
			t.Fatal(err)
		}
		tell(all, 300) // three batches
		all.Close()
	}
	if o.all() != 3600 || o.lines() != 3 || !strings.Contains(o.log.String(), "Unauthenticated") || !strings.Contains(o.log.String(), `no\\nkey`) {
		t.Errorf("%d spans are told of as dropped:\n%s", o.all(), o.log.String())
	}
}

// A collector that hangs costs a bounded number of spans, no turn its time, and the end a few seconds.
func TestStalled(t *testing.T) {
	t.Parallel()
	c := collect(t, func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	})
	o := &told{now: time.Now()}
	all, err := traces.New(o.config(c.endpoint))
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	tell(all, 2000)
	if took := time.Since(start); took > 2*time.Second || o.all() != 8000-4096 || o.lines() != 1 {
		t.Errorf("after %s %d spans are dropped, want all but 4096:\n%s", took, o.all(), o.log.String())
	}
	o.mu.Lock()
	o.now = o.now.Add(time.Minute)
	o.mu.Unlock()
	start = time.Now()
	all.Close()
	if took := time.Since(start); took > 5*time.Second || o.all() != 8000 || o.lines() != 2 {
		t.Errorf("it ended after %s, %d spans dropped:\n%s", took, o.all(), o.log.String())
	}
	if _, err := all.Reload(); err != nil {
		t.Error(err)
	}
}

// A collector may take some spans only.
func TestPartial(t *testing.T) {
	t.Parallel()
	c := collect(t, nil)
	c.rejects = 3
	o := &told{now: time.Now()}
	all, err := traces.New(o.config(c.endpoint))
	if err != nil {
		t.Fatal(err)
	}
	tell(all, 1)
	all.Close()
	if o.all() != 3 || !strings.Contains(o.log.String(), "too much") {
		t.Errorf("%d spans are told of as dropped:\n%s", o.all(), o.log.String())
	}
}

// A collector that comes late, or does not take spans at first, gets them.
func TestLate(t *testing.T) {
	t.Parallel()
	var tried atomic.Int32
	c := collect(t, func(context.Context) error {
		if tried.Add(1) == 1 {
			return status.Error(codes.Unavailable, "a moment")
		}
		return nil
	})
	o := &told{now: time.Now()}
	all, err := traces.New(o.config(c.endpoint))
	if err != nil {
		t.Fatal(err)
	}
	tell(all, 1)
	all.Close()
	if o.all() != 0 || c.spans.Load() != 4 {
		t.Errorf("%d spans taken, %d dropped:\n%s", c.spans.Load(), o.all(), o.log.String())
	}
}

// Headers are read again, and shown as they are then.
func TestReload(t *testing.T) {
	t.Parallel()
	c := collect(t, nil)
	file := filepath.Join(t.TempDir(), "key")
	write := func(key string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(key), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("one")
	o := &told{now: time.Now()}
	config := o.config(c.endpoint)
	config.Settings.Otlp.Headers = map[string]*gatewayv1.Secret{"x-api-key": {File: file}}
	all, err := traces.New(config)
	if err != nil {
		t.Fatal(err)
	}
	if got := all.Files(); !slices.Equal(got, []string{file}) {
		t.Errorf("the files are %q", got)
	}
	reload := func(want bool, fails bool) {
		t.Helper()
		if changed, err := all.Reload(); changed != want || (err != nil) != fails {
			t.Errorf("changed: %v, %v", changed, err)
		}
	}
	tell(all, 1)
	if got := <-c.keys; got != "one" {
		t.Errorf("shown %q", got)
	}
	reload(false, false)
	write("two")
	reload(true, false)
	write("")
	reload(false, true)
	tell(all, 1)
	all.Close()
	if got := <-c.keys; got != "two" || c.spans.Load() != 8 || o.all() != 0 {
		t.Errorf("shown %q, %d spans taken, %d dropped", got, c.spans.Load(), o.all())
	}
}

// A reload does not wait for a collector that hangs, and the batch that does is not lost.
func TestReloadWhileItHangs(t *testing.T) {
	t.Parallel()
	file, taking, release := filepath.Join(t.TempDir(), "key"), make(chan struct{}), make(chan struct{})
	var tried atomic.Int32
	c := collect(t, func(context.Context) error {
		if tried.Add(1) == 1 {
			close(taking)
			<-release
		}
		return nil
	})
	o := &told{now: time.Now()}
	config := o.config(c.endpoint)
	config.Settings.Otlp.Headers = map[string]*gatewayv1.Secret{"x-api-key": {File: file}}
	write := func(key string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(key), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("one")
	all, err := traces.New(config)
	if err != nil {
		t.Fatal(err)
	}
	tell(all, 1)
	<-taking
	start := time.Now()
	for _, key := range []string{"two", "three"} {
		write(key)
		if changed, err := all.Reload(); err != nil || !changed {
			t.Errorf("changed: %v, %v", changed, err)
		}
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it waited %s", took)
	}
	close(release)
	tell(all, 1)
	all.Close()
	if one, three := <-c.keys, <-c.keys; one != "one" || three != "three" || c.spans.Load() != 8 || o.all() != 0 {
		t.Errorf("shown %q and %q, %d spans taken, %d dropped:\n%s", one, three, c.spans.Load(), o.all(), o.log.String())
	}
}

// Nothing leaves the machine in the clear.
func TestPlaintext(t *testing.T) {
	t.Parallel()
	for endpoint, good := range map[string]bool{
		"127.0.0.1:4317": true, "localhost:4317": true, "[::1]:4317": true, "127.1.2.3:4317": true,
		"10.0.0.1:4317": false, "collector:4317": false, "0.0.0.0:4317": false, "[::]:4317": false, "127.0.0.1": false, "": false,
		"localhost.example:4317": false, "127.0.0.1.example:4317": false,
	} {
		all, err := traces.New((&told{}).config(endpoint))
		if (err == nil) != good {
			t.Errorf("%s: %v", endpoint, err)
		}
		if err == nil {
			all.Close()
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	nowhere := filepath.Join(t.TempDir(), "none")
	for name, change := range map[string]func(*traces.Config){
		"no settings":    func(c *traces.Config) { c.Settings = nil },
		"no logger":      func(c *traces.Config) { c.Logger = nil },
		"no clock":       func(c *traces.Config) { c.Now = nil },
		"no authorities": func(c *traces.Config) { c.Settings.Otlp.Tls = &gatewayv1.CollectorTLS{Ca: nowhere} },
		"no certificate": func(c *traces.Config) {
			c.Settings.Otlp.Tls = &gatewayv1.CollectorTLS{Certificate: &gatewayv1.KeyPair{Cert: nowhere, Key: nowhere}}
		},
		"no header": func(c *traces.Config) {
			c.Settings.Otlp.Headers = map[string]*gatewayv1.Secret{"x-api-key": {File: nowhere}}
		},
	} {
		config := (&told{}).config("127.0.0.1:1")
		change(&config)
		if all, err := traces.New(config); err == nil {
			all.Close()
			t.Errorf("accepted with %s", name)
		}
	}
}

// Of many traces about as many are sampled as are to be; no two are the same.
func TestDraw(t *testing.T) {
	t.Parallel()
	for share, bounds := range map[float64][2]int{0: {0, 0}, 0.25: {2100, 2900}, 1: {10_000, 10_000}} {
		config := (&told{}).config("127.0.0.1:1")
		config.Settings.Sample = proto.Float64(share)
		all, err := traces.New(config)
		if err != nil {
			t.Fatal(err)
		}
		sampled, seen := 0, map[trace.TraceID]bool{}
		for range 10_000 {
			ids := all.Draw()
			if ids.Sampled {
				sampled++
			}
			seen[ids.Trace] = true
			if ids.Root == ids.Call || slices.Contains([]bool{ids.Trace.IsValid(), ids.Root.IsValid(), ids.Call.IsValid()}, false) {
				t.Fatalf("drawn %v", ids)
			}
		}
		if sampled < bounds[0] || sampled > bounds[1] || len(seen) != 10_000 {
			t.Errorf("%d sampled of 10000 at %v, %d of their own", sampled, share, len(seen))
		}
		all.Close()
	}
}
