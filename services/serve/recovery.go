package serve

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// recovery turns a panic into INTERNAL. What panicked, and where, is for the log alone.
type recovery struct {
	logger *slog.Logger
}

func (r recovery) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
	defer func() {
		if value := recover(); value != nil {
			resp, err = nil, r.report(ctx, info.FullMethod, value)
		}
	}()
	return next(ctx, req)
}

func (r recovery) stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = r.report(stream.Context(), info.FullMethod, value)
		}
	}()
	return next(srv, stream)
}

func (r recovery) report(ctx context.Context, method string, value any) error {
	r.logger.ErrorContext(ctx, "Panic", "method", method, "value", fmt.Sprint(value), "stack", string(debug.Stack()))
	return status.Error(codes.Internal, "internal error")
}
