package binding_test

import (
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/intentgate/intentgate/gateway/binding"
)

func TestHTTPStatus(t *testing.T) {
	for code, want := range map[codes.Code]int{
		codes.OK:                 200,
		codes.Canceled:           499,
		codes.Unknown:            500,
		codes.InvalidArgument:    400,
		codes.DeadlineExceeded:   504,
		codes.NotFound:           404,
		codes.AlreadyExists:      409,
		codes.PermissionDenied:   403,
		codes.ResourceExhausted:  429,
		codes.FailedPrecondition: 400,
		codes.Aborted:            409,
		codes.OutOfRange:         400,
		codes.Unimplemented:      501,
		codes.Internal:           500,
		codes.Unavailable:        503,
		codes.DataLoss:           500,
		codes.Unauthenticated:    401,
		codes.Code(99):           500,
	} {
		if got := binding.HTTPStatus(code); got != want {
			t.Errorf("%v: got %d, want %d", code, got, want)
		}
	}
}
