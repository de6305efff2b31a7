package admin

import (
	"context"
	"fmt"
	"net/http"

	"google.golang.org/grpc"
	"google.golang.org/grpc/admin"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"

	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// newRPC serves gRPC: AdminService, gRPC's own services for operators, such as channelz, health and reflection. What it holds is
// given back by end.
func newRPC(implementation gatewayv1.AdminServiceServer, health *Health) (_ http.Handler, end func(), err error) {
	server := grpc.NewServer(grpc.MaxRecvMsgSize(maxBody))
	gatewayv1.RegisterAdminServiceServer(server, implementation)
	cleanUp, err := admin.Register(server)
	if err != nil {
		server.Stop()
		return nil, nil, fmt.Errorf("register gRPC's services for operators: %w", err)
	}
	healthv1.RegisterHealthServer(server, rpcHealth{health: health})
	reflection.Register(server)
	return server, func() {
		server.Stop()
		cleanUp()
	}, nil
}

// rpcHealth tells by gRPC what /readyz tells.
type rpcHealth struct {
	healthv1.UnimplementedHealthServer

	health *Health
}

// Check says whether the gateway is ready. It has no other service to tell of.
func (h rpcHealth) Check(_ context.Context, request *healthv1.HealthCheckRequest) (*healthv1.HealthCheckResponse, error) {
	if request.GetService() != "" {
		return nil, status.Error(codes.NotFound, "there is the health of the gateway only, the empty service")
	}
	if !h.health.check().Ready {
		return &healthv1.HealthCheckResponse{Status: healthv1.HealthCheckResponse_NOT_SERVING}, nil
	}
	return &healthv1.HealthCheckResponse{Status: healthv1.HealthCheckResponse_SERVING}, nil
}
