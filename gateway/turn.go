package gateway

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/idtoken"
	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/edge"
	"github.com/intentgate/intentgate/gateway/telemetry"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller"
)

// turn is one call of a webhook on its way through the rooms.
type turn struct {
	*Handler

	event *telemetry.TurnEvent
	peer  *edge.Peer
}

// play takes the turn from its request to its answer. No body is read before certificate and credentials are judged, and no
// service is called before the session is.
func (t *turn) play(ctx context.Context, w http.ResponseWriter, r *http.Request) ([]byte, *Error) {
	proof, failure := t.admit(ctx, w, r)
	if failure != nil {
		return nil, failure
	}
	body, failure := readRequest(ctx, w, r, t.BodyLimit)
	if failure != nil {
		return nil, failure
	}
	t.event.BytesIn = len(body)
	asked, err := dialogflow.Read(t.Webhook.Platform, body)
	if err != nil {
		return nil, unreadable(err)
	}
	t.note(asked)
	who, refusal := t.join(&asked.Session, proof)
	if refusal != nil {
		return nil, refused(refusal)
	}
	t.noteCaller(who)
	to, failure := t.find(asked)
	t.event.Service = to.name
	if failure != nil {
		return nil, failure
	}
	answer, failure := t.ask(ctx, asked, who, to)
	if failure != nil || answer.JSON != nil {
		return answer.JSON, failure
	}
	options := dialogflow.WriteOptions{API: t.Webhook.API}
	options.Context, options.ContextLifespan = to.Context()
	body, dropped, err := dialogflow.Write(asked, answer.Reply, options)
	t.event.Dropped = dropped
	if err != nil {
		return nil, unusable(err)
	}
	return body, nil
}

// find returns what answers the turn: the first declared route, unless that is a general one and a service claims the turn,
// or may do so and has not said yet.
func (t *turn) find(asked *dialogflow.Turn) (destination, *Error) {
	route, declared := t.Router.Find(asked)
	if t.Intents != nil && (!declared || route.General()) {
		if target, ok := t.Intents.Find(t.view, asked); ok {
			return destination{Service: t.Services[target.Service], Binding: target.Method, name: target.Service, claimed: true}, nil
		}
		if service, ok := t.Intents.Awaited(t.view, asked); ok {
			return destination{name: service}, notLearnt(service)
		}
	}
	if !declared {
		return destination{}, noRoute()
	}
	return t.destinations[way{route.Service, route.WebhookJSON}], nil
}

// admit judges the connection's certificate as of now, and the request's credentials; the proof is nil where the webhook
// asks for none.
func (t *turn) admit(ctx context.Context, w http.ResponseWriter, r *http.Request) (authn.Proof, *Error) {
	verdict, refusal := t.peer.Verdict()
	if refusal != nil {
		w.Header().Set("Connection", "close") // trust in it was withdrawn
		return nil, refused(refusal)
	}
	t.event.Profile = strings.Join(verdict.Profiles(), ",")
	if refusal := t.Webhook.Admit(verdict); refusal != nil {
		return nil, refused(refusal)
	}
	proof, refusal := t.authenticate(ctx, r.Header)
	if refusal != nil {
		for _, challenge := range t.Webhook.challenges() {
			w.Header().Add("WWW-Authenticate", challenge)
		}
		return nil, unauthenticated(refusal)
	}
	return proof, nil
}

// join finds out whose agent calls: the certificate, the proof and the session must agree. The certificate is judged once
// more, since a body can take its time, and trust in it may have ended meanwhile.
func (t *turn) join(session *dialogflow.Session, proof authn.Proof) (*intentgatev1.Caller, *authn.Refusal) {
	verdict, refusal := t.peer.Verdict()
	if refusal != nil {
		return nil, refusal
	}
	who, refusal := t.Webhook.Caller(verdict, session)
	if refusal == nil && proof != nil {
		refusal = proof.Prove(who)
	}
	return who, refusal
}

