package idtoken

import "github.com/intentgate/intentgate/gateway/authn"

// The reasons for which a token is refused, in the order in which they are looked for.
const (
	NoToken         authn.Reason = "no_token"
	Malformed       authn.Reason = "token_malformed"
	Algorithm       authn.Reason = "token_algorithm"
	Issuer          authn.Reason = "token_issuer"
	Audience        authn.Reason = "token_audience"
	Email           authn.Reason = "token_email"
	Subject         authn.Reason = "token_subject"
	Project         authn.Reason = "token_project"
	Lifetime        authn.Reason = "token_lifetime"
	Expired         authn.Reason = "token_expired"
	NotYetValid     authn.Reason = "token_not_yet_valid"
	TooOld          authn.Reason = "token_too_old"
	KeysUnavailable authn.Reason = "keys_unavailable"
	UnknownKey      authn.Reason = "token_unknown_key"
	Signature       authn.Reason = "token_signature"
)

// hints is what each reason means to the person who has to make it go away. Every reason has its row.
var hints = map[authn.Reason]string{
	NoToken:         "the request carries no Bearer token: in the agent choose the service agent's ID token, and set neither Basic auth nor an Authorization header, which take its place",
	Malformed:       "the Bearer token is no ID token of Google: the agent sends an access token, or somebody else calls; choose the service agent's ID token in the agent",
	Algorithm:       "Google signs ID tokens with RS256 only: somebody else made this one",
	Issuer:          "the token was not issued by Google: another identity provider, or somebody tries",
	Audience:        "the token was made for another URL: list the webhook's URL in its audiences exactly as it stands in the agent, trailing slash included",
	Email:           "the token is not a Dialogflow service agent's: another kind of Google account calls, or the agent uses a service account of your own",
	Subject:         "the token was requested by another account than it speaks for, which Dialogflow's never are",
	Project:         "an agent of another project calls: if it is welcome, list its project's number in the webhook's projects",
	Lifetime:        "the token is valid for longer than a day, or ends before it begins, which Google's never do",
	Expired:         "the token has expired: look at this machine's clock; else somebody replays an old request",
	NotYetValid:     "the token was issued in the future: look at this machine's clock, or raise the skew",
	TooOld:          "the token is older than the webhook allows: Google reuses a token for up to an hour, so a smaller greatest age refuses good ones",
	KeysUnavailable: "the keys that ID tokens are verified with could not be fetched: let this machine reach their URL, through its proxy if it needs one, or give them as a file",
	UnknownKey:      "the token was signed with a key that is not among the keys: made by somebody else, or the keys come from another source than the tokens",
	Signature:       "the token's signature is not its key's: it was changed or forged",
}

// Hint says in a sentence what usually lies behind a reason of this package, and what to do; "" for any other reason.
func Hint(reason authn.Reason) string { return hints[reason] }

func refuse(reason authn.Reason, saw, wanted string) *authn.Refusal {
	return &authn.Refusal{Reason: reason, Saw: authn.Printable(saw), Wanted: wanted}
}
