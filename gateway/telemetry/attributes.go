package telemetry

import (
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc/codes"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/telemetry/traces"
)

// rootAttributes say of a turn what the metrics do, and which line of the log is its own: nothing that a user said.
func (e *TurnEvent) rootAttributes(outcome string) []attribute.KeyValue {
	attrs := append(make([]attribute.KeyValue, 0, 24),
		semconv.HTTPRequestMethodKey.String(http.MethodPost), semconv.URLScheme("https"), semconv.URLPath(e.Webhook), semconv.HTTPRoute(e.Webhook),
		attribute.String("intentgate.outcome", outcome), attribute.String("intentgate.code", codeName(e.Code)),
	)
	if e.HTTPStatus != 0 {
		attrs = append(attrs, semconv.HTTPResponseStatusCode(e.HTTPStatus))
	}
	if outcome == failed || outcome == lost {
		attrs = append(attrs, semconv.ErrorTypeKey.String(e.failure()))
	}
	for _, said := range []struct{ key, value string }{
		{"webhook", e.Webhook},
		{"platform", e.Platform},
		{"project", e.Project},
		{"agent", e.Agent},
		{"session", e.Session()},
		{"service", e.Service},
		{"method", e.Method},
		{"request_id", e.RequestID},
		{"reason", e.Reason},
		{"answer", string(e.Answered)},
		{"fallback", e.Fallback},
		{"joined", e.Joined},
	} {
		if said.value != "" {
			attrs = append(attrs, attribute.String("intentgate."+said.key, authn.Printable(said.value)))
		}
	}
	return append(attrs, semconv.HTTPRequestBodySize(e.BytesIn), semconv.HTTPResponseBodySize(e.BytesOut))
}

// describeCall says of the span of a call what it was.
func (e *TurnEvent) describeCall(span *traces.Span) {
	if !e.called() {
		if span.Name = "joins"; e.Joined == "" {
			span.Name = "backend" // which would not call
		}
		return
	}
	method := strings.TrimPrefix(e.Method, "/")
	span.Name, span.Kind, span.Call = method, trace.SpanKindClient, true
	span.Attributes = append(span.Attributes, semconv.RPCSystemNameGRPC, semconv.RPCMethod(method), attribute.String("intentgate.service", e.Service))
	if e.Tries > 0 {
		name := statusName(e.ServiceCode)
		span.Attributes = append(span.Attributes, semconv.RPCResponseStatusCode(name), attribute.Int("intentgate.tries", e.Tries))
		if e.ServiceCode != codes.OK {
			span.Attributes = append(span.Attributes, semconv.ErrorTypeKey.String(name))
			span.Failed = name
		}
	}
	if e.Queued > 0 {
		span.Attributes = append(span.Attributes, attribute.Float64("intentgate.queued", e.Queued.Seconds()))
	}
	for i, try := range e.trace.failed {
		span.Events = append(span.Events, traces.Event{Name: "retry", At: try.Ended, Attributes: []attribute.KeyValue{
			attribute.Int("intentgate.try", i+1), semconv.RPCResponseStatusCode(statusName(try.Code)),
		}})
	}
}

// statusName is the code's name as the conventions have it, such as NOT_FOUND.
func statusName(of codes.Code) string {
	if of > codes.Unauthenticated {
		of = codes.Unknown
	}
	return code.Code(of).String()
}
