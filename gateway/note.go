package gateway

import (
	"cmp"
	"errors"

	"google.golang.org/grpc/status"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/telemetry"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// note fills in what the log says of the turn: nothing that the user said.
func (t *turn) note(asked *dialogflow.Turn) {
	e := t.event
	e.SetSession(asked.Session.Name)
	e.Project, e.Agent, e.Environment = asked.Session.Project, asked.Session.Agent, asked.Session.Environment
	e.TurnID, e.Intent, e.Action, e.Tag = asked.ID, asked.Intent.DisplayName, asked.Action, asked.Tag
	e.Language, e.Unknown = asked.Language, asked.Unknown
	for quirk, count := range asked.Quirks {
		e.AddQuirk(dialogflow.Quirk(quirk).String(), int(count))
	}
}

// noteCaller fills in who calls as far as that is more than the request's word, and how each part of it is known.
func (t *turn) noteCaller(who *intentgatev1.Caller) {
	e := t.event
	e.Profile = who.GetCertificate().GetProfile()
	e.ProjectProof, e.AgentProof = proof(who.GetProjectId(), who.GetProjectNumber()), proof(who.GetAgent())
	if e.KnownProject = provenProject(who); e.KnownProject == "" && len(t.Webhook.Projects) > 0 {
		e.KnownProject = who.GetProjectId().GetValue() // it is one of those
	}
	if who.GetAgent().GetProof() == intentgatev1.Caller_PROOF_CERTIFICATE {
		e.KnownAgent = who.GetAgent().GetValue()
	}
}

// because fills in why there is no reply of the service's.
func (t *turn) because(failure *Error) {
	if t.event.Detail = failure.Detail; failure.cause == nil {
		t.event.Detail = cmp.Or(failure.Detail, failure.Public) // there is nothing behind it
	}
	t.event.Refusal, _ = errors.AsType[*authn.Refusal](failure.cause)
	if failure.kind == "" || t.to.Binding == nil || t.to.Sensitive() || !t.event.Tells(failure.kind) {
		return
	}
	text := failure.cause.Error()
	if said, ok := status.FromError(failure.cause); ok {
		text = said.Message()
	}
	t.event.Tell(failure.kind, "", text)
}

// tell has the log tell what the user said, where that is asked for. A method that takes something sensitive keeps quiet, but for the
// parameters that are not.
func (t *turn) tell() {
	if t.asked == nil || t.to.Binding == nil {
		return // nobody knows what is sensitive
	}
	if !t.to.Sensitive() {
		t.event.Tell(telemetry.Utterances, "", t.asked.Input.Text)
	}
	if !t.event.Tells(telemetry.Parameters) {
		return
	}
	for _, p := range binding.Parameters(t.asked) {
		if !dialogflow.Unset(p.Value) && !t.Intents.Sensitive(p.Name) {
			t.event.Tell(telemetry.Parameters, p.Name, string(p.Value))
		}
	}
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
