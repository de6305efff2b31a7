package admin

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"google.golang.org/grpc"
	"google.golang.org/grpc/admin"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"

	"github.com/intentgate/intentgate/gateway/edge"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// newRPC serves gRPC: AdminService, gRPC's own services for operators, such as channelz, health and reflection. What it holds is
// given back by end.
func newRPC(implementation gatewayv1.AdminServiceServer, health *Health, logger *slog.Logger) (_ http.Handler, end func(), err error) {
	server := grpc.NewServer(grpc.MaxRecvMsgSize(maxBody), grpc.UnaryInterceptor(recovering(logger)))
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

// recovering has a panic end its call alone, as net/http does: who looks at a gateway is not to end it.
func recovering(logger *slog.Logger) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (_ any, err error) {
		defer func() {
			if v := recover(); v != nil {
				logger.LogAttrs(ctx, slog.LevelError, "Handler panicked", append(edge.Panic(v), slog.String("method", info.FullMethod))...)
				err = status.Error(codes.Internal, "it panicked; the log has the stack")
			}
		}()
		return handler(ctx, request)
	}
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
