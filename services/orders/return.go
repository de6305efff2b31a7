package orders

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/grpc/codes"

	ordersv1 "github.com/intentgate/intentgate/gen/go/shop/orders/v1"
	"github.com/intentgate/intentgate/services/once"
	"github.com/intentgate/intentgate/services/refuse"
	"github.com/intentgate/intentgate/services/speech"
)

// ReturnOrder takes back goods of an order.
func (s *Service) ReturnOrder(ctx context.Context, req *ordersv1.ReturnOrderRequest) (*ordersv1.ReturnOrderResponse, error) {
	lang := speech.Of(req)
	return once.Do(ctx, s.answers, func() (*ordersv1.ReturnOrderResponse, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		o, err := s.find(lang, "order_id", req.GetOrderId())
		if err != nil {
			return nil, err
		}
		if o.status != delivered {
			return nil, no(codes.FailedPrecondition, lang, o.say(notDelivered, lang))
		}
		left, cents, ok := takeBack(o.goods, req.GetItems())
		if !ok {
			return nil, no(codes.FailedPrecondition, lang, o.say(notInOrder, lang), refuse.Field("items", "not in the order"))
		}
		o.goods = left
		return &ordersv1.ReturnOrderResponse{
			Text: strings.ReplaceAll(o.say(returnDone, lang), "{refund}", euros(cents, lang)),
			// Nanos are billionths.
			Refund: &money.Money{CurrencyCode: "EUR", Units: cents / 100, Nanos: int32(cents%100) * 10_000_000},
		}, nil
	})
}

// takeBack returns what is left of goods without the items, and what those cost. It is not ok to take back what is not there,
// or nothing at all. The goods stay as they are.
func takeBack(all []goods, items []*ordersv1.ReturnOrderRequest_Item) (left []goods, cents int64, ok bool) {
	if len(items) == 0 {
		for _, g := range all {
			items = append(items, &ordersv1.ReturnOrderRequest_Item{Product: g.product})
		}
	}
	left = slices.Clone(all)
	for _, item := range items {
		i := slices.IndexFunc(left, func(g goods) bool { return strings.EqualFold(g.product, item.GetProduct()) })
		if i < 0 {
			return nil, 0, false
		}
		pieces := item.GetQuantity()
		if pieces == 0 {
			pieces = left[i].pieces
		}
		if pieces < 0 || pieces > left[i].pieces {
			return nil, 0, false
		}
		left[i].pieces -= pieces
		cents += int64(pieces) * left[i].cents
	}
	return left, cents, cents > 0
}
