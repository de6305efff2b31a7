package telemetry

import (
	"context"
	"net/http"
	"slices"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/intentgate/intentgate/gateway/backend"
	"github.com/intentgate/intentgate/gateway/telemetry/traces"
	"github.com/intentgate/intentgate/services/caller"
)

// Box is a part of a turn's way that is told of by a span, in their order on it.
type Box uint8

// The boxes. A turn that fails in one goes on with Fallback, or with Answer.
const (
	Head       Box = iota // until the handler has the request's header: the handshake, too, where the connection is new
	Authn                 // the certificate, and the credentials of the header
	Body                  // the body is read
	Read                  // and understood
	Agent                 // certificate, credentials and session agree whose agent it is
	Route                 // the method is found
	Request               // and its request made
	Call                  // the service is called, or another turn's call waited for
	Reply                 // the response is understood
	Fallback              // words are looked for where it failed
	Write                 // the answer is written in the platform's words
	AnswerSent            // and sent
	boxes
)

var boxNames = [boxes]string{
	"edge.head", "authn.proof", "edge.body", "dialogflow.read", "authn.caller", "router", "binding.request", "joins", "binding.reply",
	"fallback", "dialogflow.write", "edge.answer",
}

// turnTrace is what is noted of a turn that may be told of; without Traces it is not.
type turnTrace struct {
	*traces.Traces

	ids     traces.IDs
	inbound string               // the traceparent of the request, where it is asked for
	entered [boxes]time.Duration // since the turn's start; 0: not at all
	failed  []backend.Try        // those that others followed
}

// Trace has the turn noted for its spans; with nil nothing of it costs anything.
func (e *TurnEvent) Trace(to *traces.Traces, header http.Header) {
	if to == nil {
		return
	}
	e.trace.Traces, e.trace.ids = to, to.Draw()
	if values := header["Traceparent"]; to.LinkInbound() && len(values) == 1 {
		e.trace.inbound = values[0]
	}
	e.trace.entered[Head] = 1
	e.Enter(Authn)
}

// Enter notes that the turn has left a box for another one.
func (e *TurnEvent) Enter(box Box) {
	if e.trace.Traces != nil {
		e.trace.entered[box] = max(1, e.telemetry.now().Sub(e.start))
	}
}

// Retried notes the tries of the turn's call that others followed.
func (e *TurnEvent) Retried(failed []backend.Try) {
	if e.trace.Traces != nil {
		e.trace.failed = failed
	}
}

// CallTrace is what the turn's call says of its trace; the zero value: nothing.
func (e *TurnEvent) CallTrace() caller.Trace {
	if e.trace.Traces == nil {
		return caller.Trace{}
	}
	ids := &e.trace.ids
	return caller.Trace{TraceID: ids.Trace, SpanID: ids.Call, Sampled: ids.Sampled}
}

// traced says that the turn's spans are told: it is sampled, slow or failed.
func (e *TurnEvent) traced(outcome string, took time.Duration) bool {
	return e.trace.Traces != nil && (e.trace.ids.Sampled || e.trace.Slow(took) || outcome == failed || outcome == lost)
}

// spans makes the turn's root, and those within it.
func (e *TurnEvent) spans(outcome string, took time.Duration) (root traces.Span, within []traces.Span) {
	root = traces.Span{
		Name: "POST " + e.Webhook, Kind: trace.SpanKindServer, Start: e.start, End: e.start.Add(took),
		Attributes: e.rootAttributes(outcome), Link: inbound(e.trace.inbound),
	}
	if outcome == failed || outcome == lost {
		root.Failed = e.failure()
	}
	within = make([]traces.Span, 0, boxes)
	end, at := took, e.failedIn()
	for i := range boxes {
		box := boxes - 1 - i
		from := e.trace.entered[box]
		if from == 0 {
			continue
		}
		span := traces.Span{Name: boxNames[box], Kind: trace.SpanKindInternal, Start: e.start.Add(from), End: e.start.Add(max(from, end))}
		if end = from; box == Head {
			span.Start = e.start
		}
		if box == Call {
			e.describeCall(&span)
		}
		if box == at && span.Failed == "" {
			span.Failed = e.failure()
		}
		within = append(within, span)
	}
	slices.Reverse(within)
	return root, within
}

// failure is the reason of what is not OK.
func (e *TurnEvent) failure() string {
	if e.Reason == "" && e.WriteError != nil {
		return lost
	}
	return e.Reason
}

// failedIn returns the box that the turn failed in; boxes: it did not fail.
func (e *TurnEvent) failedIn() Box {
	switch {
	case e.Reason == "" && e.WriteError != nil:
		return AnswerSent
	case e.Reason == "":
		return boxes
	}
	last := Head
	for box := Authn; box < Fallback; box++ {
		if e.trace.entered[box] > 0 {
			last = box
		}
	}
	return last
}

// called says that a service was called in the turn, and not another turn's call joined.
func (e *TurnEvent) called() bool {
	refused := slices.Contains([]backend.Reason{backend.CircuitOpen, backend.QueueFull, backend.QueueTimeout}, backend.Reason(e.Reason))
	return e.Joined == "" && (e.Tries > 0 || !refused)
}

// inbound is the trace that a request names, without anything else that it says of it; the zero value where it names none as W3C has
// it.
func inbound(traceparent string) trace.SpanContext {
	if traceparent == "" {
		return trace.SpanContext{}
	}
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": traceparent})
	return trace.SpanContextFromContext(ctx)
}

// SpansDropped counts spans that could not be sent.
func (t *Telemetry) SpansDropped(spans int) { t.spansDropped.count(spans) }
