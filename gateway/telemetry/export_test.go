package telemetry

import (
	"time"

	"github.com/intentgate/intentgate/gateway/telemetry/traces"
)

// Spans are the root and what is within it that a turn of a traced event is told by; none, where it is not told of.
func (e *TurnEvent) Spans(took time.Duration) []traces.Span {
	if !e.traced(e.outcome(), took) {
		return nil
	}
	root, within := e.spans(e.outcome(), took)
	return append([]traces.Span{root}, within...)
}

// AppendText is how a line holds a text in JSON.
var AppendText = appendText
