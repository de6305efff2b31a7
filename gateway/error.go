package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/intentgate/intentgate/gateway/admission"
	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/idtoken"
	"github.com/intentgate/intentgate/gateway/backend"
	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/callertoken"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/edge"
	"github.com/intentgate/intentgate/gateway/fallback"
	"github.com/intentgate/intentgate/gateway/joins"
	"github.com/intentgate/intentgate/gateway/mux"
	"github.com/intentgate/intentgate/gateway/telemetry"
)

// Error is why a turn has no answer of a service. Code and Public are what the caller gets to see; Reason and Detail are for the
// log. The cause is told to neither, unless the log is to tell the kind of users' data that it is.
type Error struct {
	Code   codes.Code
	Reason string // stable, snake_case, out of a fixed set: a metric's label
	Public string // one sentence
	Detail string // of the reason, in words that hold nothing of a user's; may be empty
	cause  error
	kind   telemetry.UserData // of the cause's text; empty: it is never told

	violations []binding.Violation // of a turn that does not fit the request
	instead    codes.Code          // a status that is answered on purpose; OK: its own
}

// Error returns what the log tells.
func (e *Error) Error() string { return strings.TrimSuffix(e.Reason+": "+e.Detail, ": ") }

// Unwrap returns the private cause, or nil.
func (e *Error) Unwrap() error { return e.cause }

// GRPCStatus is the public part.
func (e *Error) GRPCStatus() *status.Status { return status.New(e.Code, e.Public) }

// httpStatus is what the one table says, unless the request was wrong in a way for which HTTP has its own words.
func (e *Error) httpStatus() int {
	if request, ok := errors.AsType[*edge.RequestError](e.cause); ok {
		return request.Status
	}
	if own, ok := errors.AsType[*backend.Refused](e.cause); ok && own.Code == codes.ResourceExhausted {
		return http.StatusServiceUnavailable // it is not the caller who asks for too much
	}
	return binding.HTTPStatus(e.Code)
}

// fallbackCause is what the configuration calls the failure. A turn that nobody takes is the gateway's own, not a refusal.
func (e *Error) fallbackCause() fallback.Cause {
	switch {
	case e.Reason == unrouted:
		return fallback.Internal
	case e.overloaded():
		return fallback.Overloaded
	case e.Reason == string(joins.Unknown), e.Reason == string(joins.Foreign), e.Reason == string(joins.Used):
		return fallback.Timeout // the user has waited for an answer
	default:
		return fallback.CauseOf(e.Code)
	}
}

// overloaded says that the gateway has no place for the turn.
func (e *Error) overloaded() bool {
	switch admission.Reason(e.Reason) {
	case admission.Turns, admission.Bytes, admission.Share, admission.Rate:
		return true
	default:
		return false
	}
}

// write answers with the public part, and returns the HTTP status.
func (e *Error) write(w http.ResponseWriter) (httpStatus int) {
	if request, ok := errors.AsType[*edge.RequestError](e.cause); ok {
		request.SetHeader(w.Header())
	}
	code, public, httpStatus := e.Code, e.Public, e.httpStatus()
	if e.instead != codes.OK {
		code, public, httpStatus = e.instead, sentence(e.instead), binding.HTTPStatus(e.instead)
	}
	mux.WriteError(w, httpStatus, code, public)
	return httpStatus
}

// Reasons that have consequences.
const (
	badRequest = "bad_request" // whoever wrote it gets to know, and nobody else
	unrouted   = "no_route"
	callerLeft = "caller_left" // nobody hears what is answered
)

// refused says as little as it can: what was wanted would help an attacker.
func refused(refusal *authn.Refusal) *Error {
	return &Error{
		Code: codes.PermissionDenied, Reason: string(refusal.Reason), Public: "the caller is not allowed here",
		Detail: refusal.Error(), cause: refusal,
	}
}

// unauthenticated says nothing of why a token or a secret will not do, or that another one might. Keys that cannot be had are no fault
// of the caller's.
func unauthenticated(refusal *authn.Refusal) *Error {
	if refusal.Reason == idtoken.KeysUnavailable {
		return &Error{
			Code: codes.Unavailable, Reason: string(refusal.Reason), Public: "tokens cannot be verified now",
			Detail: refusal.Error(), cause: refusal,
		}
	}
	return &Error{
		Code: codes.Unauthenticated, Reason: string(refusal.Reason), Public: "the caller has not proven who it is",
		Detail: refusal.Error(), cause: refusal,
	}
}

// unreadable says where the request is wrong, since whoever reads it wrote it. The log hears of the place, not what stands there.
func unreadable(err error) *Error {
	failure := &Error{Code: codes.InvalidArgument, Reason: badRequest, Public: err.Error(), Detail: "the body cannot be read", cause: err}
	if wrong, ok := errors.AsType[*dialogflow.SyntaxError](err); ok {
		failure.Detail = "at " + cmp.Or(wrong.Path, "the body")
	} else if request, ok := errors.AsType[*edge.RequestError](err); ok {
		failure.Detail = request.Error()
	}
	return failure
}

