package idtoken

import (
	"strconv"

	"github.com/intentgate/intentgate/gateway/authn"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// Prove joins the token with what the session states: it marks the project as proven, or refuses where the two are of
// different projects, which is how an agent of somebody else's would look that says it is yours.
func (t *Token) Prove(who *intentgatev1.Caller) *authn.Refusal {
	if number := strconv.FormatUint(t.ProjectNumber, 10); who.GetProjectNumber().GetValue() != number {
		return refuse(authn.ProjectMismatch,
			"a token of project "+number+" and a session of project "+who.GetProjectNumber().GetValue(), "both of one project")
	}
	authn.ProveProject(who, intentgatev1.Caller_PROOF_ID_TOKEN)
	who.IdToken = &intentgatev1.Caller_IdToken{Email: t.Email, Audience: t.Audience}
	return nil
}
