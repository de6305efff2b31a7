package binding

import (
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/codes"
)

// HTTPStatus maps the code of a gRPC status to the HTTP status that Dialogflow gets to see.
//
// Designers of CX agents handle it as an event, which is why the table is that of grpc-gateway and no other:
//
//	400       webhook.error.bad-request  InvalidArgument, FailedPrecondition, OutOfRange
//	401, 403  webhook.error.rejected     Unauthenticated, PermissionDenied
//	503       webhook.error.unavailable  Unavailable
//	504       webhook.error              DeadlineExceeded; webhook.error.timeout is raised by Dialogflow's own clock only
//	others    webhook.error
//
// On ES any of them makes the agent say the intent's built-in response.
func HTTPStatus(code codes.Code) int { return runtime.HTTPStatusFromCode(code) }

// CXEvent returns the event that CX raises for an HTTP status which is no success.
func CXEvent(httpStatus int) string {
	switch httpStatus {
	case http.StatusBadRequest:
		return "webhook.error.bad-request"
	case http.StatusUnauthorized, http.StatusForbidden:
		return "webhook.error.rejected"
	case http.StatusServiceUnavailable:
		return "webhook.error.unavailable"
	default:
		return "webhook.error"
	}
}
