package caller

import (
	"fmt"
	"log/slog"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The reasons of a refusal, beside those of package token. They are stable: metrics and alerts may count by them.
const (
	ReasonNoCertificate  = "no_certificate"     // the connection proves nobody
	ReasonNotAllowed     = "not_allowed"        // the peer is on no list
	ReasonMayNotAssert   = "may_not_assert"     // the peer sends our metadata, but is not asserting
	ReasonDuplicateKey   = "duplicate_key"      // a key of ours came more than once
	ReasonIncomplete     = "incomplete"         // some of the three keys came, but not all
	ReasonTooLarge       = "too_large"          // a value is longer than any real one
	ReasonUndecodable    = "undecodable"        // a value is not the message it has to be
	ReasonRequestIDDiffs = "request_id_differs" // the request id is not the one in the call reference
	ReasonMethod         = "METHOD_NOT_LISTED"  // Methods do not name the method
	ReasonCaller         = "CALLER_NOT_LISTED"  // they name it, for others
	ReasonProof          = "PROOF_MISSING"      // they name it, for callers of whom more is proven
)

// Refusal is the error of a call that a [Policy] did not accept. The peer gets its status, which says little; the
// error text and the log value say what was seen and what was wanted. A reason in capitals is told to the peer, too, as a
// google.rpc.ErrorInfo of the domain `intentgate`: who hears it is a program that may call.
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
		s := status.New(r.Code, "caller is not allowed")
		if r.Reason == strings.ToUpper(r.Reason) {
			if told, err := s.WithDetails(&errdetails.ErrorInfo{Domain: "intentgate", Reason: r.Reason}); err == nil {
				return told
			}
		}
		return s
	default:
		return status.New(r.Code, "caller metadata is malformed")
	}
}

// LogValue returns the refusal as a group.
func (r *Refusal) LogValue() slog.Value {
	return slog.GroupValue(slog.String("reason", r.Reason), slog.String("saw", r.Saw), slog.String("wanted", r.Wanted))
}
