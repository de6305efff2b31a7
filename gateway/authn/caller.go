package authn

import (
	"crypto/sha256"
	"slices"
	"strconv"
	"strings"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller"
	"github.com/intentgate/intentgate/services/mtls"
)

// Webhook is what a webhook path demands of its callers.
type Webhook struct {
	Platform dialogflow.Platform
	Profiles []string  // names of trust profiles, one of which must have accepted the certificate
	Projects []Project // the projects it serves; empty: any
}

// Project is a Google Cloud project by both of its names. A session carries either.
type Project struct {
	ID     string
	Number uint64
}

// Admit refuses a certificate that none of the webhook's profiles accepted. It needs nothing of the request, so that
// nobody else's body is read.
func (w *Webhook) Admit(v *Verdict) *Refusal {
	for i := range v.Accepted {
		if w.takes(&v.Accepted[i]) {
			return nil
		}
	}
	return &Refusal{
		Reason: ProfileMismatch,
		Saw:    "a certificate of profile " + strings.Join(v.Profiles(), ", "),
		Wanted: "one of profile " + strings.Join(w.Profiles, ", "),
	}
}

// Caller says who calls, and how each part is known: the project, location, environment and agent are stated by the
// session, unless the certificate's profile names that very agent. A profile that names agents accepts sessions of no
// other.
func (w *Webhook) Caller(v *Verdict, session *dialogflow.Session) (*intentgatev1.Caller, *Refusal) {
	if refusal := w.Admit(v); refusal != nil {
		return nil, refusal
	}
	id, number, known := w.project(session.Project)
	if !known {
		return nil, &Refusal{
			Reason: ProjectMismatch,
			Saw:    "a session of project " + Printable(session.Project),
			Wanted: "one of project " + w.projects(),
		}
	}
	accepted, proof, refusal := w.acceptance(v, session, id, number)
	if refusal != nil {
		return nil, refusal
	}
	return &intentgatev1.Caller{
		Platform:      w.Platform.Proto(),
		ProjectId:     value(id, proof),
		ProjectNumber: value(number, proof),
		Location:      value(session.Location, proof),
		Agent:         value(session.Agent, proof),
		Environment:   value(session.Environment, intentgatev1.Caller_PROOF_STATED),
		Certificate:   accepted.Certificate,
	}, nil
}

// Proof is what a request proves besides its connection's certificate: an ID token or a secret, verified. It is shared by
// requests.
type Proof interface {
	// Prove joins it with what the session states: it marks in the Caller what it proves, or refuses where the two do not
	// agree.
	Prove(*intentgatev1.Caller) *Refusal
}

// ProveProject marks the project as proven in a way, unless something stronger proves it: the certificate.
func ProveProject(who *intentgatev1.Caller, proof intentgatev1.Caller_Proof) {
	for _, part := range []*intentgatev1.Caller_Value{who.GetProjectId(), who.GetProjectNumber()} {
		if part.GetProof() == intentgatev1.Caller_PROOF_STATED {
			part.Proof = proof
		}
	}
}

// acceptance chooses among the profiles that accepted: one that names the session's agent, else one that names none.
func (w *Webhook) acceptance(v *Verdict, session *dialogflow.Session, id, number string) (*Acceptance, intentgatev1.Caller_Proof, *Refusal) {
	var general *Acceptance
	var named []string
	for i := range v.Accepted {
		accepted := &v.Accepted[i]
		if !w.takes(accepted) {
			continue
		}
		if len(accepted.Profile.agents) == 0 {
			if general == nil {
				general = accepted
			}
			continue
		}
		named = append(named, accepted.Profile.Agents...)
		for _, a := range accepted.Profile.agents {
			if a.id == session.Agent && a.location == session.Location && (a.project == id || a.project == number) {
				return accepted, intentgatev1.Caller_PROOF_CERTIFICATE, nil
			}
		}
	}
	if general != nil {
		return general, intentgatev1.Caller_PROOF_STATED, nil
	}
	return nil, 0, &Refusal{
		Reason: AgentMismatch,
		Saw:    Printable("a session of project " + session.Project + ", location " + session.Location + ", agent " + session.Agent),
		Wanted: Printable("a session of " + strings.Join(named, " or ")),
	}
}

func (w *Webhook) takes(accepted *Acceptance) bool {
	return slices.Contains(w.Profiles, accepted.Profile.Name)
}

// project returns both names of a project where they are known, "" where not. A project's ID never starts with a digit.
func (w *Webhook) project(name string) (id, number string, known bool) {
	for _, p := range w.Projects {
		if number := strconv.FormatUint(p.Number, 10); p.ID == name || number == name {
			return p.ID, number, true
		}
	}
	if len(w.Projects) > 0 {
		return "", "", false
	}
	if name != "" && name[0] >= '0' && name[0] <= '9' {
		return "", name, true
	}
	return name, "", true
}

func (w *Webhook) projects() string {
	var names []string
	for _, p := range w.Projects {
		names = append(names, p.ID+" ("+strconv.FormatUint(p.Number, 10)+")")
	}
	return strings.Join(names, ", ")
}

// value is nil where nothing is known.
func value(v string, proof intentgatev1.Caller_Proof) *intentgatev1.Caller_Value {
	if v == "" {
		return nil
	}
	return &intentgatev1.Caller_Value{Value: v, Proof: proof}
}

// maxCertificate leaves room for the rest of the Caller, whose parts are resource names. Without it, a certificate with
// hundreds of names would be let in, and then each of its turns would fail.
const maxCertificate = caller.MaxCaller - 2<<10 // bytes

// certificate makes the texts valid UTF-8, which old string types of X.509 need not be but protobuf demands.
func certificate(presented *Presented, profile string) *intentgatev1.Caller_Certificate {
	leaf := presented.Certs[0]
	sum := sha256.Sum256(leaf.Raw)
	return &intentgatev1.Caller_Certificate{
		Profile: profile,
		Subject: strings.ToValidUTF8(leaf.Subject.String(), "\uFFFD"),
		Sans:    slices.Collect(mtls.SANs(leaf)),
		Issuer:  strings.ToValidUTF8(leaf.Issuer.String(), "\uFFFD"),
		Sha256:  sum[:],

		ForwardedBy: presented.ForwardedBy,
	}
}
