package caller

import (
	"fmt"
	"log/slog"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The reasons of a refusal. They are stable: metrics and alerts may count by them.
const (
	ReasonNoCertificate  = "no_certificate"     // the connection proves nobody
	ReasonNotAllowed     = "not_allowed"        // the peer is on no list
	ReasonMayNotAssert   = "may_not_assert"     // the peer sends our metadata, but is not asserting
	ReasonDuplicateKey   = "duplicate_key"      // a key of ours came more than once
	ReasonIncomplete     = "incomplete"         // some of the three keys came, but not all
	ReasonTooLarge       = "too_large"          // a value is longer than any real one
	ReasonUndecodable    = "undecodable"        // a value is not the message it has to be
	ReasonRequestIDDiffs = "request_id_differs" // the request id is not the one in the call reference
)

// Refusal is the error of a call that a [Policy] did not accept. The peer gets its status, which says little; the
// error text and the log value say what was seen and what was wanted.
type Refusal struct {
	Code   codes.Code
	Reason string
	Saw    string
	Wanted string
}

// Error is for the log of the service, not for the peer.
func (r *Refusal) Error() string {
	return fmt.Sprintf("caller refused (%s): saw %s, wanted %s", r.Reason, r.Saw, r.Wanted)
}

// GRPCStatus is what the peer gets.
func (r *Refusal) GRPCStatus() *status.Status {
	switch r.Code {
	case codes.Unauthenticated:
		return status.New(r.Code, "a client certificate is required")
	case codes.PermissionDenied:
		return status.New(r.Code, "caller is not allowed")
	default:
		return status.New(r.Code, "caller metadata is malformed")
	}
}

// LogValue returns the refusal as a group.
func (r *Refusal) LogValue() slog.Value {
	return slog.GroupValue(slog.String("reason", r.Reason), slog.String("saw", r.Saw), slog.String("wanted", r.Wanted))
}
