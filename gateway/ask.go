package gateway

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/intentgate/intentgate/gateway/backend"
	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/callertoken"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/joins"
	"github.com/intentgate/intentgate/gateway/telemetry"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller"
)

// ask calls the method that answers the turn, in the time that is left, and returns its answer as JSON.
func (t *turn) ask(ctx context.Context, asked *dialogflow.Turn, who *intentgatev1.Caller, to destination) ([]byte, *Error) {
	t.event.Enter(telemetry.Request)
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
	out, failure := t.outgoing(ctx, who, ref, &call, to.name)
	if failure != nil {
		return nil, failure
	}
	t.event.Method, t.event.RequestID = call.Method, ref.GetRequestId()
	if t.event.BudgetLeft = t.budget(ctx); t.event.BudgetLeft < leastCall {
		return nil, tooLate(t.event.BudgetLeft)
	}
	made := &backend.Call{Method: call.Method, Request: call.Request, Idempotent: call.Idempotent, Session: asked.Session.Name}
	try := joins.Try{Key: ref.GetRequestId(), By: t.by(), Keep: t.keep(asked), Limit: t.limit(ctx, asked, to)}
	if try.Limit > 0 { // it may outlive the turn, and of all that was asked it keeps no more
		made.Session = strings.Clone(made.Session)
	}
	t.event.Enter(telemetry.Call)
	service, meters, webhook, peer := to.Service, t.Telemetry, t.Webhook.Path, t.event.Peer // nor does it hold the turn
	result := t.Joins.Do(out, t.request, try, func(ctx context.Context) (_ []byte, err error) {
		defer func() {
			made.Request, made.Session = nil, "" // what is kept of the call is to be small
			if v := recover(); v != nil {
				meters.Panicked(ctx, v, webhook, peer)
				err = panicked()
			}
		}()
		return service.Invoke(ctx, made)
	})
	var from *origin
	if result.Pending != nil {
		from = &origin{
			handler: t.Handler, to: to, made: made, requestID: ref.GetRequestId(),
			intent: strings.Clone(asked.Intent.DisplayName), action: strings.Clone(asked.Action), // of all that was asked no more is kept
		}
	}
	return t.hear(asked, who, made, result, from)
}

// outgoing returns a context with the metadata of a call, signed where that is asked for.
func (t *turn) outgoing(ctx context.Context, who *intentgatev1.Caller, ref *intentgatev1.CallRef, call *binding.Call, service string) (context.Context, *Error) {
	md, err := caller.Outgoing{Caller: who, CallerBin: t.callerBin, Ref: ref, Trace: t.event.CallTrace()}.Metadata()
	if err != nil {
		return nil, tooLong(err) // certificates are bounded when they are judged
	}
	if t.Sign != nil {
		token, err := t.Sign(service, &callertoken.Call{
			Caller: who, CallerBin: md[caller.MetadataCaller][0], Ref: ref, Method: call.Method, Idempotent: call.Idempotent,
		})
		switch {
		case errors.Is(err, callertoken.ErrTooLong):
			return nil, tooLong(err)
		case err != nil:
			return nil, unsigned(err)
		}
		md[caller.MetadataToken] = []string{token}
	}
	return metadata.NewOutgoingContext(ctx, md), nil
}

// by is who asks, and how that is known.
func (t *turn) by() joins.By {
	return joins.By{Webhook: t.Webhook.Path, ProjectProof: t.event.ProjectProof, AgentProof: t.event.AgentProof}
}

// budget is what is left of the turn's time.
func (t *turn) budget(ctx context.Context) time.Duration {
	deadline, _ := ctx.Deadline()
	return deadline.Sub(t.Now())
}

// keep is how long an answer is kept for Dialogflow's retry. Where that is not told by the turn's id, a user who says the same once
// more would get the same answer: it is kept no longer than a retry is likely.
func (t *turn) keep(asked *dialogflow.Turn) time.Duration {
	if t.Webhook.RetriesRepeatID && asked.ID != "" {
		return time.Minute
	}
	return t.Webhook.Timeout
}

// hear makes an answer of what a call came to; from is where a pending one began.
func (t *turn) hear(asked *dialogflow.Turn, who *intentgatev1.Caller, made *backend.Call, result joins.Result, from *origin) ([]byte, *Error) {
	to := t.to
	t.event.Joined = string(result.Joined)
	if result.Pending != nil && !t.draining() { // when it stops, nobody could fetch an answer any more
		nonce, ended := t.Joins.Offer(result.Pending, t.owner(asked, who), from)
		if ended == nil {
			return t.offer(asked, nonce)
		}
		ended.Joined, result = result.Joined, *ended
	}
	switch {
	case result.Joined == joins.ToCall, result.Joined == joins.ToAnswer:
		t.event.ServiceCode = status.Code(result.Err) // the line of the turn that made the call has the rest
	case result.Over:
		if t.event.Tries, t.event.Queued = made.Tries, made.Queued; made.Tries > 0 {
			t.event.Retried(made.Failed)
			t.event.ServiceDuration, t.event.ServiceCode = result.Took-made.Queued, status.Code(result.Err)
			t.event.ServiceReason = refusedFor(result.Err)
		}
	}
	if result.Err != nil {
		if to.claimed() && status.Code(result.Err) == codes.Unimplemented {
			t.Intents.Refresh(to.name) // it is another build than the one that claimed the turn
		}
		return nil, unanswered(t.request.Err() != nil, result.Err)
	}
	t.event.Enter(telemetry.Reply)
	answer, err := to.Answer(result.Response)
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
	t.event.Enter(telemetry.Write)
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
