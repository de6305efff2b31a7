package gateway

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/intentgate/intentgate/gateway/admission"
	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/idtoken"
	"github.com/intentgate/intentgate/gateway/authn/secret"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/edge"
	"github.com/intentgate/intentgate/gateway/telemetry"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// receive reads what is asked, and finds out who asks. No body is read before certificate and credentials are judged, and then
// the turn has its place: strangers take none, and nobody takes more by being slow. A turn that is turned away for its project's
// sake stays known.
func (t *turn) receive(ctx context.Context, w http.ResponseWriter, r *http.Request) (*dialogflow.Turn, *intentgatev1.Caller, *Error) {
	proof, failure := t.admit(ctx, w, r)
	if failure != nil {
		return nil, nil, failure
	}
	t.event.Enter(telemetry.Body)
	project := t.projectOf(proof)
	var reason admission.Reason
	if t.place, reason = t.Admission.Enter(project); reason != admission.None {
		return nil, nil, overloaded(reason)
	}
	if t.body, failure = t.readRequest(ctx, w, r); failure != nil {
		return nil, nil, failure
	}
	t.event.BytesIn = len(t.body)
	t.event.Enter(telemetry.Read)
	asked, err := dialogflow.Read(t.Webhook.Platform, t.body)
	if err != nil {
		return nil, nil, unreadable(err)
	}
	t.note(asked)
	t.event.Enter(telemetry.Agent)
	joined, refusal := t.join(&asked.Session, proof)
	if refusal != nil {
		return nil, nil, refused(refusal)
	}
	who := joined.who
	t.callerBin = joined.bin
	t.noteCaller(who)
	if project != "" {
		return asked, who, nil
	}
	if reason := t.place.Claim(provenProject(who)); reason != admission.None {
		t.asked = asked
		return nil, nil, overloaded(reason)
	}
	return asked, who, nil
}

// leave gives back what the turn took. Nothing that outlives it holds a value of the request: calls have their own bytes and
// clones of the texts, and so have events and answers.
func (t *turn) leave() {
	t.asked = nil
	edge.Reuse(t.body)
	t.place.Leave()
}

// projectOf names the project that a proof is of, where that is known before the session is: by its ID if that is configured, else
// by its number.
func (t *turn) projectOf(proof authn.Proof) string {
	switch proof := proof.(type) {
	case *idtoken.Token:
		for _, project := range t.Webhook.Projects {
			if project.Number == proof.ProjectNumber {
				return project.ID
			}
		}
		return strconv.FormatUint(proof.ProjectNumber, 10)
	case *secret.Credential:
		if len(proof.Projects) == 1 {
			return proof.Projects[0]
		}
	}
	return ""
}

// provenProject names the caller's project, empty where nothing proves it: whoever states another's would take its share.
func provenProject(who *intentgatev1.Caller) string {
	for _, name := range []*intentgatev1.Caller_Value{who.GetProjectId(), who.GetProjectNumber()} {
		if name != nil && name.GetProof() != intentgatev1.Caller_PROOF_STATED {
			return name.GetValue()
		}
	}
	return ""
}

// admit judges the caller's certificate as of now, and the request's credentials; the proof is nil where the webhook
// asks for none.
func (t *turn) admit(ctx context.Context, w http.ResponseWriter, r *http.Request) (authn.Proof, *Error) {
	verdict, refusal := t.peer.Verdict()
	t.event.ForwardedBy = t.peer.ForwardedBy()
	if refusal != nil {
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

// authenticate judges the request's ID token or, where it has none and the webhook has credentials, these.
func (t *turn) authenticate(ctx context.Context, header http.Header) (authn.Proof, *authn.Refusal) {
	authorization := header["Authorization"]
	if t.Webhook.Token != nil && (t.Webhook.Secrets == nil || idtoken.Presented(authorization)) {
		token, refusal := t.Tokens.Verify(ctx, authorization, t.Webhook.Token)
		if refusal != nil {
			t.event.IDToken = string(refusal.Reason)
			return nil, refusal
		}
		t.event.IDToken = "accepted"
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
func (t *turn) readRequest(ctx context.Context, w http.ResponseWriter, r *http.Request) ([]byte, *Error) {
	if err := edge.Admit(r); err != nil {
		return nil, unreadable(err)
	}
	body, err := edge.ReadBody(ctx, w, r, t.BodyLimit, t.place.Hold)
	if err == nil {
		return body, nil
	}
	if errors.Is(err, edge.ErrNoRoom) {
		return nil, overloaded(admission.Bytes)
	}
	failure := unreadable(err)
	if failure.httpStatus() == http.StatusRequestTimeout {
		failure.Reason = "slow_body"
	}
	return nil, failure
}
