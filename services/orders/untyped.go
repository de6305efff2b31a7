package orders

import (
	"context"

	"google.golang.org/protobuf/types/known/structpb"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	ordersv1 "github.com/intentgate/intentgate/gen/go/shop/orders/v1"
)

// untyped answers, by the typed methods, turns that come to Fulfill although a method claims them: the gateway was not told
// of the claims. The reply is nil where none does.
func (s *Service) untyped(ctx context.Context, req *intentgatev1.FulfillRequest) (*intentgatev1.Reply, error) {
	const toCancel = "order_to_cancel"
	t := req.GetTurn()
	named, asked := req.GetParameters().GetFields()["order_id"].GetStringValue(), t.GetSessionParameters().GetFields()[toCancel].GetStringValue()
	reply := func(text string, reply *intentgatev1.Reply, remember *structpb.Value) *intentgatev1.Reply {
		answer := &intentgatev1.Reply{Texts: []string{text}, Contexts: reply.GetContexts()}
		if remember != nil {
			answer.SessionParameters = &structpb.Struct{Fields: map[string]*structpb.Value{toCancel: remember}}
		}
		return answer
	}
	keys := []string{t.GetTag()}
	if t.GetTag() == "" {
		keys = []string{t.GetAction(), t.GetIntent().GetDisplayName()}
	}
	for _, key := range keys {
		switch key {
		case "track-order", "order.track":
			resp, err := s.TrackOrder(ctx, &ordersv1.TrackOrderRequest{OrderId: named, Language: t.GetLanguage()})
			return reply(resp.GetText(), nil, nil), err
		case "cancel-order", "order.cancel":
			resp, err := s.CancelOrder(ctx, &ordersv1.CancelOrderRequest{OrderId: named, Language: t.GetLanguage()})
			remember := structpb.NewNullValue()
			if resp.GetOrderToCancel() != "" {
				remember = structpb.NewStringValue(resp.GetOrderToCancel())
			}
			return reply(resp.GetText(), resp.GetReply(), remember), err
		case "confirm-cancel", "order.cancel.confirm", "order.cancel - yes":
			resp, err := s.ConfirmCancellation(ctx, &ordersv1.ConfirmCancellationRequest{OrderToCancel: asked, Language: t.GetLanguage()})
			return reply(resp.GetText(), resp.GetReply(), structpb.NewNullValue()), err
		case "deny-cancel", "order.cancel.deny", "order.cancel - no":
			resp, err := s.KeepOrder(ctx, &ordersv1.KeepOrderRequest{OrderToCancel: asked, Language: t.GetLanguage()})
			return reply(resp.GetText(), resp.GetReply(), structpb.NewNullValue()), err
		}
	}
	return nil, nil
}
