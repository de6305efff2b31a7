package orders_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

func TestCancellation(t *testing.T) {
	for _, kind := range []intentgatev1.Platform{es, cx, program} {
		t.Run(kind.String(), func(t *testing.T) {
			shop := open(t)
			expect := func(requestID, method, request, want string) {
				t.Helper()
				if resp, err := shop.ask(t, kind, requestID, method, request); err != nil || !strings.Contains(text(t, resp), want) {
					t.Errorf("%s: got %v, %v, want %q", method, resp, err, want)
				}
			}
			expect("1.a", "CancelOrder", `{"orderId": "A-1042"}`, "Shall I cancel it?")
			expect("1.b", "KeepOrder", `{"orderToCancel": "A-1042"}`, "stays as it is")
			expect("1.c", "TrackOrder", `{"orderId": "A-1042"}`, "is being packed")
			expect("1.d", "CancelOrder", `{"orderId": "A-1042"}`, "Shall I cancel it?")
			expect("1.e", "ConfirmCancellation", `{"orderToCancel": "A-1042"}`, "is cancelled")
			expect("1.f", "TrackOrder", `{"orderId": "A-1042"}`, "has been cancelled")
		})
	}
}

func TestEachTryHearsTheSame(t *testing.T) {
	for method, request := range map[string]string{
		"ConfirmCancellation": `{"orderToCancel": "B-2001"}`,
		"ReturnOrder":         `{"orderId": "A-1044"}`,
	} {
		t.Run(method, func(t *testing.T) {
			shop := open(t)
			first, err := shop.ask(t, cx, "1.first", method, request)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := shop.ask(t, cx, "1.first", method, request); err != nil || !proto.Equal(first, again) {
				t.Errorf("the second try hears %v, %v, the first heard %v", again, err, first)
			}
			if other, err := shop.ask(t, cx, "1.other", method, request); status.Code(err) != codes.FailedPrecondition {
				t.Errorf("another call hears %v, %v, want that it is done already", other, err)
			}
		})
	}
}
