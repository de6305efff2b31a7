package orders_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	ordersv1 "github.com/intentgate/intentgate/gen/go/shop/orders/v1"
	"github.com/intentgate/intentgate/services/caller"
	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/mtls/mtlstest"
	"github.com/intentgate/intentgate/services/orders"
	"github.com/intentgate/intentgate/services/serve"
)

// monday is the day on which the shop opens in these tests.
var monday = time.Date(2026, time.November, 30, 9, 0, 0, 0, time.UTC)

// The kinds of callers that the shop has.
const (
	es      = intentgatev1.Platform_PLATFORM_ES
	cx      = intentgatev1.Platform_PLATFORM_CX
	program = intentgatev1.Platform_PLATFORM_UNSPECIFIED // calls for itself
)

// shop is a running service with the connections of the gateway and of a program.
type shop struct{ gateway, program *grpc.ClientConn }

// open starts the shop as its main does.
func open(t *testing.T) shop {
	t.Helper()
	ca := mtlstest.NewCA(t)
	logger := slog.New(slog.DiscardHandler)
	server, err := serve.New(t.Context(), serve.Config{
		Name: "orders", Listen: "127.0.0.1:0", TLS: ca.Files("dns:orders.internal"), Logger: logger,
		Asserting: []string{"dns:gateway.internal"}, Allowed: []string{"dns:callcenter.internal"},
		Register: func(r grpc.ServiceRegistrar) {
			shop := orders.New(monday)
			ordersv1.RegisterOrderServiceServer(r, shop)
			intentgatev1.RegisterIntentServiceServer(r, shop)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	dial := func(name string) *grpc.ClientConn {
		identity, err := mtls.Open(ca.Files(name), mtls.Options{Logger: logger})
		if err != nil {
			t.Fatal(err)
		}
		conn, err := grpc.NewClient(server.Addr().String(), grpc.WithTransportCredentials(identity.ClientCredentials("orders.internal")))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
		})
		return conn
	}
	return shop{gateway: dial("dns:gateway.internal"), program: dial("dns:callcenter.internal")}
}

// as returns the connection of a kind of caller, and the context of its calls. Programs have no request id.
func (s shop) as(t *testing.T, kind intentgatev1.Platform, requestID string) (context.Context, *grpc.ClientConn) {
	t.Helper()
	if kind == program {
		return t.Context(), s.program
	}
	ctx, err := caller.NewOutgoingContext(t.Context(), caller.Outgoing{
		Caller: &intentgatev1.Caller{Platform: kind},
		Ref:    &intentgatev1.CallRef{RequestId: requestID},
	})
	if err != nil {
		t.Fatal(err)
	}
	return ctx, s.gateway
}

// ask calls a method of the OrderService with a request in JSON.
func (s shop) ask(t *testing.T, kind intentgatev1.Platform, requestID, method, request string) (proto.Message, error) {
	t.Helper()
	service := ordersv1.File_shop_orders_v1_order_service_proto.Services().ByName("OrderService")
	rpc := service.Methods().ByName(protoreflect.Name(method))
	ctx, conn := s.as(t, kind, requestID)
	resp := message(t, rpc.Output(), `{}`)
	err := conn.Invoke(ctx, "/"+string(service.FullName())+"/"+method, message(t, rpc.Input(), request), resp)
	return resp, err
}

// message reads a message from JSON.
func message(t *testing.T, of protoreflect.MessageDescriptor, text string) proto.Message {
	t.Helper()
	kind, err := protoregistry.GlobalTypes.FindMessageByName(of.FullName())
	if err != nil {
		t.Fatal(err)
	}
	m := kind.New().Interface()
	if err := protojson.Unmarshal([]byte(text), m); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return m
}