// authenticate judges the request's ID token or, where it has none and the webhook has credentials, these.
func (t *turn) authenticate(ctx context.Context, header http.Header) (authn.Proof, *authn.Refusal) {
	authorization := header["Authorization"]
	if t.Webhook.Token != nil && (t.Webhook.Secrets == nil || idtoken.Presented(authorization)) {
		token, refusal := t.Tokens.Verify(ctx, authorization, t.Webhook.Token)
		if refusal != nil {
			return nil, refusal
		}
		return token, nil
	}
	if t.Webhook.Secrets == nil {
		return nil, nil
	}
	credential, refusal := t.Webhook.Secrets.Verify(header)
	if refusal != nil {
		return nil, refusal
	}
	t.event.Credential = credential.Name
	return credential, nil
}

// readRequest reads the body of what can be a webhook request at all, in the turn's time. A body that takes longer is
// not for the services to answer for.
func readRequest(ctx context.Context, w http.ResponseWriter, r *http.Request, limit int64) ([]byte, *Error) {
	if err := edge.Admit(r); err != nil {
		return nil, unreadable(err)
	}
	body, err := edge.ReadBody(ctx, w, r, limit)
	if err == nil {
		return body, nil
	}
	failure := unreadable(err)
	if failure.httpStatus() == http.StatusRequestTimeout {
		failure.Reason = "slow_body"
	}
	return nil, failure
}

// ask calls the method that answers the turn, in the time that is left.
func (t *turn) ask(ctx context.Context, asked *dialogflow.Turn, who *intentgatev1.Caller, to destination) (binding.Answer, *Error) {
	call, err := to.Call(asked)
	if err != nil {
		return binding.Answer{}, unfit(err)
	}
	for _, name := range call.Lost {
		if !slices.Contains(t.event.Unknown, name) {
			t.event.Unknown = append(t.event.Unknown, name)
		}
	}
	ref := &intentgatev1.CallRef{Session: asked.Session.Name, TurnId: asked.ID, RequestId: t.requestID(asked, who, &call)}
	out, err := caller.NewOutgoingContext(ctx, caller.Outgoing{Caller: who, Ref: ref})
	if err != nil {
		return binding.Answer{}, tooLong(err) // certificates are bounded when they are judged
	}
	t.event.Method, t.event.RequestID = call.Method, ref.GetRequestId()

	start := t.Now()
	if deadline, ok := ctx.Deadline(); ok {
		t.event.BudgetLeft = deadline.Sub(start)
	}
	response, err := to.Invoke(out, call.Method, call.Request)
	t.event.ServiceDuration, t.event.ServiceCode = t.Now().Sub(start), status.Code(err)
	if err != nil {
		if to.claimed && status.Code(err) == codes.Unimplemented {
			t.Intents.Refresh(to.name) // it is another build than the one that claimed the turn
		}
		return binding.Answer{}, unanswered(ctx, err)
	}
	answer, err := to.Answer(response)
	if err != nil {
		return binding.Answer{}, unusable(err)
	}
	return answer, nil
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

// note fills in what the log says of the turn: nothing that the user said.
func (t *turn) note(asked *dialogflow.Turn) {
	e := t.event
	e.Project, e.Agent, e.Environment = asked.Session.Project, asked.Session.Agent, asked.Session.Environment
	e.TurnID, e.Intent, e.Action, e.Tag = asked.ID, asked.Intent.DisplayName, asked.Action, asked.Tag
	e.Language, e.Unknown = asked.Language, asked.Unknown
	for quirk, count := range asked.Quirks {
		e.AddQuirk(dialogflow.Quirk(quirk).String(), int(count))
	}
}

// noteCaller fills in how each part of the caller is known.
func (t *turn) noteCaller(who *intentgatev1.Caller) {
	t.event.Profile = who.GetCertificate().GetProfile()
	t.event.ProjectProof = proof(who.GetProjectId(), who.GetProjectNumber())
	t.event.AgentProof = proof(who.GetAgent())
}

// proof names the proof of the first value that is there.
func proof(values ...*intentgatev1.Caller_Value) string {
	for _, value := range values {
		if value != nil {
			return proofs[value.GetProof()]
		}
	}
	return ""
}

var proofs = map[intentgatev1.Caller_Proof]string{
	intentgatev1.Caller_PROOF_STATED:      "STATED",
	intentgatev1.Caller_PROOF_CERTIFICATE: "CERTIFICATE",
	intentgatev1.Caller_PROOF_ID_TOKEN:    "ID_TOKEN",
	intentgatev1.Caller_PROOF_SECRET:      "SECRET",
}
