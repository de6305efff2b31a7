package traces

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// tries has gRPC wait for a connection, and try again what OTLP allows to be tried again, as long as there is time for a batch.
const tries = `{"methodConfig": [{"name": [{}], "waitForReady": true, "retryPolicy": {
	"maxAttempts": 5, "initialBackoff": "0.5s", "maxBackoff": "2s", "backoffMultiplier": 2,
	"retryableStatusCodes": ["UNAVAILABLE", "ABORTED", "OUT_OF_RANGE", "DATA_LOSS"]
}}]}`

// destination is a collector with a connection to it. It is what OpenTelemetry's otlptracegrpc would be, which obeys the environment
// and has all clients and servers of the process offer compression.
type destination struct {
	known

	conn *grpc.ClientConn
}

// send sends spans, and returns how many the collector did not take, and why.
func (d *destination) send(ctx context.Context, spans []sdk.ReadOnlySpan) (refused int, err error) {
	err = otlptrace.NewUnstarted(d).ExportSpans(ctx, spans)
	if some, ok := errors.AsType[*rejected](err); ok {
		return some.spans, err
	}
	return len(spans), err
}

// rejected is what a collector says that takes some of the spans only.
type rejected struct {
	spans int
	why   string
}

// Error returns the collector's words.
func (r *rejected) Error() string { return "the collector rejected some: " + r.why }

// UploadTraces sends spans once they have OTLP's form.
func (d *destination) UploadTraces(ctx context.Context, spans []*tracev1.ResourceSpans) error {
	ctx = metadata.NewOutgoingContext(ctx, metadata.New(d.headers)) // and no others
	response, err := collectorv1.NewTraceServiceClient(d.conn).Export(ctx, &collectorv1.ExportTraceServiceRequest{ResourceSpans: spans})
	if n := response.GetPartialSuccess().GetRejectedSpans(); err == nil && n > 0 {
		return &rejected{int(n), response.GetPartialSuccess().GetErrorMessage()}
	}
	return err
}

// Start has nothing to do.
func (d *destination) Start(context.Context) error { return nil }

// Stop has nothing to do.
func (d *destination) Stop(context.Context) error { return nil }
