package gateway

import (
	"cmp"
	"context"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/intentgate/intentgate/gateway/backend"
	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller"
)

// ask calls the method that answers the turn, in the time that is left, and returns its answer as JSON.
func (t *turn) ask(ctx context.Context, asked *dialogflow.Turn, who *intentgatev1.Caller, to destination) ([]byte, *Error) {
	call, err := to.Call(asked)
	if err != nil {
		return nil, unfit(err)
	}
	for _, name := range call.Lost {
		if !slices.Contains(t.event.Unknown, name) {
			t.event.Unknown = append(t.event.Unknown, name)
		}
	}
	ref := &intentgatev1.CallRef{Session: asked.Session.Name, TurnId: asked.ID, RequestId: t.requestID(asked, who, &call)}
	out, err := caller.NewOutgoingContext(ctx, caller.Outgoing{Caller: who, Ref: ref})
	if err != nil {
		return nil, tooLong(err) // certificates are bounded when they are judged
	}
	t.event.Method, t.event.RequestID = call.Method, ref.GetRequestId()

	start := t.Now()
	if deadline, ok := ctx.Deadline(); ok {
		if t.event.BudgetLeft = deadline.Sub(start); t.event.BudgetLeft < leastCall {
			return nil, tooLate(t.event.BudgetLeft)
		}
	}
	made := &backend.Call{Method: call.Method, Request: call.Request, Idempotent: call.Idempotent}
	response, err := to.Invoke(out, made)
	t.event.Tries, t.event.Queued = made.Tries, made.Queued
	if made.Tries > 0 {
		t.event.ServiceDuration, t.event.ServiceCode = t.Now().Sub(start)-made.Queued, status.Code(err)
	}
	if err != nil {
		if to.claimed() && status.Code(err) == codes.Unimplemented {
			t.Intents.Refresh(to.name) // it is another build than the one that claimed the turn
		}
		return nil, unanswered(ctx, err)
	}
	answer, err := to.Answer(response)
	if err != nil {
		return nil, unusable(err)
	}
	if answer.JSON != nil {
		return answer.JSON, nil
	}
	body, err := t.write(asked, to, answer.Reply)
	if err != nil {
		return nil, unusable(err)
	}
	return body, nil
}

// write turns a reply into JSON, and notes what the platform cannot express of it.
func (t *turn) write(asked *dialogflow.Turn, to destination, reply *intentgatev1.Reply) ([]byte, error) {
	options := dialogflow.WriteOptions{API: t.Webhook.API, Context: cmp.Or(to.name, "intentgate")}
	if to.Binding != nil {
		options.Context, options.ContextLifespan = to.Context()
	}
	body, dropped, err := dialogflow.Write(asked, reply, options)
	t.event.Dropped = append(t.event.Dropped, dropped...)
	return body, err
}

// requestID names the call: tries of one call have the same.
func (t *turn) requestID(asked *dialogflow.Turn, who *intentgatev1.Caller, call *binding.Call) string {
	key := caller.RequestKey{
		Platform:    t.Webhook.Platform.String(),
		ProjectID:   who.GetProjectId().GetValue(),
		Agent:       who.GetAgent().GetValue(),
		Environment: who.GetEnvironment().GetValue(),
		Session:     asked.Session.Name,
		Page:        asked.Page.Name,
		Method:      call.Method,
		Request:     call.Hashed,
	}
	if t.Webhook.RetriesRepeatID {
		key.TurnID = &asked.ID
	}
	if asked.Input.Kind == dialogflow.EventInput {
		key.Event = asked.Input.Text
	}
	for i := range asked.Page.Form {
		key.FormValues = append(key.FormValues, caller.FormValue{Name: asked.Page.Form[i].Name, Value: asked.Page.Form[i].Value})
	}
	return caller.RequestID(key)
}
