package peer

import (
	"context"
	"io"

	"google.golang.org/grpc"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	ordersv1 "github.com/intentgate/intentgate/gen/go/shop/orders/v1"
	"github.com/intentgate/intentgate/services/serve"
)

// RunBackend is the intent service of all peers: see [serve.Run] for its arguments.
func RunBackend(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if err := describeCanonical(); err != nil {
		return err
	}
	return serve.Run(ctx, args, stdout, stderr, serve.Config{Name: "orders", Register: func(r grpc.ServiceRegistrar) {
		intentgatev1.RegisterIntentServiceServer(r, plain{})
		ordersv1.RegisterOrderServiceServer(r, orders{})
		registerCanonical(r)
	}})
}

type plain struct {
	intentgatev1.UnimplementedIntentServiceServer
}

// Fulfill answers every turn as one about an order.
func (plain) Fulfill(_ context.Context, request *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
	return fulfilled(request), nil
}

func fulfilled(request *intentgatev1.FulfillRequest) *intentgatev1.FulfillResponse {
	order := request.GetParameters().GetFields()["order_id"].GetStringValue()
	return &intentgatev1.FulfillResponse{Reply: &intentgatev1.Reply{Texts: []string{answer(order)}}}
}

type orders struct {
	ordersv1.UnimplementedOrderServiceServer
}

// TrackOrder has found every order on its way.
func (orders) TrackOrder(_ context.Context, request *ordersv1.TrackOrderRequest) (*ordersv1.TrackOrderResponse, error) {
	return tracked(request), nil
}

func tracked(request *ordersv1.TrackOrderRequest) *ordersv1.TrackOrderResponse {
	return &ordersv1.TrackOrderResponse{
		Text: answer(request.GetOrderId()), OrderId: &request.OrderId, Status: ordersv1.OrderStatus_ORDER_STATUS_SHIPPED.Enum(),
	}
}
