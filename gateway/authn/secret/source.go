package secret

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/intentgate/intentgate/gateway/authn"
)

// maxHeader bounds a header with a secret in bytes: the largest file, in base64, with a user name.
const maxHeader = 8 << 10

// digest is a hash of a secret and of where it was presented, so that none is good elsewhere.
type digest [sha256.Size]byte

// source is where in a request a secret is looked for.
type source struct {
	header string // canonical
	basic  bool
}

func (c *Credential) source() source {
	if c.Header == "" {
		return source{header: "Authorization", basic: true}
	}
	return source{header: http.CanonicalHeaderKey(c.Header)}
}

// digest is what a request has to present.
func (c *Credential) digest(secret string) digest {
	if c.Header == "" {
		secret = c.Username + ":" + secret // there is no colon in a user name
	}
	return c.source().hash(secret)
}

func (s source) hash(text string) digest { return sha256.Sum256([]byte(s.String() + "\x00" + text)) }

func (s source) String() string {
	if s.basic {
		return "Basic authentication"
	}
	return "the header " + s.header
}

// read hashes what a request presents here; nil if that is nothing.
func (s source) read(header http.Header) (*digest, *authn.Refusal) {
	values := header[s.header]
	switch {
	case len(values) == 0:
		return nil, nil
	case len(values) > 1:
		return nil, refuse(Malformed, fmt.Sprintf("%d headers %s", len(values), s.header), "one")
	case len(values[0]) > maxHeader:
		return nil, refuse(Malformed, fmt.Sprintf("a header %s of %d bytes", s.header, len(values[0])), fmt.Sprintf("at most %d bytes", maxHeader))
	}
	text := values[0]
	if s.basic {
		scheme, encoded, _ := strings.Cut(text, " ")
		if !strings.EqualFold(scheme, "Basic") {
			return nil, nil
		}
		// Go's decoder passes over line ends, which would give one password many spellings.
		decoded, err := base64.StdEncoding.Strict().DecodeString(encoded)
		if text = string(decoded); err != nil || strings.ContainsAny(encoded, "\r\n") || !strings.Contains(text, ":") {
			return nil, refuse(Malformed, "Basic authentication that cannot be read", "a user name, a colon and a password, in base64")
		}
	}
	got := s.hash(text)
	return &got, nil
}

// taken are headers of HTTP's and of the gateway's own, and prefixes of such, which end in -. What the agent's designer
// enters there would not arrive, or would break the request.
var taken = []string{
	"Accept", "Accept-", "Connection", "Content-", "Expect", "Grpc-", "Host", "Intentgate-", "Keep-Alive", "Proxy-", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade", "User-Agent", "X-Forwarded-",
}

// CheckHeader says why a header cannot carry a secret, if it cannot.
func CheckHeader(name string) error {
	canonical := http.CanonicalHeaderKey(name)
	if slices.ContainsFunc(taken, func(t string) bool {
		return canonical == t || strings.HasSuffix(t, "-") && strings.HasPrefix(canonical, t)
	}) {
		return fmt.Errorf("%s is a header that HTTP or the gateway needs itself; choose another, such as x-webhook-key", name)
	}
	return nil
}