// unfit is a turn that does not fit the method's request. The log hears of the fields, not what the user said.
func unfit(err error) *Error {
	invalid, ok := errors.AsType[*binding.InvalidError](err)
	if !ok {
		return &Error{
			Code: codes.Internal, Reason: "internal", Public: sentence(codes.Internal), Detail: "the request cannot be made, or its rules not be checked",
			cause: err, kind: telemetry.Violations,
		}
	}
	fields := make([]string, len(invalid.Violations))
	for i := range invalid.Violations {
		v := &invalid.Violations[i]
		if fields[i] = fmt.Sprintf("%s, from parameters %q", v.Field, v.Parameters); v.Rule != "" {
			fields[i] += ", by its rule " + v.Rule
		}
	}
	return &Error{
		Code: codes.InvalidArgument, Reason: "bad_parameter", Public: invalid.Error(),
		Detail: "the turn does not fit the fields " + strings.Join(fields, "; "),
		cause:  invalid, kind: telemetry.Violations, violations: invalid.Violations,
	}
}

// tooLong is a request whose session or turn id no metadata holds.
func tooLong(err error) *Error {
	return &Error{
		Code: codes.InvalidArgument, Reason: badRequest, Public: "the session or the turn's id is too long to be passed on",
		Detail: err.Error(), cause: err, // which holds lengths only
	}
}

// unsigned is a call for which no token can be made.
func unsigned(err error) *Error {
	code, reason := codes.Internal, "internal"
	if errors.Is(err, callertoken.ErrNobody) { // nor a connection
		code, reason = codes.Unavailable, "unavailable"
	}
	return &Error{Code: code, Reason: reason, Public: sentence(code), Detail: err.Error(), cause: err}
}

// overloaded is a turn that finds no place. Whose project has too much of it hears so: others are served.
func overloaded(reason admission.Reason) *Error {
	if reason == admission.Share || reason == admission.Rate {
		return &Error{Code: codes.ResourceExhausted, Reason: string(reason), Public: "the project has too many turns"}
	}
	return &Error{Code: codes.Unavailable, Reason: string(reason), Public: "the gateway is overloaded"}
}

// leastCall is the time in which a call can have an answer. With less left, the service is not troubled.
const leastCall = 20 * time.Millisecond

// tooLate is a turn that came to its call when Dialogflow's time was over, or nearly.
func tooLate(left time.Duration) *Error {
	return &Error{
		Code: codes.DeadlineExceeded, Reason: "too_late", Public: sentence(codes.DeadlineExceeded),
		Detail: fmt.Sprintf("%s of Dialogflow's time were left for the call, and %s is the least", max(left, 0), leastCall),
	}
}

// panicked is a turn in which the gateway, or what it calls, has a fault.
func panicked() *Error {
	return &Error{
		Code: codes.Internal, Reason: "panic", Public: sentence(codes.Internal), Detail: "something panicked; the log has the stack",
	}
}

func noRoute() *Error {
	return &Error{Code: codes.NotFound, Reason: unrouted, Public: "no route takes this turn"}
}

// notLearnt is a turn that a service may answer, which has not been reached since the gateway started.
func notLearnt(service string) *Error {
	return &Error{
		Code: codes.Unavailable, Reason: "not_learnt", Public: sentence(codes.Unavailable),
		Detail: fmt.Sprintf("service %s has not told yet whether the turn is one of its intents", service),
	}
}

// unanswered is a call that ended in a status, unless the caller left before it did. Its text and its details stay inside.
func unanswered(left bool, err error) *Error {
	if _, ok := errors.AsType[*Error](err); ok {
		return panicked() // a new one: this one may be that of many turns
	}
	failure := &Error{Code: status.Code(err), Reason: "service_status", cause: err, kind: telemetry.StatusTexts}
	own, refused := errors.AsType[*backend.Refused](err)
	switch {
	case left:
		failure.Code, failure.Reason = codes.Canceled, callerLeft
	case refused:
		failure.Reason, failure.Detail, failure.kind = string(own.Reason), own.Detail, ""
	case failure.Code > codes.Unauthenticated:
		failure.Code = codes.Unknown // a service may send any number
	case failure.Code == codes.DeadlineExceeded:
		failure.Reason = "deadline"
	case failure.Code == codes.Unavailable:
		failure.Reason = "unavailable"
	}
	failure.Public = sentence(failure.Code)
	failure.Detail = cmp.Or(failure.Detail, failure.Public)
	return failure
}

// unusable is an answer of a service's that cannot be sent. What is wrong with it may hold what it says.
func unusable(err error) *Error {
	failure := &Error{
		Code: codes.Internal, Reason: "bad_reply", Public: sentence(codes.Internal), Detail: "the service's reply cannot be sent",
		cause: err, kind: telemetry.StatusTexts,
	}
	if large, ok := errors.AsType[*dialogflow.TooLargeError](err); ok {
		failure.Reason, failure.Detail = "reply_too_large", large.Error()
	}
	return failure
}

// sentence is all that the caller hears of a service's status.
func sentence(code codes.Code) string {
	switch code {
	case codes.DeadlineExceeded:
		return "the intent service did not answer in time"
	case codes.Unavailable:
		return "the intent service is not available"
	case codes.ResourceExhausted:
		return "the intent service is overloaded"
	case codes.Unimplemented:
		return "the intent service does not know the method"
	default:
		return "the intent service failed"
	}
}
