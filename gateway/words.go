package gateway

import (
	"errors"

	"google.golang.org/grpc/status"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/fallback"
	"github.com/intentgate/intentgate/gateway/refusal"
	"github.com/intentgate/intentgate/gateway/telemetry"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// inWords looks for words for a failure: of the status that the service returned, or for the rule that a value breaks. These are
// the answer, and nothing has failed. A reply that cannot be written is none, nor is one of which the platform can express
// nothing, unless the agent asks the user by itself. Then the configuration may have words.
func (t *turn) inWords(asked *dialogflow.Turn, to destination, failure *Error) ([]byte, *Error) {
	t.event.Enter(telemetry.Fallback)
	if reply, asks, by := t.refusal(asked, to, failure); reply != nil {
		dropped := len(t.event.Dropped)
		body, err := t.write(asked, to, reply)
		if err == nil && (string(body) != "{}" || asks || len(t.event.Dropped) == dropped) {
			t.event.Answered = by
			t.because(failure) // which is no failure any more, but why it is not the service's reply
			return body, nil
		}
		if err != nil {
			t.event.Dropped = append(t.event.Dropped, "status: "+unsent(err))
		}
	}
	return t.fallback(asked, to, failure)
}

// refusal returns what the status or the broken rules behind a failure say to the user, nil where that is nothing; and whether the
// agent asks the user by itself.
func (t *turn) refusal(asked *dialogflow.Turn, to destination, failure *Error) (_ *intentgatev1.Reply, asks bool, by telemetry.Answered) {
	if len(failure.violations) > 0 {
		return refusal.OfViolations(asked, failure.violations, t.Webhook.ReopenParameters), false, telemetry.ByRule
	}
	said, ok := status.FromError(failure.cause)
	if !ok || to.Binding == nil {
		return nil, false, telemetry.ByNobody
	}
	reply, asks, ignored := refusal.OfStatus(asked, said.Proto().GetDetails(), to, t.Webhook.ReopenParameters)
	for _, what := range ignored {
		t.event.Dropped = append(t.event.Dropped, "status."+what)
	}
	return reply, asks, telemetry.ByStatus
}

// fallback looks for what the configuration says instead: words, or a status on purpose.
func (t *turn) fallback(asked *dialogflow.Turn, to destination, failure *Error) ([]byte, *Error) {
	at := fallback.Place{Webhook: t.Webhook.Path, Route: to.route, Service: to.name}
	answer, found := t.Fallbacks.Find(asked, at, failure.fallbackCause())
	if !found || failure.Reason == badRequest || failure.Reason == callerLeft {
		return nil, failure
	}
	return t.instead(asked, to, answer, failure)
}

// instead answers what the configuration says for a failure.
func (t *turn) instead(asked *dialogflow.Turn, to destination, answer fallback.Answer, failure *Error) ([]byte, *Error) {
	t.event.Fallback = answer.At
	if answer.Reply == nil {
		failure.instead, t.event.Cause = answer.Status, failure.fallbackCause().String()
		return nil, failure
	}
	body, err := t.write(asked, to, answer.Reply)
	switch {
	case err != nil:
		t.event.Dropped = append(t.event.Dropped, "fallback: "+unsent(err))
	case string(body) == "{}": // all of it was left out: the failure is not to look like an answer
	default:
		t.event.Answered, t.event.Cause = telemetry.ByFallback, failure.fallbackCause().String()
		return body, failure
	}
	return nil, failure
}

// unsent says why a reply could not be written, without what it says.
func unsent(err error) string {
	if large, ok := errors.AsType[*dialogflow.TooLargeError](err); ok {
		return large.Error()
	}
	return "the reply cannot be written"
}
