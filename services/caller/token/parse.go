package token

import (
	"encoding/base64"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxSeconds bounds a time, so that none overflows. It is in the year 36812.
const maxSeconds = 1 << 40

// header is exactly this: a token must not bring its own key, nor demand what nobody here knows.
type header struct {
	Algorithm string `json:"alg"`
	Type      string `json:"typ"`
	KeyID     string `json:"kid"`
}

// parseHeader reads what a token is signed with, and nothing else of it.
func parseHeader(raw string) (*header, *Refusal) {
	const wanted = "a JWT: three parts in base64url"
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return nil, Refuse(Malformed, wanted, "%d parts", len(parts))
	}
	var first []byte
	for i, part := range parts {
		decoded, err := base64.RawURLEncoding.Strict().DecodeString(part)
		// Go's decoder passes over line ends, which would give one token many spellings.
		if err != nil || strings.ContainsAny(part, "\r\n") {
			return nil, Refuse(Malformed, wanted, "a part that is not base64url")
		}
		if i == 0 {
			first = decoded
		}
	}
	h := &header{}
	if err := json.Unmarshal(first, h, json.RejectUnknownMembers(true)); err != nil || jsontext.Value(first).Kind() != '{' { // json takes null for an empty one
		return nil, Refuse(Malformed, "alg, typ and kid, each once, and nothing else", "a header that cannot be read")
	}
	if h.Algorithm != string(algorithms[0]) || h.Type != Type {
		return nil, Refuse(Algorithm, "alg ES256 and typ "+Type, "alg %.32q and typ %.32q", h.Algorithm, h.Type)
	}
	return h, nil
}

// parseClaims reads what a token says, once its signature holds. Names that are not known here are a newer gateway's.
func parseClaims(payload []byte) (*Claims, *Refusal) {
	c := &Claims{}
	if err := json.Unmarshal(payload, c); err != nil {
		return nil, Refuse(Malformed, "a JSON object, each name once, times in whole seconds", "claims that cannot be read")
	}
	if min(c.IssuedAt, c.Expires) <= 0 || max(c.IssuedAt, c.Expires) > maxSeconds {
		return nil, Refuse(Malformed, "iat and exp, in seconds since 1970", "iat %d, exp %d", c.IssuedAt, c.Expires)
	}
	return c, nil
}
