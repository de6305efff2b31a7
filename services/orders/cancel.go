package orders

import (
	"context"

	"google.golang.org/grpc/codes"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	ordersv1 "github.com/intentgate/intentgate/gen/go/shop/orders/v1"
	"github.com/intentgate/intentgate/services/caller"
	"github.com/intentgate/intentgate/services/speech"
)

// CancelOrder asks whether an order is really to be cancelled.
func (s *Service) CancelOrder(ctx context.Context, req *ordersv1.CancelOrderRequest) (*ordersv1.CancelOrderResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lang := speech.Of(req)
	o, err := s.find(req.GetOrderId(), lang)
	if err == nil && o.status != packing {
		err = refuse(codes.FailedPrecondition, lang, o.say(tooLate[o.status], lang))
	}
	if err != nil {
		return inWords(ctx, err, func(words string) *ordersv1.CancelOrderResponse {
			return &ordersv1.CancelOrderResponse{Text: words}
		})
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
	resp, err := once(ctx, s, func() (*ordersv1.ConfirmCancellationResponse, error) {
		o, err := s.asked(req.GetOrderToCancel(), lang)
		if err != nil {
			return nil, err
		}
		if o.status != packing { // it has changed since we asked
			return nil, refuse(codes.FailedPrecondition, lang, o.say(tooLate[o.status], lang))
		}
		o.status = cancelled
		return &ordersv1.ConfirmCancellationResponse{Text: o.say(cancelDone, lang), Reply: yesOrNo(ctx, 0)}, nil
	})
	if err != nil {
		return inWords(ctx, err, func(words string) *ordersv1.ConfirmCancellationResponse {
			return &ordersv1.ConfirmCancellationResponse{Text: words, Reply: yesOrNo(ctx, 0)}
		})
	}
	return resp, nil
}

// KeepOrder leaves the order that CancelOrder asked about alone.
func (s *Service) KeepOrder(ctx context.Context, req *ordersv1.KeepOrderRequest) (*ordersv1.KeepOrderResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lang := speech.Of(req)
	o, err := s.asked(req.GetOrderToCancel(), lang)
	if err != nil {
		return inWords(ctx, err, func(words string) *ordersv1.KeepOrderResponse {
			return &ordersv1.KeepOrderResponse{Text: words, Reply: yesOrNo(ctx, 0)}
		})
	}
	return &ordersv1.KeepOrderResponse{Text: o.say(cancelNot, lang), Reply: yesOrNo(ctx, 0)}, nil
}

// asked returns the order that CancelOrder asked about, or the status to answer with.
func (s *Service) asked(id string, lang language) (*order, error) {
	if id == "" {
		return nil, refuse(codes.InvalidArgument, lang, nothingToCancel[lang])
	}
	return s.find(id, lang)
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
