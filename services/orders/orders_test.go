package orders_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// The answers that several cases get.
const (
	tracked = `{"text": "Order A-1042, two stoneware mugs, is being packed. DHL should bring it on Thursday, 3 December.",
		"orderId": "A-1042", "status": "ORDER_STATUS_PACKING", "day": {"year": 2026, "month": 12, "day": 3}, "warehouseNote": "bay 4, fragile"}`
	yesOrNo = `"reply": {"contexts": [{"name": "order-cancel-confirm", "lifespan": 2}]}`
	decided = `"reply": {"contexts": [{"name": "order-cancel-confirm"}]}`
)

func TestAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		kind                  intentgatev1.Platform
		method, request, want string
	}{
		"track by an agent":  {es, "TrackOrder", `{"orderId": "A-1042", "language": "en-US"}`, tracked},
		"track by a program": {program, "TrackOrder", `{"orderId": "A-1042"}`, tracked},
		"track in German": {
			cx, "TrackOrder", `{"orderId": "A-1044", "language": "deDE"}`,
			`{"text": "Bestellung A-1044, eine Tischdecke aus Leinen, wurde am Samstag, dem 28. November von UPS zugestellt.",
				"orderId": "A-1044", "status": "ORDER_STATUS_DELIVERED", "day": {"year": 2026, "month": 11, "day": 28},
				"warehouseNote": "left with the neighbour"}`,
		},
		"a number is understood however it is written": {cx, "TrackOrder", `{"orderId": "  a-1042 "}`, tracked},

		"list a period, its ends included": {
			es, "ListOrders", `{"period": {"start": {"year": 2026, "month": 11, "day": 27}, "end": {"year": 2026, "month": 11, "day": 28}}}`,
			`{"texts": ["Order B-2003, a teapot and a strainer, is on its way. Hermes should bring it on Wednesday, 2 December.",
					"Order A-1043, a walnut chopping board, is on its way. DHL should bring it on Tuesday, 1 December."],
				"orders": [{"orderId": "B-2003", "status": "ORDER_STATUS_SHIPPED", "orderedOn": {"year": 2026, "month": 11, "day": 28}},
					{"orderId": "A-1043", "status": "ORDER_STATUS_SHIPPED", "orderedOn": {"year": 2026, "month": 11, "day": 27}}],
				"count": 2}`,
		},
		"list a status": {
			cx, "ListOrders", `{"status": "ORDER_STATUS_CANCELLED", "language": "de"}`,
			`{"texts": ["Bestellung A-1045, sechs Weingläser, wurde storniert."],
				"orders": [{"orderId": "A-1045", "status": "ORDER_STATUS_CANCELLED", "orderedOn": {"year": 2026, "month": 11, "day": 23}}],
				"count": 1}`,
		},
		"list nothing": {
			es, "ListOrders", `{"period": {"start": {"year": 2026, "month": 12, "day": 1}}}`, `{"texts": ["I can't find any such orders."]}`,
		},

		"cancel on ES asks, and lets yes and no match": {
			es, "CancelOrder", `{"orderId": "A-1042", "language": "de"}`,
			`{"text": "Bestellung A-1042, zwei Steingutbecher, ist noch bei uns. Soll ich sie stornieren?", "orderToCancel": "A-1042", ` + yesOrNo + `}`,
		},
		"cancel on CX asks": {
			cx, "CancelOrder", `{"orderId": "A-1042"}`,
			`{"text": "Order A-1042, two stoneware mugs, has not left us yet. Shall I cancel it?", "orderToCancel": "A-1042"}`,
		},
		"confirm on ES": {
			es, "ConfirmCancellation", `{"orderToCancel": "A-1042"}`,
			`{"text": "Done: order A-1042 is cancelled, and you will get your money back.", ` + decided + `}`,
		},
		"confirm on CX": {
			cx, "ConfirmCancellation", `{"orderToCancel": "A-1042", "language": "de"}`,
			`{"text": "Erledigt: Bestellung A-1042 ist storniert, und Sie erhalten Ihr Geld zurück."}`,
		},
		"keep": {es, "KeepOrder", `{"orderToCancel": "A-1042"}`, `{"text": "All right, order A-1042 stays as it is.", ` + decided + `}`},

		"return some": {
			es, "ReturnOrder", `{"orderId": "C-3100", "items": [{"product": "Soup-bowl", "quantity": 2}, {"product": "ladle"}]}`,
			`{"text": "All right: as soon as it is back with us, you get €51.00 for order C-3100.", "refund": {"currencyCode": "EUR", "units": "51"}}`,
		},
		"return all": {
			cx, "ReturnOrder", `{"orderId": "A-1044", "language": "de"}`,
			`{"text": "Gut: Sobald es wieder bei uns ist, erhalten Sie 59,50 € für Bestellung A-1044.",
				"refund": {"currencyCode": "EUR", "units": "59", "nanos": 500000000}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := open(t).ask(t, c.kind, "1.a", c.method, c.request)
			if err != nil {
				t.Fatal(err)
			}
			if want := message(t, got.ProtoReflect().Descriptor(), c.want); !proto.Equal(got, want) {
				t.Errorf("got  %s\nwant %s", protojson.Format(got), protojson.Format(want))
			}
		})
	}
}

// TestRefusals has agents and a program get the same statuses, whose details tell an agent what to do.
func TestRefusals(t *testing.T) {
	const (
		forgotten = `{"sessionParameters": {"order_to_cancel": null}}`
		onES      = `{"sessionParameters": {"order_to_cancel": null}, "contexts": [{"name": "order-cancel-confirm"}]}`
		tooMany   = "Order C-3100, six soup bowls and a ladle, has no such thing left to send back, or not that many."
	)
	for _, c := range []struct {
		method, request string
		want            codes.Code
		words           string
		field           string // at fault
		reply           string // CX and programs; on ES the context ends as well
	}{
		{
			"TrackOrder", `{"orderId": "Z-9"}`, codes.NotFound,
			"I can't find an order with that number. It is a letter, a dash and four digits, such as A-1042.", "order_id", "",
		},
		{"TrackOrder", `{"language": "de"}`, codes.InvalidArgument, "Welche Bestellung meinen Sie? Die Nummer sieht aus wie A-1042.", "order_id", ""},
		{
			"CancelOrder", `{"orderId": "Z-9", "language": "de"}`, codes.NotFound,
			"Unter dieser Nummer finde ich keine Bestellung. Sie besteht aus einem Buchstaben, einem Strich und vier Ziffern, zum Beispiel A-1042.", "order_id", forgotten,
		},
		{
			"CancelOrder", `{"orderId": "A-1043"}`, codes.FailedPrecondition,
			"Order A-1043 can't be cancelled any more: it is already on its way. You can refuse it at the door.", "", forgotten,
		},
		{
			"CancelOrder", `{"orderId": "A-1044"}`, codes.FailedPrecondition,
			"Order A-1044 can't be cancelled any more: it was delivered on Saturday, 28 November. You can send it back within 14 days.", "", forgotten,
		},
		{"CancelOrder", `{"orderId": "A-1045", "language": "de"}`, codes.FailedPrecondition, "Bestellung A-1045 ist bereits storniert.", "", forgotten},
		{"ConfirmCancellation", `{"orderToCancel": "A-1043"}`, codes.FailedPrecondition, // it has left meanwhile
			"Order A-1043 can't be cancelled any more: it is already on its way. You can refuse it at the door.", "", forgotten},
		{"ConfirmCancellation", `{}`, codes.InvalidArgument, "There is nothing to confirm. Which order would you like to cancel?", "", forgotten},
		{
			"KeepOrder", `{"orderToCancel": "Z-9"}`, codes.NotFound,
			"I can't find an order with that number. It is a letter, a dash and four digits, such as A-1042.", "order_to_cancel", forgotten,
		},
		{"ReturnOrder", `{"orderId": "A-1042"}`, codes.FailedPrecondition, "Order A-1042 has not been delivered, so there is nothing to send back.", "", ""},
		{
			"ReturnOrder", `{"orderId": "C-3100", "items": [{"product": "soup-bowl", "quantity": 4}, {"product": "soup-bowl", "quantity": 3}]}`,
			codes.FailedPrecondition, tooMany, "items", "",
		},
		{"ReturnOrder", `{"orderId": "C-3100", "items": [{"product": "soup-bowl", "quantity": -1}]}`, codes.FailedPrecondition, tooMany, "items", ""},
		{
			"ReturnOrder", `{"orderId": "A-1044", "items": [{"product": "pan"}], "language": "de"}`, codes.FailedPrecondition,
			"Das ist von Bestellung A-1044, eine Tischdecke aus Leinen, nicht mehr zurückzuschicken, oder nicht so viel davon.", "items", "",
		},
	} {
		for _, kind := range []intentgatev1.Platform{es, cx, program} {
			_, err := open(t).ask(t, kind, "1.a", c.method, c.request)
			language := "en"
			if strings.Contains(c.request, `"de"`) {
				language = "de"
			}
			want := []proto.Message{&errdetails.LocalizedMessage{Locale: language, Message: c.words}}
			if c.reply != "" {
				reply := c.reply
				if kind == es {
					reply = onES
				}
				want = append(want, message(t, (&intentgatev1.Reply{}).ProtoReflect().Descriptor(), reply))
			}
			got := status.Convert(err)
			field := ""
			for _, detail := range got.Details() {
				if bad, ok := detail.(*errdetails.BadRequest); ok {
					field = bad.GetFieldViolations()[0].GetField()
					continue
				}
				if said, ok := detail.(proto.Message); !ok || !slices.ContainsFunc(want, func(m proto.Message) bool { return proto.Equal(m, said) }) {
					t.Errorf("%s %s %s: a detail is %v, want one of %v", kind, c.method, c.request, detail, want)
				}
			}
			details := len(want)
			if c.field != "" {
				details++
			}
			if got.Code() != c.want || field != c.field || len(got.Details()) != details {
				t.Errorf("%s %s %s: got %v with %v, want %s for %q", kind, c.method, c.request, err, got.Details(), c.want, c.field)
			}
		}
	}
}

func TestNothingIsLeftToFillIn(t *testing.T) {
	shop := open(t)
	for _, id := range []string{"A-1042", "A-1043", "A-1044", "A-1045", "B-2001", "B-2002", "B-2003", "C-3100"} {
		for _, method := range []string{"TrackOrder", "CancelOrder", "ReturnOrder"} {
			for _, language := range []string{"en", "de"} {
				resp, err := shop.ask(t, cx, "1."+id+method+language, method, `{"orderId": "`+id+`", "language": "`+language+`"}`)
				words := text(t, resp)
				for _, detail := range status.Convert(err).Details() {
					if said, ok := detail.(*errdetails.LocalizedMessage); ok {
						words = said.GetMessage()
					}
				}
				if !strings.Contains(words, id) || strings.ContainsAny(words, "{}") || strings.Contains(words, ", ,") {
					t.Errorf("%s %s in %s: %q", method, id, language, words)
				}
			}
		}
	}
}

// text returns what a response says.
func text(t *testing.T, resp proto.Message) string {
	t.Helper()
	spoken, ok := resp.(interface{ GetText() string })
	if !ok {
		t.Fatalf("%T says nothing", resp)
	}
	return spoken.GetText()
}
