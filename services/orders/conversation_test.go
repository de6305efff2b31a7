package orders_test

import (
	"strings"
	"testing"

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
			ask := func(requestID string) proto.Message {
				resp, err := shop.ask(t, cx, requestID, method, request)
				if err != nil {
					t.Fatal(err)
				}
				return resp
			}
			first := ask("1.first")
			if again := ask("1.first"); !proto.Equal(first, again) {
				t.Errorf("the second try hears %v, the first heard %v", again, first)
			}
			if other := ask("1.other"); proto.Equal(first, other) {
				t.Errorf("another call hears the same: %v", other)
			}
		})
	}
}
