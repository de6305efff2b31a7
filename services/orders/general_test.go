package orders_test

import (
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// fulfill asks the IntentService about a turn, which is JSON, and returns the reply.
func (s shop) fulfill(t *testing.T, turn string) (*intentgatev1.Reply, error) {
	t.Helper()
	req := &intentgatev1.FulfillRequest{}
	if err := protojson.Unmarshal([]byte(`{"turn": `+turn+`}`), req); err != nil {
		t.Fatal(err)
	}
	ctx, conn := s.as(t, req.GetTurn().GetPlatform(), "1.general")
	resp, err := intentgatev1.NewIntentServiceClient(conn).Fulfill(ctx, req)
	return resp.GetReply(), err
}

func TestFulfill(t *testing.T) {
	const (
		hello = "Hello! I can tell you where your order is, or cancel it. Just ask: where is order A-1042?"
		hallo = "Hallo! Ich sage Ihnen, wo Ihre Bestellung ist, oder storniere sie. Fragen Sie einfach: Wo ist Bestellung A-1042?"
		sorry = "Sorry, I did not get that. You can ask me where an order is, or to cancel one."
		leid  = "Das habe ich leider nicht verstanden. Fragen Sie mich, wo eine Bestellung ist, oder stornieren Sie eine."
	)
	shop := open(t)
	for name, c := range map[string]struct{ turn, want string }{
		"welcome on ES by action":      {`{"platform": "PLATFORM_ES", "language": "en", "action": "input.welcome"}`, hello},
		"welcome on ES by intent":      {`{"platform": "PLATFORM_ES", "language": "de-AT", "intent": {"displayName": "Default Welcome Intent"}}`, hallo},
		"welcome on CX":                {`{"platform": "PLATFORM_CX", "language": "fr", "tag": "welcome"}`, hello},
		"fallback on ES":               {`{"platform": "PLATFORM_ES", "action": "input.unknown", "intent": {"displayName": "Default Fallback Intent"}}`, sorry},
		"fallback on CX":               {`{"platform": "PLATFORM_CX", "language": "de", "tag": "fallback"}`, leid},
		"whatever else is routed here": {`{"platform": "PLATFORM_ES", "action": "faq.opening-hours"}`, sorry},
		"CX is known by its tag, not by the intent of an earlier page": {
			`{"platform": "PLATFORM_CX", "tag": "fallback", "intent": {"displayName": "Default Welcome Intent"}}`, sorry,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := shop.fulfill(t, c.turn)
			if want := (&intentgatev1.Reply{Texts: []string{c.want}}); err != nil || !proto.Equal(got, want) {
				t.Errorf("got %v, %v, want %v", got, err, want)
			}
		})
	}
}

func TestNoTurn(t *testing.T) {
	if _, err := open(t).fulfill(t, `null`); status.Code(err) != codes.InvalidArgument {
		t.Errorf("got %v, want INVALID_ARGUMENT", err)
	}
}
