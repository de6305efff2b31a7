package fallback

import (
	"slices"

	"google.golang.org/grpc/codes"
)

// Cause is why a turn has no answer of a service's.
type Cause uint8

// The causes. A new one wants its name, and a rule in config.proto.
const (
	Timeout     Cause = iota // the service was not done in time
	Unavailable              // it cannot be reached, or says so itself
	Overloaded               // it has too much to do
	Refused                  // it refuses, without a word for the user
	Invalid                  // a value does not fit, and nobody has words for that
	Internal                 // it failed, its answer is of no use, or nobody answers such turns

	causes = iota
)

var causeNames = [...]string{"timeout", "unavailable", "overloaded", "refused", "invalid", "internal"}

// String returns the cause as the configuration names it.
func (c Cause) String() string { return causeNames[c] }

// Causes returns all of them.
func Causes() []Cause { return []Cause{Timeout, Unavailable, Overloaded, Refused, Invalid, Internal} }

// CauseOf returns the cause behind the code of a failure.
func CauseOf(code codes.Code) Cause {
	switch code {
	case codes.DeadlineExceeded, codes.Canceled:
		return Timeout
	case codes.Unavailable:
		return Unavailable
	case codes.ResourceExhausted:
		return Overloaded
	case codes.InvalidArgument, codes.OutOfRange:
		return Invalid
	case codes.NotFound, codes.AlreadyExists, codes.PermissionDenied, codes.Unauthenticated, codes.FailedPrecondition, codes.Aborted:
		return Refused
	default:
		return Internal
	}
}

// causeNamed returns the cause of a name.
func causeNamed(name string) (Cause, bool) {
	i := slices.Index(causeNames[:], name)
	return Cause(max(i, 0)), i >= 0 //nolint:gosec // there are few
}
