package gateway

import (
	"context"
	"net/http"

	"github.com/intentgate/intentgate/gateway/admission"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/edge"
	"github.com/intentgate/intentgate/gateway/fallback"
	"github.com/intentgate/intentgate/gateway/telemetry"
)

// turn is one call of a webhook on its way through the rooms.
type turn struct {
	*Handler

	event   *telemetry.TurnEvent
	peer    *edge.Peer
	place   admission.Place
	body    []byte          // the memory that asked is read from
	request context.Context // ends when the caller has left

	// How far it has come.
	asked     *dialogflow.Turn // nil: not known, or not whose it is
	callerBin string           // who asks, as services are told
	to        destination
}

// play takes the turn from its request to its answer. Where there are words for a failure, it returns both, the words and the failure,
// unless the failure was an answer itself. A panic is a failure of the gateway's own.
func (t *turn) play(ctx context.Context, w http.ResponseWriter, r *http.Request) (body []byte, failure *Error) {
	defer func() {
		if v := recover(); v != nil {
			body, failure = t.recovered(ctx, v)
		}
	}()
	asked, who, failure := t.receive(ctx, w, r)
	if failure != nil {
		if failure.overloaded() {
			return t.unserved(failure)
		}
		return nil, failure
	}
	t.asked = asked
	if nonce, ok := continues(asked); ok {
		return t.fetch(ctx, asked, who, nonce)
	}
	t.event.Enter(telemetry.Route)
	t.to, failure = t.find(asked)
	t.event.Service = t.to.name
	if asked.FillingSlots && t.to.leavesSlots() {
		t.event.Answered = telemetry.BySlots
		return []byte("{}"), nil // the agent asks for the next parameter in its own words
	}
	if failure == nil {
		body, failure = t.ask(ctx, asked, who, t.to)
	}
	return t.settle(asked, body, failure)
}

// settle has words said for a failure.
func (t *turn) settle(asked *dialogflow.Turn, body []byte, failure *Error) ([]byte, *Error) {
	if failure != nil {
		return t.inWords(asked, t.to, failure)
	}
	if t.event.Answered == telemetry.ByNobody {
		t.event.Answered = telemetry.ByService
	}
	return body, nil
}

// unserved looks for words for a turn that the gateway does not serve: those of the turn, or what stands there for all of the webhook.
func (t *turn) unserved(failure *Error) ([]byte, *Error) {
	t.event.Enter(telemetry.Fallback)
	if t.asked != nil {
		t.to, _ = t.find(t.asked)
		t.event.Service = t.to.name
		return t.fallback(t.asked, t.to, failure)
	}
	answer, found := t.Fallbacks.Unread(t.Webhook.Platform, t.Webhook.Path, failure.fallbackCause())
	if !found {
		return nil, failure
	}
	return t.instead(&dialogflow.Turn{Platform: t.Webhook.Platform}, destination{}, answer, failure)
}

// recovered answers a turn in which something panicked, in words if these do not panic themselves.
func (t *turn) recovered(ctx context.Context, v any) (body []byte, failure *Error) {
	if v == http.ErrAbortHandler { //nolint:errorlint // a panic's value, compared as net/http does
		panic(v)
	}
	t.Telemetry.Panicked(ctx, v, t.Webhook.Path, t.event.Peer)
	failure = panicked()
	defer func() {
		if recover() != nil {
			body = nil
		}
	}()
	if t.asked == nil {
		return nil, failure
	}
	return t.fallback(t.asked, t.to, failure)
}

// find returns what answers the turn: the first declared route, unless that is a general one and a service claims the turn,
// or may do so and has not said yet.
func (t *turn) find(asked *dialogflow.Turn) (destination, *Error) {
	route, declared := t.Router.Find(asked)
	if t.Intents != nil && (!declared || route.General()) {
		if target, ok := t.Intents.Find(t.view, asked); ok {
			return destination{Service: t.Services[target.Service], Binding: target.Method, name: target.Service, route: fallback.NoRoute}, nil
		}
		if service, ok := t.Intents.Awaited(t.view, asked); ok {
			return destination{name: service, route: fallback.NoRoute}, notLearnt(service)
		}
	}
	if !declared {
		return destination{route: fallback.NoRoute}, noRoute()
	}
	return t.destinations[route.Index], nil
}
