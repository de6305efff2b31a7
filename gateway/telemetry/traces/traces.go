// Package traces sends the spans of turns to a collector of OpenTelemetry, by OTLP over gRPC.
//
// There is no span while a turn is on its way. Its ids are drawn, and whether it is sampled is decided, before its service is
// called; its spans are made of what was noted when it is over, and only where somebody is to see them.
package traces

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// Config is what Traces are made of. Settings, Logger and Now are needed.
type Config struct {
	Settings *gatewayv1.Traces // checked, and with the defaults filled in
	Version  string            // the gateway's
	Logger   *slog.Logger
	Now      func() time.Time
	// Dropped is told how many spans could not be sent; nil: nobody is.
	Dropped func(spans int)
}

// Traces sends spans. It may be used by many goroutines.
type Traces struct {
	config   *Config
	below    uint64 // sampled is a trace of which 63 bits are below it
	exporter *exporter
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// IDs are those of a turn, and of its call of a service.
type IDs struct {
	Trace      trace.TraceID
	Root, Call trace.SpanID
	Sampled    bool
}

// New returns Traces which connect to the collector when the first spans are there. They are to be closed.
func New(config Config) (*Traces, error) {
	if config.Settings == nil || config.Logger == nil || config.Now == nil {
		return nil, errors.New("traces: Settings, Logger and Now are all needed")
	}
	exporter, err := newExporter(&config)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	// Every option that the environment could set is given, so that the configuration alone says it.
	provider := sdk.NewTracerProvider(
		sdk.WithBatcher(exporter, sdk.WithMaxQueueSize(mostPending), sdk.WithMaxExportBatchSize(batch),
			sdk.WithBatchTimeout(time.Second), sdk.WithExportTimeout(patience)),
		sdk.WithSampler(sdk.AlwaysSample()), // who is not told of has no spans at all
		sdk.WithIDGenerator(drawn{}),
		sdk.WithRawSpanLimits(sdk.SpanLimits{
			AttributeValueLengthLimit: -1, AttributeCountLimit: 64, EventCountLimit: 16, LinkCountLimit: 4,
			AttributePerEventCountLimit: 8, AttributePerLinkCountLimit: 8,
		}),
		sdk.WithResource(resource.NewSchemaless(semconv.ServiceName("intentgate"), semconv.ServiceVersion(config.Version))),
	)
	return &Traces{
		config: &config, below: uint64(math.Ldexp(config.Settings.GetSample(), 63)), exporter: exporter, provider: provider,
		tracer: provider.Tracer("github.com/intentgate/intentgate", trace.WithSchemaURL(semconv.SchemaURL)),
	}, nil
}

// Draw begins a trace. Samplers of services that take the same share of traces take these.
func (t *Traces) Draw() (ids IDs) {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails
	copy(ids.Trace[:], random[:16])
	copy(ids.Root[:], random[16:24])
	copy(ids.Call[:], random[24:])
	ids.Sampled = binary.BigEndian.Uint64(ids.Trace[8:])>>1 < t.below
	return ids
}

// Slow says that a turn is told of because of its duration.
func (t *Traces) Slow(took time.Duration) bool {
	return took >= t.config.Settings.GetSlow().AsDuration()
}

// LinkInbound says whether a turn is linked to the trace that its request names.
func (t *Traces) LinkInbound() bool { return t.config.Settings.GetLinkInbound() }

// Reload reads the files of the collector again, and says whether that changed anything. What is no good changes nothing.
func (t *Traces) Reload() (changed bool, err error) { return t.exporter.reload() }

// Close sends what is left, for a few seconds at most.
func (t *Traces) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // what was not sent is counted and logged
	t.exporter.cut()
	<-t.exporter.closed
}

// Span is a part of a turn's way.
type Span struct {
	Name       string
	Kind       trace.SpanKind
	Start, End time.Time
	Attributes []attribute.KeyValue
	Events     []Event
	Link       trace.SpanContext // the zero value: none
	Failed     string            // why; empty: it has not failed
	Call       bool              // it has the id of the call
}

// Event is something that happened in a span.
type Event struct {
	Name       string
	At         time.Time
	Attributes []attribute.KeyValue
}

// Tell sends the spans of a turn: its root, and those within it.
func (t *Traces) Tell(ids IDs, root Span, within []Span) {
	if !t.exporter.enter(1 + len(within)) {
		return
	}
	ctx, span := t.start(context.WithValue(context.Background(), idsKey{}, &ids), &root)
	for i := range within {
		_, child := t.start(ctx, &within[i])
		child.End(trace.WithTimestamp(within[i].End))
	}
	span.End(trace.WithTimestamp(root.End))
}

func (t *Traces) start(ctx context.Context, of *Span) (context.Context, trace.Span) {
	options := []trace.SpanStartOption{trace.WithTimestamp(of.Start), trace.WithSpanKind(of.Kind), trace.WithAttributes(of.Attributes...)}
	if of.Link.IsValid() {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: of.Link}))
	}
	if of.Call {
		ctx = context.WithValue(ctx, callKey{}, true)
	}
	ctx, span := t.tracer.Start(ctx, of.Name, options...) //nolint:spancheck // its caller ends it
	for _, event := range of.Events {
		span.AddEvent(event.Name, trace.WithTimestamp(event.At), trace.WithAttributes(event.Attributes...))
	}
	if of.Failed != "" {
		span.SetStatus(codes.Error, of.Failed)
	}
	return ctx, span
}

type (
	idsKey  struct{}
	callKey struct{}
)

// drawn gives spans the ids that were drawn when their turn began.
type drawn struct{}

// NewIDs returns those of the root.
func (drawn) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	ids, _ := ctx.Value(idsKey{}).(*IDs)
	return ids.Trace, ids.Root
}

// NewSpanID returns that of the call, or another one.
func (drawn) NewSpanID(ctx context.Context, _ trace.TraceID) (id trace.SpanID) {
	if ctx.Value(callKey{}) != nil {
		ids, _ := ctx.Value(idsKey{}).(*IDs)
		return ids.Call
	}
	_, _ = rand.Read(id[:]) // never fails
	return id
}
