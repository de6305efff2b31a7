package secret

import "github.com/intentgate/intentgate/gateway/authn"

// The reasons for which a request's credentials are refused, in the order in which they are looked for.
const (
	Malformed       authn.Reason = "credential_malformed"
	NoCredential    authn.Reason = "no_credential" //nolint:gosec // a code, no secret
	Mismatch        authn.Reason = "credential_mismatch"
	ProjectMismatch authn.Reason = "credential_project"
	AgentMismatch   authn.Reason = "credential_agent"
)

// hints is what each reason means to the person who has to make it go away. Every reason has its row.
var hints = map[authn.Reason]string{
	Malformed:       "the request carries a credential in a form that no agent sends: a header that stands there twice, Basic authentication that cannot be read, or two credentials in one request",
	NoCredential:    "the request carries no credential of the webhook's, and no ID token where it takes them: enter the user name and the password, or the header, in the agent",
	Mismatch:        "the request carries a wrong secret: an old one, one of another webhook's, or somebody guesses; while a secret is changed, give the files of both",
	ProjectMismatch: "the secret is right, but not for the session's project: it was given to another project's agent, or the project is missing in the credential's projects",
	AgentMismatch:   "the secret is right, but not for the session's agent: it was given to another agent, or the agent is missing in the credential's agents",
}

// Hint says in a sentence what usually lies behind a reason of this package, and what to do; "" for any other reason.
func Hint(reason authn.Reason) string { return hints[reason] }

func refuse(reason authn.Reason, saw, wanted string) *authn.Refusal {
	return &authn.Refusal{Reason: reason, Saw: authn.Printable(saw), Wanted: wanted}
}
