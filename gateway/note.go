package gateway

import (
	"github.com/intentgate/intentgate/gateway/dialogflow"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

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
