package gateway

import (
	"context"
	"net/http"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/edge"
	"github.com/intentgate/intentgate/gateway/fallback"
	"github.com/intentgate/intentgate/gateway/telemetry"
)

// turn is one call of a webhook on its way through the rooms.
type turn struct {
	*Handler

	event *telemetry.TurnEvent
	peer  *edge.Peer
}

// play takes the turn from its request to its answer. Where there are words for a failure, it returns both, the words and the failure,
// unless the failure was an answer itself.
func (t *turn) play(ctx context.Context, w http.ResponseWriter, r *http.Request) ([]byte, *Error) {
	asked, who, failure := t.receive(ctx, w, r)
	if failure != nil {
		return nil, failure
	}
	to, failure := t.find(asked)
	t.event.Service = to.name
	var body []byte
	if asked.FillingSlots && to.leavesSlots() {
		t.event.Answered = telemetry.BySlots
		return []byte("{}"), nil // the agent asks for the next parameter in its own words
	}
	if failure == nil {
		body, failure = t.ask(ctx, asked, who, to)
	}
	if failure != nil {
		return t.inWords(asked, to, failure)
	}
	t.event.Answered = telemetry.ByService
	return body, nil
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
