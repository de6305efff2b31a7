package gateway

import (
	"context"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/intentgate/intentgate/gateway/backend"
	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/fallback"
	"github.com/intentgate/intentgate/gateway/joins"
	"github.com/intentgate/intentgate/gateway/telemetry"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// nonceParameter is the parameter of the event that continues a turn.
const nonceParameter = "nonce"

// origin is what a call that goes on beside its turn is fetched with. It keeps a configuration that was replaced meanwhile: the
// answer is read, and the fallback chosen, by the one that the call was made under.
type origin struct {
	handler   *Handler
	to        destination
	intent    string // the display name of the one that was matched
	action    string
	made      *backend.Call
	requestID string
}

// limit is how long the turn's method may take in all, if that is longer than the turn has: its answer can be fetched later. That
// takes an event, which only ES has, and which would end the collecting of parameters.
func (t *turn) limit(ctx context.Context, asked *dialogflow.Turn, to destination) time.Duration {
	limit := to.ContinueFor()
	if limit == 0 || asked.Platform != dialogflow.ES || asked.FillingSlots || t.draining() {
		return 0
	}
	if limit <= t.budget(ctx) {
		return 0
	}
	return limit
}

// draining says that the gateway is about to stop: nobody could fetch an answer any more.
func (t *turn) draining() bool { return t.Draining != nil && t.Draining() }

// offer answers with the event by which the agent fetches a pending call.
func (t *turn) offer(asked *dialogflow.Turn, nonce string) ([]byte, *Error) {
	body, err := t.write(asked, t.to, &intentgatev1.Reply{FollowupEvent: &intentgatev1.Reply_Event{
		Name:       binding.ContinueEvent,
		Parameters: &structpb.Struct{Fields: map[string]*structpb.Value{nonceParameter: structpb.NewStringValue(nonce)}},
	}})
	if err != nil {
		return nil, unusable(err)
	}
	t.event.Answered = telemetry.ByContinuation
	t.event.Continued("offered")
	return body, nil
}

// owner is who may fetch what is offered in a turn.
func (t *turn) owner(asked *dialogflow.Turn, who *intentgatev1.Caller) joins.Owner {
	return joins.Owner{
		By: t.by(), Session: asked.Session.Name,
		ProjectID: who.GetProjectId().GetValue(), ProjectNumber: who.GetProjectNumber().GetValue(),
	}
}

// continues says that a turn is to fetch the answer of an earlier one, and by which nonce. Its intent says nothing: the agent's
// designer is free in it. Dialogflow hands on the parameters of an event in a context of its name, and to parameters of the
// intent that ask for them. A context may outlive the turn of the event, and then means nothing.
func continues(asked *dialogflow.Turn) (nonce string, ok bool) {
	if asked.Platform != dialogflow.ES {
		return "", false
	}
	named := strings.EqualFold(asked.Input.Text, binding.ContinueEvent)
	if !named && asked.Input.Text != "" {
		return "", false
	}
	places := make([]dialogflow.Parameters, 0, 2)
	for i := range asked.Contexts {
		if strings.EqualFold(asked.Contexts[i].Name, binding.ContinueEvent) {
			places = append(places, asked.Contexts[i].Parameters())
		}
	}
	for _, parameters := range append(places, asked.Parameters) {
		value := parameters.Get(nonceParameter)
		if text, err := jsontext.AppendUnquote(nil, value); value.Kind() == '"' && err == nil && len(text) > 0 {
			return string(text), true
		}
	}
	return "", named
}

// fetch answers a turn that continues another one.
func (t *turn) fetch(ctx context.Context, asked *dialogflow.Turn, who *intentgatev1.Caller, nonce string) ([]byte, *Error) {
	try := asked.ID
	if !t.Webhook.RetriesRepeatID {
		try = ""
	}
	call, of, refusal := t.Joins.Redeem(nonce, t.owner(asked, who), try)
	from, ok := of.(*origin)
	if refusal != "" || !ok {
		t.event.Continued(string(refusal))
		t.to = destination{route: fallback.NoRoute}
		return t.inWords(asked, t.to, notContinued(refusal))
	}
	t.event.Continued("fetched")
	t.Handler, t.to = from.handler, from.to
	asked.Intent, asked.Action = dialogflow.Intent{DisplayName: from.intent}, from.action
	t.event.Service, t.event.Method, t.event.RequestID = from.to.name, from.made.Method, from.requestID
	t.event.BudgetLeft = t.budget(ctx)
	t.event.Enter(telemetry.Call)
	body, failure := t.hear(asked, who, from.made, t.Joins.Fetch(ctx, t.request, call), from)
	return t.settle(asked, body, failure)
}

// notContinued is a nonce that will not do. Whoever shows it does not learn why.
func notContinued(refusal joins.Refusal) *Error {
	return &Error{Code: codes.NotFound, Reason: string(refusal), Public: "there is nothing to continue"}
}
