package backend

import (
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Call is one call of a unary method, and what came of it.
type Call struct {
	// Method is its full name, such as /intentgate.v1.IntentService/Fulfill.
	Method string
	// Request is the encoded request. It must never be changed again, not even after Invoke has returned: it may still be
	// on its way out.
	Request []byte
	// Idempotent says that the method may be called again with the same request.
	Idempotent bool
	// Session is whose call it is, for affinity. It is not sent, but for a hash of it on xds.
	Session string

	// Tries is how often the service was called. Invoke sets it, with or without an error.
	Tries int
	// Queued is how long the call waited for its turn before that. Invoke sets it, too.
	Queued time.Duration
	// Failed are the tries that another one followed. Invoke sets them, too.
	Failed []Try
}

// Try is how a try of a call ended.
type Try struct {
	Ended time.Time
	Code  codes.Code
}

// Reason is why the gateway itself, and not the service, ended a call: stable, snake_case, out of a fixed set.
type Reason string

// The reasons.
const (
	CircuitOpen      Reason = "circuit_open"       // too many calls have failed
	QueueFull        Reason = "queue_full"         // too many calls wait already
	QueueTimeout     Reason = "queue_timeout"      // the call has waited for too long
	ResponseTooLarge Reason = "response_too_large" // the service answered, with more than is read
)

// Refused is an error of the gateway's own: with ResponseTooLarge the service was called, with all others it was not.
type Refused struct {
	Reason Reason
	Code   codes.Code
	Detail string // for the log
}

// Error says why.
func (r *Refused) Error() string { return r.Detail }

// GRPCStatus is the error as a status.
func (r *Refused) GRPCStatus() *status.Status { return status.New(r.Code, r.Detail) }
