package idtoken

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/intentgate/intentgate/gateway/authn"
)

const (
	// maxHeader bounds the Authorization header in bytes. Google's tokens have about 1000.
	maxHeader = 8 << 10
	// maxSeconds bounds a time, so that none overflows. It is in the year 36812.
	maxSeconds = 1 << 40
)

// bearer returns the token of the Authorization headers, whose values may be secrets of other kinds: nothing of them is
// repeated.
func bearer(values []string) (string, *authn.Refusal) {
	const wanted = "one header `Authorization: Bearer <ID token>`"
	switch {
	case len(values) == 0:
		return "", refuse(NoToken, "no Authorization header", wanted)
	case len(values) > 1:
		return "", refuse(Malformed, fmt.Sprintf("%d Authorization headers", len(values)), wanted)
	case len(values[0]) > maxHeader:
		return "", refuse(Malformed, fmt.Sprintf("%d bytes", len(values[0])), fmt.Sprintf("at most %d bytes", maxHeader))
	}
	if !Presented(values) {
		return "", refuse(NoToken, "an Authorization header of another scheme", wanted)
	}
	_, token, _ := strings.Cut(values[0], " ")
	return token, nil
}

// Presented says whether one of the Authorization headers is of the scheme Bearer: it is to be judged as an ID token.
func Presented(authorization []string) bool {
	return slices.ContainsFunc(authorization, func(value string) bool {
		scheme, _, _ := strings.Cut(value, " ")
		return strings.EqualFold(scheme, "Bearer")
	})
}

// header is the part of a token that says how it is signed.
type header struct {
	Algorithm string `json:"alg"`
	KeyID     string `json:"kid"`

	// A token must not choose the key that it is verified with, nor demand what we do not know.
	Critical        jsontext.Value `json:"crit"`
	Key             jsontext.Value `json:"jwk"`
	KeyURL          jsontext.Value `json:"jku"`
	Certificates    jsontext.Value `json:"x5c"`
	CertificatesURL jsontext.Value `json:"x5u"`
}

func (h *header) judge() *authn.Refusal {
	if h.Algorithm != algorithm {
		return refuse(Algorithm, named("alg", h.Algorithm), algorithm)
	}
	if h.Critical != nil || h.Key != nil || h.KeyURL != nil || h.Certificates != nil || h.CertificatesURL != nil {
		return refuse(Malformed, "a token that brings a key or a critical extension", "neither crit, jwk, jku, x5c nor x5u")
	}
	return nil
}

// claims is what a token says of itself. Where the kind of a value is judged too, it stays as it came.
type claims struct {
	Issuer          string         `json:"iss"`
	Audience        jsontext.Value `json:"aud"`
	Email           string         `json:"email"`
	EmailVerified   jsontext.Value `json:"email_verified"`
	Subject         string         `json:"sub"`
	AuthorizedParty string         `json:"azp"`
	ExpiresAt       int64          `json:"exp"` // these are seconds of Unix time
	IssuedAt        int64          `json:"iat"`
	NotBefore       int64          `json:"nbf"`

	token Token
}

// parse reads a token and verifies nothing.
func parse(token string) (h *header, c *claims, signature []byte, refusal *authn.Refusal) {
	const wanted = "a JWT: three parts in base64url"
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, nil, nil, refuse(Malformed, fmt.Sprintf("%d parts", len(parts)), wanted)
	}
	var decoded [3][]byte
	for i, part := range parts {
		var err error
		// Go's decoder passes over line ends, which would give one token many spellings.
		if decoded[i], err = base64.RawURLEncoding.Strict().DecodeString(part); err != nil || strings.ContainsAny(part, "\r\n") {
			return nil, nil, nil, refuse(Malformed, "a part that is not base64url", wanted)
		}
	}
	h, c = &header{}, &claims{}
	if json.Unmarshal(decoded[0], h) != nil {
		return nil, nil, nil, refuse(Malformed, "a header that cannot be read", "a JSON object, each name once")
	}
	if json.Unmarshal(decoded[1], c) != nil {
		return nil, nil, nil, refuse(Malformed, "claims that cannot be read", "a JSON object, each name once, times in whole seconds")
	}
	for _, seconds := range []int64{c.ExpiresAt, c.IssuedAt} {
		if seconds <= 0 || seconds > maxSeconds || c.NotBefore < 0 || c.NotBefore > maxSeconds {
			return nil, nil, nil, refuse(Malformed, fmt.Sprintf("iat %d, nbf %d, exp %d", c.IssuedAt, c.NotBefore, c.ExpiresAt), "iat and exp, in seconds since 1970")
		}
	}
	c.token = Token{
		Email:         c.Email,
		Audience:      only(c.Audience),
		ProjectNumber: projectNumber(c.Email),
		Expires:       time.Unix(c.ExpiresAt, 0),
	}
	return h, c, decoded[2], nil
}

// only returns a text, or the only text of a list; "" for anything else. A token for several is not made for us.
func only(value jsontext.Value) string {
	var text string
	var list [1]string
	switch {
	case json.Unmarshal(value, &text) == nil:
		return text
	case json.Unmarshal(value, &list) == nil:
		return list[0]
	default:
		return ""
	}
}
