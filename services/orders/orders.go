// Package orders is an example of an intent service: a small mail-order shop that tells where an order is and cancels
// it once the user has confirmed, on Dialogflow ES and CX alike, in English and German.
//
// What it can be asked:
//
//	ES action or intent                        CX tag           what it does
//	input.welcome, Default Welcome Intent      welcome          greets
//	order.track                                track-order      tells where order_id is
//	order.cancel                               cancel-order     asks whether order_id is to be cancelled
//	order.cancel.confirm, order.cancel - yes   confirm-cancel   cancels it
//	order.cancel.deny, order.cancel - no       deny-cancel      leaves it alone
//	anything else                              anything else    says what it can be asked
package orders

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller"
)

// Service answers the intents of the shop. Its orders live in memory and are forgotten with it.
//
// It is safe for concurrent use.
type Service struct {
	intentgatev1.UnimplementedIntentServiceServer

	// mu guards all below. A whole turn is answered under it: that is quick, and it makes two tries of one call
	// come one after the other.
	mu      sync.Mutex
	orders  map[string]*order
	replies memory
}

// New returns the shop with its orders as they stand on a day, whose time zone is the shop's.
func New(today time.Time) *Service {
	return &Service{orders: catalogue(today)}
}

// Fulfill answers one turn.
func (s *Service) Fulfill(ctx context.Context, req *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
	if req.GetTurn() == nil {
		return nil, status.Error(codes.InvalidArgument, "the request has no turn")
	}
	answer, changes := s.route(req.GetTurn())
	t := turn{Turn: req.GetTurn(), parameters: req.GetParameters(), lang: languageOf(req.GetTurn())}

	s.mu.Lock()
	defer s.mu.Unlock()
	if !changes {
		return &intentgatev1.FulfillResponse{Reply: answer(t)}, nil
	}
	// Dialogflow tries again when it got no answer in time. What changes something is done once for a call,
	// however often it is tried, and each try hears the same.
	call, _ := caller.FromContext(ctx)
	reply := s.replies.get(requestID(call))
	if reply == nil {
		reply = answer(t)
		s.replies.put(requestID(call), reply)
	}
	return &intentgatev1.FulfillResponse{Reply: proto.CloneOf(reply)}, nil
}

// route returns what answers a turn, and whether that changes an order.
//
// CX is routed by the tag alone: the intent is the last one that was matched, perhaps on an earlier page.
func (s *Service) route(t *intentgatev1.Turn) (answer func(turn) *intentgatev1.Reply, changes bool) {
	keys := []string{t.GetTag()}
	if t.GetTag() == "" {
		keys = []string{t.GetAction(), t.GetIntent().GetDisplayName()}
	}
	for _, key := range keys {
		switch key {
		case "welcome", "input.welcome", "Default Welcome Intent":
			return s.welcome, false
		case "track-order", "order.track":
			return s.track, false
		case "cancel-order", "order.cancel":
			return s.cancel, false
		case "confirm-cancel", "order.cancel.confirm", "order.cancel - yes":
			return s.confirm, true
		case "deny-cancel", "order.cancel.deny", "order.cancel - no":
			return s.deny, false
		}
	}
	return s.fallback, false
}

// requestID returns the key that all tries of a call share, or "" for a call from inside the house that has none.
func requestID(call *caller.Call) string {
	if call == nil {
		return ""
	}
	return call.RequestID
}
