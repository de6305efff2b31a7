package secret

import (
	"slices"
	"strings"

	"github.com/intentgate/intentgate/gateway/authn"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// Credential is a secret that agents are configured with, and what it stands for. It must not be changed while it is in
// use.
type Credential struct {
	Name     string
	Username string              // of Basic authentication
	Header   string              // the name of a header instead, as [CheckHeader] allows it; "" for Basic authentication
	Secrets  []*gatewayv1.Secret // where the password or the header's value comes from: one place, or two while it is being changed
	Projects []string            // the IDs of the projects that it proves; none proves nothing
	Agents   []string            // the CX agents that it is for, by resource name; empty: any of its projects
}

// Prove joins the credential with what the session states: it marks the project as proven, or refuses a session of a
// project or an agent that the credential is not for.
func (c *Credential) Prove(who *intentgatev1.Caller) *authn.Refusal {
	id, number := who.GetProjectId().GetValue(), who.GetProjectNumber().GetValue()
	if !slices.Contains(c.Projects, id) {
		return refuse(ProjectMismatch, "credential "+c.Name+" and a session of project "+id, "one of project "+strings.Join(c.Projects, ", "))
	}
	agent := "/locations/" + who.GetLocation().GetValue() + "/agents/" + who.GetAgent().GetValue()
	if len(c.Agents) > 0 && !slices.Contains(c.Agents, "projects/"+id+agent) && !slices.Contains(c.Agents, "projects/"+number+agent) {
		return refuse(AgentMismatch, "credential "+c.Name+" and a session of projects/"+id+agent, "one of "+strings.Join(c.Agents, ", "))
	}
	authn.ProveProject(who, intentgatev1.Caller_PROOF_SECRET)
	who.Credential = c.Name
	return nil
}
