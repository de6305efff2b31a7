package orders_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/orders"
)

// monday is the day on which the shop opens in these tests.
var monday = time.Date(2026, time.November, 30, 9, 0, 0, 0, time.UTC)

// request reads a FulfillRequest from JSON: the tests show what a service is really asked.
func request(t *testing.T, text string) *intentgatev1.FulfillRequest {
	t.Helper()
	req := &intentgatev1.FulfillRequest{}
	if err := protojson.Unmarshal([]byte(text), req); err != nil {
		t.Fatalf("request %s: %v", text, err)
	}
	return req
}

func TestFulfill(t *testing.T) {
	const (
		es   = `"platform": "PLATFORM_ES"`
		cx   = `"platform": "PLATFORM_CX"`
		form = `"page": {"form": [{"name": "order_id", "required": true, "state": "FILLED", "value": "Z-9"}]}`
	)
	cases := map[string]struct{ turn, parameters, want string }{
		"welcome on ES by action": {
			es + `, "language": "en", "action": "input.welcome"`, `{}`,
			`{"texts": ["Hello! I can tell you where your order is, or cancel it. Just ask: where is order A-1042?"]}`,
		},
		"welcome on ES by intent": {
			es + `, "language": "de-AT", "intent": {"displayName": "Default Welcome Intent"}`, `{}`,
			`{"texts": ["Hallo! Ich sage Ihnen, wo Ihre Bestellung ist, oder storniere sie. Fragen Sie einfach: Wo ist Bestellung A-1042?"]}`,
		},
		"welcome on CX": {
			cx + `, "language": "fr", "tag": "welcome"`, `{}`,
			`{"texts": ["Hello! I can tell you where your order is, or cancel it. Just ask: where is order A-1042?"]}`,
		},
		"fallback on ES": {
			es + `, "language": "en", "action": "input.unknown", "intent": {"displayName": "Default Fallback Intent"}`, `{}`,
			`{"texts": ["Sorry, I did not get that. You can ask me where an order is, or to cancel one."]}`,
		},
		"fallback on CX": {
			cx + `, "language": "de", "tag": "fallback"`, `{}`,
			`{"texts": ["Das habe ich leider nicht verstanden. Fragen Sie mich, wo eine Bestellung ist, oder stornieren Sie eine."]}`,
		},
		"whatever else is routed here": {
			es + `, "action": "faq.opening-hours"`, `{}`,
			`{"texts": ["Sorry, I did not get that. You can ask me where an order is, or to cancel one."]}`,
		},
		"CX is routed by its tag, not by the intent of an earlier page": {
			cx + `, "tag": "fallback", "intent": {"displayName": "order.track"}`, `{"order_id": "A-1042"}`,
			`{"texts": ["Sorry, I did not get that. You can ask me where an order is, or to cancel one."]}`,
		},

		"track on ES": {
			es + `, "language": "en-US", "action": "order.track"`, `{"order_id": "A-1042"}`,
			`{"texts": ["Order A-1042, two stoneware mugs, is being packed. DHL should bring it on Thursday, 3 December."]}`,
		},
		"track on CX": {
			cx + `, "language": "de", "tag": "track-order"`, `{"order_id": "A-1043"}`,
			`{"texts": ["Bestellung A-1043, ein Schneidebrett aus Nussholz, ist unterwegs. DHL bringt sie voraussichtlich am Dienstag, dem 1. Dezember."]}`,
		},
		"track what was delivered": {
			es + `, "language": "deDE", "intent": {"displayName": "order.track"}`, `{"orderId": "A-1044"}`,
			`{"texts": ["Bestellung A-1044, eine Tischdecke aus Leinen, wurde am Samstag, dem 28. November von UPS zugestellt."]}`,
		},
		"track what was cancelled": {
			cx + `, "language": "en", "tag": "track-order"`, `{"order-id": "A-1045"}`,
			`{"texts": ["Order A-1045, six wine glasses, has been cancelled."]}`,
		},
		"a number is understood however it is written": {
			es + `, "action": "order.track"`, `{"order_id": "", "order-id": "  a-1045 "}`,
			`{"texts": ["Order A-1045, six wine glasses, has been cancelled."]}`,
		},

		"unknown number on ES": {
			es + `, "action": "order.track"`, `{"order_id": "Z-9"}`,
			`{"texts": ["I can't find an order with that number. It is a letter, a dash and four digits, such as A-1042."]}`,
		},
		"unknown number that a CX form has just filled in is asked for again": {
			cx + `, "tag": "track-order", ` + form, `{"order_id": "Z-9"}`,
			`{"texts": ["I can't find an order with that number. It is a letter, a dash and four digits, such as A-1042."],
			  "formParameters": [{"name": "order_id", "invalid": true}]}`,
		},
		"unknown number of an earlier CX page leaves another form alone": {
			cx + `, "tag": "cancel-order", "page": {"form": [{"name": "reason", "state": "FILLED", "value": "Z-9"}]}`, `{"order_id": "Z-9"}`,
			`{"texts": ["I can't find an order with that number. It is a letter, a dash and four digits, such as A-1042."]}`,
		},
		"unknown number of the session leaves an empty CX form alone": {
			cx + `, "tag": "track-order", "page": {"form": [{"name": "order_id", "state": "EMPTY"}]}`, `{"order_id": "Z-9"}`,
			`{"texts": ["I can't find an order with that number. It is a letter, a dash and four digits, such as A-1042."]}`,
		},
		"ES prompts for a missing number": {
			es + `, "action": "order.track", "fillingSlots": true`, `{"order_id": ""}`, ``,
		},
		"CX prompts for a missing number": {
			cx + `, "tag": "cancel-order", "page": {"form": [{"name": "order_id", "state": "EMPTY"}]}`, `{}`, ``,
		},
		"nobody prompts for a missing number": {
			es + `, "language": "de", "action": "order.cancel"`, `{}`,
			`{"texts": ["Welche Bestellung meinen Sie? Die Nummer sieht aus wie A-1042."]}`,
		},

		"cancel on ES asks, and lets yes and no match": {
			es + `, "language": "de", "action": "order.cancel"`, `{"order_id": "A-1042"}`,
			`{"texts": ["Bestellung A-1042, zwei Steingutbecher, ist noch bei uns. Soll ich sie stornieren?"],
			  "sessionParameters": {"order_to_cancel": "A-1042"}, "contexts": [{"name": "order-cancel-confirm", "lifespan": 2}]}`,
		},
		"cancel on CX asks": {
			cx + `, "language": "en", "tag": "cancel-order"`, `{"order_id": "A-1042"}`,
			`{"texts": ["Order A-1042, two stoneware mugs, has not left us yet. Shall I cancel it?"],
			  "sessionParameters": {"order_to_cancel": "A-1042"}}`,
		},
		"too late to cancel: on its way": {
			cx + `, "tag": "cancel-order"`, `{"order_id": "A-1043"}`,
			`{"texts": ["Order A-1043 can't be cancelled any more: it is already on its way. You can refuse it at the door."]}`,
		},
		"too late to cancel: delivered": {
			es + `, "action": "order.cancel"`, `{"order_id": "A-1044"}`,
			`{"texts": ["Order A-1044 can't be cancelled any more: it was delivered on Saturday, 28 November. You can send it back within 14 days."]}`,
		},
		"too late to cancel: cancelled": {
			es + `, "language": "de", "action": "order.cancel"`, `{"order_id": "A-1045"}`,
			`{"texts": ["Bestellung A-1045 ist bereits storniert."]}`,
		},
		"confirm on ES": {
			es + `, "action": "order.cancel.confirm", "sessionParameters": {"order_to_cancel": "A-1042"}`, `{}`,
			`{"texts": ["Done: order A-1042 is cancelled, and you will get your money back."],
			  "sessionParameters": {"order_to_cancel": null}, "contexts": [{"name": "order-cancel-confirm"}]}`,
		},
		"confirm on CX": {
			cx + `, "language": "de", "tag": "confirm-cancel", "sessionParameters": {"order_to_cancel": "A-1042"}`, `{}`,
			`{"texts": ["Erledigt: Bestellung A-1042 ist storniert, und Sie erhalten Ihr Geld zurück."],
			  "sessionParameters": {"order_to_cancel": null}}`,
		},
		"confirm what has left meanwhile": {
			cx + `, "tag": "confirm-cancel", "sessionParameters": {"order_to_cancel": "A-1043"}`, `{}`,
			`{"texts": ["Order A-1043 can't be cancelled any more: it is already on its way. You can refuse it at the door."],
			  "sessionParameters": {"order_to_cancel": null}}`,
		},
		"confirm nothing": {
			es + `, "intent": {"displayName": "order.cancel - yes"}`, `{"order_id": "A-1042"}`,
			`{"texts": ["There is nothing to confirm. Which order would you like to cancel?"]}`,
		},
		"deny on ES": {
			es + `, "intent": {"displayName": "order.cancel - no"}, "sessionParameters": {"order_to_cancel": "A-1042"}`, `{}`,
			`{"texts": ["All right, order A-1042 stays as it is."],
			  "sessionParameters": {"order_to_cancel": null}, "contexts": [{"name": "order-cancel-confirm"}]}`,
		},
		"deny on CX": {
			cx + `, "language": "de", "tag": "deny-cancel", "sessionParameters": {"order_to_cancel": "A-1042"}`, `{}`,
			`{"texts": ["Gut, Bestellung A-1042 bleibt, wie sie ist."], "sessionParameters": {"order_to_cancel": null}}`,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			want := &intentgatev1.FulfillResponse{}
			if c.want != "" {
				want.Reply = &intentgatev1.Reply{}
				if err := protojson.Unmarshal([]byte(c.want), want.Reply); err != nil {
					t.Fatal(err)
				}
			}
			req := request(t, `{"turn": {`+c.turn+`}, "parameters": `+c.parameters+`}`)
			got, err := orders.New(monday).Fulfill(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(got, want) {
				t.Errorf("got  %s\nwant %s", protojson.Format(got), protojson.Format(want))
			}
		})
	}
}

func TestNothingIsLeftToFillIn(t *testing.T) {
	shop := orders.New(monday)
	for _, id := range []string{"A-1042", "A-1043", "A-1044", "A-1045", "B-2001", "B-2002", "B-2003", "C-3100"} {
		for _, tag := range []string{"track-order", "cancel-order"} {
			for _, language := range []string{"en", "de"} {
				req := request(t, `{"turn": {"platform": "PLATFORM_CX", "tag": "`+tag+`", "language": "`+language+`"}, "parameters": {"order_id": "`+id+`"}}`)
				resp, err := shop.Fulfill(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				words := strings.Join(resp.GetReply().GetTexts(), " ")
				if !strings.Contains(words, id) || strings.ContainsAny(words, "{}") || strings.Contains(words, ", ,") {
					t.Errorf("%s %s in %s: %q", tag, id, language, words)
				}
			}
		}
	}
}

func TestNoTurn(t *testing.T) {
	_, err := orders.New(monday).Fulfill(t.Context(), &intentgatev1.FulfillRequest{})
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("got %v, want INVALID_ARGUMENT", err)
	}
}
