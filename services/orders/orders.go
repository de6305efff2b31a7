// Package orders is an example of typed intents: a small mail-order shop whose RPCs are called by Dialogflow agents, ES and
// CX alike, and by the shop's other programs through the generated client. It speaks English and German.
//
// What it can be asked stands in proto/shop/orders/v1/order_service.proto. Turns that none of these RPCs claims are answered
// by [Service.Fulfill], the general way in.
package orders

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	ordersv1 "github.com/intentgate/intentgate/gen/go/shop/orders/v1"
	"github.com/intentgate/intentgate/services/once"
	"github.com/intentgate/intentgate/services/refuse"
	"github.com/intentgate/intentgate/services/speech"
)

// Service is the shop. Its orders live in memory and are forgotten with it.
//
// It is safe for concurrent use.
type Service struct {
	ordersv1.UnimplementedOrderServiceServer
	intentgatev1.UnimplementedIntentServiceServer

	answers *once.Answers

	mu     sync.Mutex // guards all below; a whole call is answered under it, which is quick
	orders map[string]*order
}

// New returns the shop with its orders as they stand on a day, whose time zone is the shop's.
func New(today time.Time) *Service {
	return &Service{answers: once.NewAnswers(nil), orders: catalogue(today)}
}

// TrackOrder tells where an order is.
func (s *Service) TrackOrder(_ context.Context, req *ordersv1.TrackOrderRequest) (*ordersv1.TrackOrderResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lang := speech.Of(req)
	o, err := s.find(lang, "order_id", req.GetOrderId())
	if err != nil {
		return nil, err
	}
	return &ordersv1.TrackOrderResponse{
		Text:          o.say(whereabouts[o.status], lang),
		OrderId:       &o.id,
		Status:        o.status.Enum(),
		Day:           dateOf(o.day),
		WarehouseNote: o.note,
	}, nil
}

// ListOrders lists the orders of a period.
func (s *Service) ListOrders(_ context.Context, req *ordersv1.ListOrdersRequest) (*ordersv1.ListOrdersResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*order
	for _, o := range s.orders {
		start, end, ordered := req.GetPeriod().GetStart(), req.GetPeriod().GetEnd(), dateOf(o.ordered)
		switch {
		case start != nil && compareDays(ordered, start) < 0:
		case end != nil && compareDays(ordered, end) > 0:
		case req.GetStatus() != ordersv1.OrderStatus_ORDER_STATUS_UNSPECIFIED && req.GetStatus() != o.status:
		default:
			found = append(found, o)
		}
	}
	slices.SortFunc(found, func(a, b *order) int { return cmp.Or(b.ordered.Compare(a.ordered), cmp.Compare(a.id, b.id)) })

	lang := speech.Of(req)
	resp := &ordersv1.ListOrdersResponse{Count: int32(len(found))} //nolint:gosec // a handful
	for _, o := range found {
		resp.Texts = append(resp.Texts, o.say(whereabouts[o.status], lang))
		resp.Orders = append(resp.Orders, &ordersv1.ListOrdersResponse_Order{
			OrderId: o.id, Status: o.status, OrderedOn: dateOf(o.ordered),
		})
	}
	if len(found) == 0 {
		resp.Texts = []string{noOrders[lang]}
	}
	return resp, nil
}

// find returns the order whose number stands in a field of the request, or the status to answer with, and more details of that.
func (s *Service) find(lang language, field, id string, more ...proto.Message) (*order, error) {
	// People write and say it in many ways.
	id = strings.ToUpper(strings.TrimSpace(id))
	o := s.orders[id]
	switch {
	case o != nil:
		return o, nil
	case id == "" && field == toCancel:
		return nil, no(codes.InvalidArgument, lang, nothingToCancel[lang], more...)
	case id == "":
		return nil, no(codes.InvalidArgument, lang, whichOrder[lang], append(more, refuse.Field(field, "missing"))...)
	default:
		return nil, no(codes.NotFound, lang, unknownOrder[lang], append(more, refuse.Field(field, "unknown"))...)
	}
}

// no refuses in words that a user hears and that a developer may read, with more details.
func no(code codes.Code, lang language, words string, more ...proto.Message) error {
	return refuse.With(code, words, append(more, refuse.Saying(lang.String(), words))...)
}
