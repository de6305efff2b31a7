package idtoken

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
)

const (
	defaultSkew = 30 * time.Second
	// maxLifetime bounds what a token claims for itself. Google's live for an hour.
	maxLifetime = 24 * time.Hour

	issuer       = "https://accounts.google.com"
	issuerNoHTTP = "accounts.google.com" // as Google wrote it at first, and may still
)

// Rules say which tokens a webhook takes. They must not be changed while they are in use. Empty lists take none.
type Rules struct {
	Audiences []string      // the webhook's URLs exactly as the agents call them
	Numbers   []uint64      // of the projects whose agents may call
	Skew      time.Duration // by how much Google's clock and ours may differ; 30 s if 0
	MaxAge    time.Duration // since a token was issued; 0: any
}

// Token is what a verified token says. It is shared by all requests that carry it and must not be changed.
type Token struct {
	Email         string // of the service agent
	Audience      string
	ProjectNumber uint64
	Expires       time.Time
}

// judge says why claims, true or not, would not do at the time; nil if they would.
func (c *claims) judge(rules *Rules, now time.Time) *authn.Refusal {
	switch {
	case c.Issuer != issuer && c.Issuer != issuerNoHTTP:
		return refuse(Issuer, named("iss", c.Issuer), issuer)
	case c.token.Audience == "" || !slices.Contains(rules.Audiences, c.token.Audience):
		return refuse(Audience, named("aud", string(c.Audience)), "one of "+strings.Join(rules.Audiences, ", "))
	case c.token.ProjectNumber == 0:
		return refuse(Email, named("email", c.token.Email), "service-NUMBER"+strings.Join(serviceAgents[:], " or service-NUMBER"))
	case string(c.EmailVerified) != "true":
		return refuse(Email, named("email_verified", string(c.EmailVerified)), "true")
	case c.Subject != "" && c.AuthorizedParty != "" && c.Subject != c.AuthorizedParty:
		return refuse(Subject, "azp "+c.AuthorizedParty+" for sub "+c.Subject, "the same")
	case !slices.Contains(rules.Numbers, c.token.ProjectNumber):
		return refuse(Project, "email "+c.token.Email, "one of project "+decimals(rules.Numbers))
	default:
		return c.judgeTimes(rules, now)
	}
}

func (c *claims) judgeTimes(rules *Rules, now time.Time) *authn.Refusal {
	skew := rules.Skew
	if skew == 0 {
		skew = defaultSkew
	}
	issued := time.Unix(c.IssuedAt, 0)
	valid := time.Unix(max(c.IssuedAt, c.NotBefore), 0)
	switch lifetime := c.token.Expires.Sub(issued); {
	case lifetime <= 0 || lifetime > maxLifetime:
		return refuse(Lifetime, "a lifetime of "+lifetime.String(), "at most "+maxLifetime.String())
	case !now.Before(c.token.Expires.Add(skew)):
		return refuse(Expired, "exp "+stamp(c.token.Expires), "one after "+stamp(now.Add(-skew)))
	case valid.After(now.Add(skew)):
		return refuse(NotYetValid, "valid from "+stamp(valid), "at the latest from "+stamp(now.Add(skew)))
	case rules.MaxAge > 0 && now.Sub(issued) > rules.MaxAge+skew:
		return refuse(TooOld, "iat "+stamp(issued), "at most "+rules.MaxAge.String()+" ago, at "+stamp(now))
	default:
		return nil
	}
}

// serviceAgents are the accounts that Dialogflow and CX Agent Studio act as in a project, after its number.
var serviceAgents = [...]string{
	"@gcp-sa-dialogflow.iam.gserviceaccount.com",
	"@gcp-sa-ces.iam.gserviceaccount.com",
}

// projectNumber returns the number in a service agent's e-mail, spelled as Google spells it; 0 for any other e-mail.
func projectNumber(email string) uint64 {
	rest, service := strings.CutPrefix(email, "service-")
	for _, domain := range serviceAgents {
		text, agent := strings.CutSuffix(rest, domain)
		number, err := strconv.ParseUint(text, 10, 64)
		if service && agent && err == nil && strconv.FormatUint(number, 10) == text {
			return number
		}
	}
	return 0
}

func named(claim, value string) string {
	if value == "" {
		return "no " + claim
	}
	return claim + " " + value
}

func decimals(numbers []uint64) string {
	var texts []string
	for _, number := range numbers {
		texts = append(texts, strconv.FormatUint(number, 10))
	}
	return strings.Join(texts, ", ")
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
