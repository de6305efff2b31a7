package main

import (
	"context"
	"encoding/hex"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc/filters"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/intentgate/intentgate/gateway/pki"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/serve"
)

// tracesTo are settings of traces, with more of them.
func tracesTo(c *collector, more string) edit {
	return edit{"status:", `telemetry:
  traces:
    otlp:
      endpoint: ` + c.addr + `
      tls: {ca: certs/internal-ca.pem, certificate: {cert: certs/gateway.pem, key: certs/gateway.key}, server_name: orders.internal}
      headers: {x-api-key: {file: api-key}}
    ` + more + `
status:`}
}

// traced starts a gateway whose spans, and those of its service, go to a collector.
func traced(t *testing.T, more string) (*gate, *collector) {
	t.Helper()
	dir := folder(t)
	c := startCollector(t, dir)
	s := startService(t, dir, "127.0.0.1:0", func(config *serve.Config) { instrument(t, config, c) })
	write(t, filepath.Join(dir, "api-key"), []byte("first-key\n"))
	configure(t, dir, edit{"127.0.0.1:1\n", s.addr + "\n"}, tracesTo(c, more))
	g := serveFolder(t, dir)
	g.service = s
	g.log.await(t, 1, entry{"msg": "Service reachable"})
	return g, c
}

// instrument has a service tell of its spans, as a team would that has OpenTelemetry's SDK.
func instrument(t *testing.T, config *serve.Config, c *collector) {
	t.Helper()
	identity, err := mtls.Open(config.TLS, mtls.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient(c.addr, grpc.WithTransportCredentials(identity.ClientCredentials(pki.OrdersName)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	exporter, err := otlptrace.New(t.Context(), uploader{collectorv1.NewTraceServiceClient(conn)})
	if err != nil {
		t.Fatal(err)
	}
	provider := sdk.NewTracerProvider(sdk.WithSyncer(exporter), sdk.WithResource(resource.NewSchemaless(semconv.ServiceName(serviceName))))
	t.Cleanup(func() { _ = provider.Shutdown(context.WithoutCancel(t.Context())) })
	config.StatsHandler = otelgrpc.NewServerHandler(otelgrpc.WithTracerProvider(provider),
		otelgrpc.WithPropagators(propagation.TraceContext{}), otelgrpc.WithFilter(filters.Not(filters.HealthCheck())))
}

// uploader sends as otlptracegrpc does, without which the rest of this process does not change how it compresses.
type uploader struct{ collectorv1.TraceServiceClient }

func (u uploader) UploadTraces(ctx context.Context, spans []*tracev1.ResourceSpans) error {
	_, err := u.Export(ctx, &collectorv1.ExportTraceServiceRequest{ResourceSpans: spans})
	return err
}

func (uploader) Start(context.Context) error { return nil }

func (uploader) Stop(context.Context) error { return nil }

// TestTraces has a turn told of whole: its root, a span for each box, and that of the service below the call.
func TestTraces(t *testing.T) {
	g, c := traced(t, "sample: 1")
	const canary = "canary"
	const turn = `{"responseId":"t-1","session":"projects/shop/agent/sessions/canary-1","originalDetectIntentRequest":{"payload":{"a":"canary-2"}},` +
		`"queryResult":{"queryText":"canary-3","languageCode":"en","parameters":{"p":"canary-4"},"intent":{"displayName":"welcome"}}}`
	g.service.answers(func(context.Context, *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
		return says("canary-5"), nil
	})
	request := g.request(t.Context(), t, esPath, turn)
	request.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
	request.Header.Set("Tracestate", "canary=6")
	request.Header.Set("Baggage", "canary=7")
	if got := ask(t, g.dialogflow(t), request); got.StatusCode != http.StatusOK {
		t.Fatalf("status %d", got.StatusCode)
	}
	if err := g.wait(t); err != nil { // which sends what is left
		t.Fatal(err)
	}

	roots, _ := c.all(rootOf(""))
	if len(roots) != 1 || roots[0].GetName() != "POST "+esPath || roots[0].GetKind() != tracev1.Span_SPAN_KIND_SERVER ||
		roots[0].GetStatus().GetCode() != tracev1.Status_STATUS_CODE_UNSET || len(roots[0].GetLinks()) > 0 {
		t.Fatalf("the roots are %v", roots)
	}
	root, received := roots[0], g.service.one(t, "t-1")
	for key, want := range map[string]string{
		"http.request.method": "POST", "http.route": esPath, "http.response.status_code": "int_value:200", "intentgate.outcome": "answered",
		"intentgate.platform": "ES", "intentgate.service": serviceName, "intentgate.method": "/intentgate.v1.IntentService/Fulfill",
		"intentgate.answer": "service", "intentgate.request_id": received.metadata.Get("intentgate-request-id")[0],
	} {
		if root.said()[key] != want {
			t.Errorf("%s is %q, want %q", key, root.said()[key], want)
		}
	}
	spans, _ := c.all(root.of())
	const call = "intentgate.v1.IntentService/Fulfill"
	var order []string
	within, end := root.took(), root.GetStartTimeUnixNano()
	for _, s := range spans {
		switch {
		case s.service != "intentgate" || s.id() == root.id():
			continue
		case string(s.GetParentSpanId()) != string(root.GetSpanId()):
			t.Errorf("%s is not a child of the root", s.GetName())
		case s.GetStartTimeUnixNano() != end:
			t.Errorf("%s begins at %d, want %d, where the one before ends", s.GetName(), s.GetStartTimeUnixNano(), end)
		}
		order, end, within = append(order, s.GetName()), s.GetEndTimeUnixNano(), within-s.took()
	}
	want := []string{
		"edge.head", "authn.proof", "edge.body", "dialogflow.read", "authn.caller", "router", "binding.request", call,
		"binding.reply", "dialogflow.write", "edge.answer",
	}
	if !slices.Equal(order, want) || within != 0 {
		t.Errorf("the spans are %q, want %q; %s of the root's time are in none", order, want, within)
	}
	client, _ := c.all(func(s span) bool { return s.GetKind() == tracev1.Span_SPAN_KIND_CLIENT })
	server, _ := c.all(func(s span) bool { return s.service == serviceName })
	if len(client) != 1 || len(server) != 1 || server[0].GetName() != call || server[0].GetKind() != tracev1.Span_SPAN_KIND_SERVER ||
		string(server[0].GetTraceId()) != string(root.GetTraceId()) || string(server[0].GetParentSpanId()) != string(client[0].GetSpanId()) {
		t.Errorf("the call is %v, the service's span %v", client, server)
	}
	if said := client[0].said(); said["rpc.system.name"] != "grpc" || said["rpc.method"] != call || said["rpc.response.status_code"] != "OK" {
		t.Errorf("the call says %v", said)
	}
	parent := "00-" + hex.EncodeToString(root.GetTraceId()) + "-" + client[0].id() + "-01"
	if got := received.metadata.Get("traceparent"); !slices.Equal(got, []string{parent}) || len(received.metadata.Get("tracestate")) > 0 || len(received.metadata.Get("baggage")) > 0 {
		t.Errorf("the service was told %q, %v", got, received.metadata)
	}
	if strings.Contains(c.text, canary) {
		t.Errorf("spans tell what a user said:\n%s", c.text)
	}
}

// TestTracesEnvironment has the environment say otherwise: the configuration alone says where spans go.
func TestTracesEnvironment(t *testing.T) {
	for name, value := range map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1",
		"OTEL_EXPORTER_OTLP_HEADERS": "x-evil=1", "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "x-evil=1", "OTEL_EXPORTER_OTLP_INSECURE": "true",
		"OTEL_EXPORTER_OTLP_TIMEOUT": "1", "OTEL_TRACES_SAMPLER": "always_off", "OTEL_BSP_MAX_QUEUE_SIZE": "1", "OTEL_BSP_EXPORT_TIMEOUT": "1",
		"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "1", "OTEL_SERVICE_NAME": "evil", "OTEL_RESOURCE_ATTRIBUTES": "service.name=evil,k8s.pod.name=gate-1",
	} {
		t.Setenv(name, value)
	}
	g, c := traced(t, "sample: 1")
	g.post(t, g.dialogflow(t), esPath, esTurn("t-1"))
	if err := g.wait(t); err != nil {
		t.Fatal(err)
	}
	if spans, _ := c.all(func(s span) bool { return s.service == "intentgate" }); len(spans) != 12 || !strings.Contains(c.text, "gate-1") {
		t.Errorf("%d spans:\n%s", len(spans), c.text)
	}
	for _, md := range c.metadata {
		if len(md.Get("x-evil")) > 0 || !slices.Equal(md.Get("x-api-key"), []string{"first-key"}) {
			t.Errorf("the collector was told %v", md)
		}
	}
}

// TestTracesUnsampled has turns told of that are slow or that failed, and no others; and services of none.
func TestTracesUnsampled(t *testing.T) {
	g, c := traced(t, "sample: 0\n    slow: 200ms")
	client := g.dialogflow(t)
	g.service.answers(func(_ context.Context, request *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
		switch id := request.GetTurn().GetId(); id {
		case "slow":
			time.Sleep(200 * time.Millisecond)
			return says(id), nil
		case "failed":
			return nil, status.Error(codes.Internal, "canary")
		default:
			return says(id), nil
		}
	})
	for _, id := range []string{"good", "slow", "failed"} {
		g.post(t, client, esPath, esTurn(id))
	}
	g.post(t, client, esPath, `{"canary"`) // refused, which is its caller's fault
	g.post(t, client, "/nowhere", "{}")
	if err := g.wait(t); err != nil {
		t.Fatal(err)
	}
	roots, _ := c.all(rootOf(""))
	if len(roots) != 2 {
		t.Fatalf("told of %d turns, want 2:\n%s", len(roots), c.text)
	}
	for i, id := range []string{"slow", "failed"} {
		spans, _ := c.all(roots[i].of())
		parent := g.service.one(t, id).metadata.Get("traceparent")[0]
		if !strings.HasPrefix(parent, "00-"+hex.EncodeToString(roots[i].GetTraceId())+"-") || !strings.HasSuffix(parent, "-00") || len(spans) < 10 {
			t.Errorf("%s: %d spans, and the service was told %s", id, len(spans), parent)
		}
		for _, s := range spans {
			failed := id == "failed" && (s.id() == roots[i].id() || s.GetKind() == tracev1.Span_SPAN_KIND_CLIENT)
			if (s.GetStatus().GetCode() == tracev1.Status_STATUS_CODE_ERROR) != failed {
				t.Errorf("%s: %s has the status %v", id, s.GetName(), s.GetStatus())
			}
		}
	}
	if services, _ := c.all(func(s span) bool { return s.service == serviceName }); len(services) > 0 || strings.Contains(c.text, "canary") {
		t.Errorf("services tell of %v; all:\n%s", services, c.text)
	}
}

// TestTracesInbound has requests name traces of their own: at most a link comes of it.
func TestTracesInbound(t *testing.T) {
	const trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	const good = "00-" + trace + "-" + parent + "-01"
	g, c := traced(t, "sample: 1\n    link_inbound: true")
	client := g.dialogflow(t)
	tests := map[string]struct {
		headers []string
		linked  bool
	}{
		"one":            {[]string{good}, true},
		"not sampled":    {[]string{"00-" + trace + "-" + parent + "-00"}, true},
		"a later W3C":    {[]string{"01-" + trace + "-" + parent + "-01-more"}, true},
		"two":            {[]string{good, good}, false},
		"none":           {nil, false},
		"empty":          {[]string{""}, false},
		"zero trace":     {[]string{"00-" + strings.Repeat("0", 32) + "-" + parent + "-01"}, false},
		"zero span":      {[]string{"00-" + trace + "-0000000000000000-01"}, false},
		"upper case":     {[]string{strings.ToUpper(good)}, false},
		"forbidden":      {[]string{"ff-" + trace + "-" + parent + "-01"}, false},
		"more":           {[]string{good + "-more"}, false},
		"short":          {[]string{good[:54]}, false},
		"long":           {[]string{strings.Repeat(good, 20)}, false},
		"another letter": {[]string{strings.Replace(good, "a", "g", 1)}, false},
	}
	for name, test := range tests {
		request := g.request(t.Context(), t, esPath, esTurn(name))
		request.Header["Traceparent"] = test.headers
		request.Header.Set("Tracestate", "canary=1")
		request.Header.Set("Baggage", "canary=1")
		if got := ask(t, client, request); got.StatusCode != http.StatusOK {
			t.Fatalf("%s: status %d", name, got.StatusCode)
		}
	}
	if err := g.wait(t); err != nil {
		t.Fatal(err)
	}
	for name, test := range tests {
		call := g.service.one(t, name)
		root := c.await(t, 1, rootOf(call.metadata.Get("intentgate-request-id")[0]))[0]
		links := root.GetLinks()
		if (len(links) == 1) != test.linked || hex.EncodeToString(root.GetTraceId()) == trace || strings.Contains(call.metadata.Get("traceparent")[0], trace) {
			t.Errorf("%s: the trace %x has the links %v", name, root.GetTraceId(), links)
		}
		if test.linked && (hex.EncodeToString(links[0].GetTraceId()) != trace || hex.EncodeToString(links[0].GetSpanId()) != parent || links[0].GetTraceState() != "") {
			t.Errorf("%s: linked to %v", name, links)
		}
	}
	if strings.Contains(c.text, "canary") {
		t.Errorf("spans have what came with a trace:\n%s", c.text)
	}
}

// TestTracesReload has another configuration send to another collector, and a key that changes be shown from then on.
func TestTracesReload(t *testing.T) {
	g, first := traced(t, "sample: 0")
	second := startCollector(t, g.dir)
	client := g.dialogflow(t)
	g.post(t, client, esPath, esTurn("t-1"))
	configure(t, g.dir, edit{"127.0.0.1:1\n", g.service.addr + "\n"}, tracesTo(second, "sample: 1"))
	g.log.await(t, 1, entry{"msg": "Configuration reloaded"})
	g.post(t, client, esPath, esTurn("t-2"))
	second.await(t, 1, rootOf(g.service.one(t, "t-2").metadata.Get("intentgate-request-id")[0]))
	write(t, filepath.Join(g.dir, "api-key"), []byte("second-key\n"))
	g.log.await(t, 1, entry{"msg": "Files reloaded", "name": "telemetry.traces"})
	g.post(t, client, esPath, esTurn("t-3"))
	if err := g.wait(t); err != nil {
		t.Fatal(err)
	}
	second.await(t, 1, rootOf(g.service.one(t, "t-3").metadata.Get("intentgate-request-id")[0]))
	second.mu.Lock()
	defer second.mu.Unlock()
	last := len(second.metadata) - 1
	if got := second.metadata[0].Get("x-api-key"); !slices.Equal(got, []string{"first-key"}) {
		t.Errorf("told %q", got)
	}
	if got := second.metadata[last].Get("x-api-key"); !slices.Equal(got, []string{"second-key"}) {
		t.Errorf("told %q at last", got)
	}
	if spans, _ := first.all(rootOf("")); len(spans) > 0 {
		t.Errorf("the first collector was told of %v", spans)
	}
}
