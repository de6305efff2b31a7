package serve_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller"
)

// shop is the agent on whose behalf the gateway calls in these tests.
var shop = &intentgatev1.Caller{
	Platform:  intentgatev1.Platform_PLATFORM_ES,
	ProjectId: &intentgatev1.Caller_Value{Value: "shop", Proof: intentgatev1.Caller_PROOF_STATED},
}

func asserted(t *testing.T) context.Context {
	t.Helper()
	ctx, err := caller.NewOutgoingContext(t.Context(), caller.Outgoing{
		Caller: shop,
		Ref:    &intentgatev1.CallRef{Session: "projects/shop/agent/sessions/1", RequestId: "1.request"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

func TestHandlerKnowsItsCaller(t *testing.T) {
	calls := make(chan *caller.Call, 1)
	w := run(t, func(ctx context.Context, req *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
		call, _ := caller.FromContext(ctx)
		calls <- call
		return hello(ctx, req)
	})
	for name, c := range map[string]struct {
		ctx       context.Context
		peer      string
		caller    *intentgatev1.Caller
		requestID string
	}{
		"allowed, for itself":               {t.Context(), reports, nil, ""},
		"asserting, for itself":             {t.Context(), gateway, nil, ""},
		"asserting, for a Dialogflow agent": {asserted(t), gateway, shop, "1.request"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := w.client(t, c.peer).Fulfill(c.ctx, &intentgatev1.FulfillRequest{}); err != nil {
				t.Fatal(err)
			}
			call := <-calls
			if call == nil {
				t.Fatal("the handler does not know who calls")
			}
			if len(call.Peer.SANs) != 1 || call.Peer.SANs[0] != c.peer {
				t.Errorf("peer %v, want %s", call.Peer.SANs, c.peer)
			}
			if !proto.Equal(call.Caller, c.caller) || call.RequestID != c.requestID {
				t.Errorf("caller %v, request id %q; want %v, %q", call.Caller, call.RequestID, c.caller, c.requestID)
			}
		})
	}
}

// doors are all ways into a server.
var doors = map[string]func(context.Context, *grpc.ClientConn) error{
	"handler": func(ctx context.Context, conn *grpc.ClientConn) error {
		_, err := intentgatev1.NewIntentServiceClient(conn).Fulfill(ctx, &intentgatev1.FulfillRequest{})
		return err
	},
	"health": func(ctx context.Context, conn *grpc.ClientConn) error {
		_, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
		return err
	},
	"health stream": func(ctx context.Context, conn *grpc.ClientConn) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		watch, err := grpc_health_v1.NewHealthClient(conn).Watch(ctx, &grpc_health_v1.HealthCheckRequest{})
		if err != nil {
			return err
		}
		_, err = watch.Recv()
		return err
	},
	"reflection": func(ctx context.Context, conn *grpc.ClientConn) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stream, err := grpc_reflection_v1.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
		if err != nil {
			return err
		}
		if err := stream.Send(&grpc_reflection_v1.ServerReflectionRequest{
			MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_FileContainingSymbol{
				FileContainingSymbol: intentgatev1.IntentService_ServiceDesc.ServiceName,
			},
		}); err != nil && !errors.Is(err, io.EOF) { // EOF: it is over, and Recv knows why
			return err
		}
		_, err = stream.Recv()
		return err
	},
	"no such method": func(ctx context.Context, conn *grpc.ClientConn) error {
		return conn.Invoke(ctx, "/shop.v1.Orders/Steal", &intentgatev1.FulfillRequest{}, &intentgatev1.FulfillResponse{})
	},
}

func TestDoors(t *testing.T) {
	w := run(t, hello)
	forged := metadata.AppendToOutgoingContext(t.Context(), caller.MetadataRequestID, "1.forged")
	for name, c := range map[string]struct {
		ctx  context.Context
		peer string
		want codes.Code
	}{
		"allowed":                        {t.Context(), reports, codes.OK},
		"asserting":                      {asserted(t), gateway, codes.OK},
		"stranger":                       {t.Context(), stranger, codes.PermissionDenied},
		"allowed, but it asserts":        {asserted(t), reports, codes.PermissionDenied},
		"allowed, but it forges one key": {forged, reports, codes.PermissionDenied},
	} {
		for door, open := range doors {
			t.Run(name+"/"+door, func(t *testing.T) {
				want := c.want
				if want == codes.OK && door == "no such method" {
					want = codes.Unimplemented
				}
				if err := open(c.ctx, w.dial(t, c.peer)); status.Code(err) != want {
					t.Errorf("got %v, want %s", err, want)
				}
				if line := w.log.next(t, "Call"); want == codes.PermissionDenied && line["code"] != want.String() {
					t.Errorf("the log says %v", line)
				}
			})
		}
	}
}

func TestHealthKnowsEachService(t *testing.T) {
	w := run(t, hello)
	health := grpc_health_v1.NewHealthClient(w.dial(t, reports))
	for _, service := range []string{"", intentgatev1.IntentService_ServiceDesc.ServiceName} {
		got, err := health.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: service})
		if err != nil || got.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
			t.Errorf("service %q: %v, %v", service, got, err)
		}
	}
}
