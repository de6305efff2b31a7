package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/secretref"
)

// MinSecret is the fewest bytes of a secret: strangers may guess as often as they like.
const MinSecret = 16

// Set is the credentials of one webhook: no other's are good there. It may be used by many goroutines.
type Set struct {
	credentials []Credential
	sources     []source // each once, in the order of the credentials
	wanted      string
	secrets     atomic.Pointer[[]secret]
}

// secret is one that is good now.
type secret struct {
	digest digest
	of     int // the credential's index
}

// PlaceError is what is wrong with a secret of a credential's.
type PlaceError struct {
	Credential, Place int // indices into the credentials and their secrets
	Err               error
}

// Error returns what is wrong, with the place and the remedy.
func (e *PlaceError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *PlaceError) Unwrap() error { return e.Err }

// New reads the secrets of credentials. Of those that will not do it returns a [PlaceError] each, joined.
func New(credentials []Credential) (*Set, error) {
	s := &Set{credentials: credentials}
	var names []string
	for i := range credentials {
		c := &credentials[i]
		if c.Header != "" {
			if err := CheckHeader(c.Header); err != nil {
				return nil, fmt.Errorf("credential %s: %w", c.Name, err)
			}
		}
		if from := c.source(); !slices.Contains(s.sources, from) {
			s.sources = append(s.sources, from)
		}
		names = append(names, c.Name)
	}
	s.wanted = "the secret of credential " + strings.Join(names, " or ")
	_, err := s.Reload()
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Files returns the files of all credentials whose secrets come from files.
func (s *Set) Files() []string {
	var files []string
	for i := range s.credentials {
		for _, from := range s.credentials[i].Secrets {
			if from.GetFile() != "" {
				files = append(files, from.GetFile())
			}
		}
	}
	return files
}

// Basic says whether there is Basic authentication among the credentials.
func (s *Set) Basic() bool {
	return slices.ContainsFunc(s.sources, func(from source) bool { return from.basic })
}

// Reload reads the secrets again and says whether that changed anything. From then on no other secrets are good, on
// connections that live either. Where it returns an error those of before stay. It is for one goroutine at a time.
func (s *Set) Reload() (changed bool, err error) {
	var secrets []secret
	var problems []error
	holders := map[digest]int{} // credentials by their secrets alone
	for i := range s.credentials {
		c := &s.credentials[i]
		for j, from := range c.Secrets {
			text, err := secretref.Read(from, MinSecret)
			alone := digest(sha256.Sum256([]byte(text)))
			if holder, ok := holders[alone]; ok && holder != i && err == nil {
				err = fmt.Errorf("%s: the secret of credential %s, too; each needs its own; %s", secretref.Place(from), s.credentials[holder].Name, secretref.Remedy)
			}
			if err != nil {
				problems = append(problems, &PlaceError{Credential: i, Place: j, Err: err})
				continue
			}
			holders[alone] = i
			if next := (secret{c.digest(text), i}); !slices.Contains(secrets, next) {
				secrets = append(secrets, next)
			}
		}
	}
	if len(problems) > 0 {
		return false, errors.Join(problems...)
	}
	old := s.secrets.Swap(&secrets)
	return old == nil || !slices.Equal(*old, secrets), nil
}

// Verify returns the credential whose secret a request's header presents. A secret that is wrong, or of no use here, does
// no harm beside one that is right; nobody is taken for two.
func (s *Set) Verify(header http.Header) (*Credential, *authn.Refusal) {
	var presented []digest
	var where []string
	for _, from := range s.sources {
		got, refusal := from.read(header)
		if refusal != nil {
			return nil, refusal
		}
		if got != nil {
			presented, where = append(presented, *got), append(where, from.String())
		}
	}
	if len(presented) == 0 {
		return nil, refuse(NoCredential, "none of the webhook's credentials", s.wanted)
	}
	matches, of := 0, 0
	for _, good := range *s.secrets.Load() {
		for _, got := range presented {
			equal := subtle.ConstantTimeCompare(good.digest[:], got[:])
			matches += equal
			of = subtle.ConstantTimeSelect(equal, good.of, of)
		}
	}
	switch matches {
	case 0:
		return nil, refuse(Mismatch, "a wrong secret in "+strings.Join(where, " and "), s.wanted)
	case 1:
		return &s.credentials[of], nil
	default:
		return nil, refuse(Malformed, "several credentials at once", "one")
	}
}
