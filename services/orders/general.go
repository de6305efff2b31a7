package orders

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/speech"
)

// Fulfill answers the turns that are routed to the shop in general: it greets, and where nobody understands the user it says
// what they can ask.
func (s *Service) Fulfill(_ context.Context, req *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
	t := req.GetTurn()
	if t == nil {
		return nil, status.Error(codes.InvalidArgument, "the request has no turn")
	}
	words := notUnderstood
	if isWelcome(t) {
		words = greeting
	}
	return &intentgatev1.FulfillResponse{Reply: &intentgatev1.Reply{Texts: []string{words[speech.Of(t)]}}}, nil
}

// isWelcome reports whether a turn opens the conversation. CX is known by the tag alone: the intent is the last one that was
// matched, perhaps on an earlier page.
func isWelcome(t *intentgatev1.Turn) bool {
	if t.GetTag() != "" {
		return t.GetTag() == "welcome"
	}
	return t.GetAction() == "input.welcome" || t.GetIntent().GetDisplayName() == "Default Welcome Intent"
}
