package orders

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/structpb"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	ordersv1 "github.com/intentgate/intentgate/gen/go/shop/orders/v1"
	"github.com/intentgate/intentgate/services/caller"
	"github.com/intentgate/intentgate/services/once"
	"github.com/intentgate/intentgate/services/speech"
)

// toCancel is the field, and the parameter, of the order that CancelOrder asked about.
const toCancel = "order_to_cancel"

// CancelOrder asks whether an order is really to be cancelled.
func (s *Service) CancelOrder(ctx context.Context, req *ordersv1.CancelOrderRequest) (*ordersv1.CancelOrderResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lang := speech.Of(req)
	o, err := s.cancellable(ctx, lang, "order_id", req.GetOrderId())
	if err != nil {
		return nil, err
	}
	return &ordersv1.CancelOrderResponse{
		Text:          o.say(reallyCancel, lang),
		OrderToCancel: &o.id,
		Reply:         yesOrNo(ctx, 2),
	}, nil
}

// ConfirmCancellation cancels the order that CancelOrder asked about.
func (s *Service) ConfirmCancellation(ctx context.Context, req *ordersv1.ConfirmCancellationRequest) (*ordersv1.ConfirmCancellationResponse, error) {
	lang := speech.Of(req)
	return once.Do(ctx, s.answers, func() (*ordersv1.ConfirmCancellationResponse, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		o, err := s.cancellable(ctx, lang, toCancel, req.GetOrderToCancel()) // it may have changed since we asked
		if err != nil {
			return nil, err
		}
		o.status = cancelled
		return &ordersv1.ConfirmCancellationResponse{Text: o.say(cancelDone, lang), Reply: yesOrNo(ctx, 0)}, nil
	})
}

// KeepOrder leaves the order that CancelOrder asked about alone.
func (s *Service) KeepOrder(ctx context.Context, req *ordersv1.KeepOrderRequest) (*ordersv1.KeepOrderResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lang := speech.Of(req)
	o, err := s.find(lang, toCancel, req.GetOrderToCancel(), settled(ctx))
	if err != nil {
		return nil, err
	}
	return &ordersv1.KeepOrderResponse{Text: o.say(cancelNot, lang), Reply: yesOrNo(ctx, 0)}, nil
}

// cancellable is find for an order that can still be cancelled. Where it cannot, there is nothing to say yes or no to.
func (s *Service) cancellable(ctx context.Context, lang language, field, id string) (*order, error) {
	o, err := s.find(lang, field, id, settled(ctx))
	if err == nil && o.status != packing {
		return nil, no(codes.FailedPrecondition, lang, o.say(tooLate[o.status], lang), settled(ctx))
	}
	return o, err
}

// settled has the conversation forget what CancelOrder asked, as the answers to a yes and a no do by their fields.
func settled(ctx context.Context) *intentgatev1.Reply {
	return &intentgatev1.Reply{
		SessionParameters: &structpb.Struct{Fields: map[string]*structpb.Value{toCancel: structpb.NewNullValue()}},
		Contexts:          yesOrNo(ctx, 0).GetContexts(),
	}
}

// yesOrNo lets the yes and no of an ES agent match for a number of turns; 0 ends that. CX has pages for it, and a program
// has no conversation.
func yesOrNo(ctx context.Context, turns int32) *intentgatev1.Reply {
	call, ok := caller.FromContext(ctx)
	if !ok || call.Caller.GetPlatform() != intentgatev1.Platform_PLATFORM_ES {
		return nil
	}
	return &intentgatev1.Reply{Contexts: []*intentgatev1.Reply_Context{{Name: "order-cancel-confirm", Lifespan: turns}}}
}
