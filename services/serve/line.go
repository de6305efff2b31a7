package serve

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/intentgate/intentgate/services/caller"
	"github.com/intentgate/intentgate/services/mtls"
)

// line is what is learnt about a call on its way in. It belongs to the goroutine of the call.
type line struct {
	call *caller.Call // nil until the caller is believed
}

type lineKey struct{}

// lines writes one line for each call, when it is over. Nothing of what is asked or answered goes into it, but the message of a status.
type lines struct {
	logger *slog.Logger
	now    func() time.Time
}

func (l lines) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	start, line := l.now(), &line{}
	resp, err := next(context.WithValue(ctx, lineKey{}, line), req)
	l.write(ctx, info.FullMethod, l.now().Sub(start), line, err)
	return resp, err
}

func (l lines) stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	start, line := l.now(), &line{}
	ctx := context.WithValue(stream.Context(), lineKey{}, line)
	err := next(srv, contextStream{stream, ctx})
	l.write(ctx, info.FullMethod, l.now().Sub(start), line, err)
	return err
}

func (l lines) write(ctx context.Context, method string, took time.Duration, line *line, err error) {
	outcome := statusOf(err)
	level := levelOf(outcome.Code())
	if level == slog.LevelInfo && strings.HasPrefix(method, "/grpc.health.v1.Health/") {
		level = slog.LevelDebug // the gateway and the platform ask all day long
	}
	if !l.logger.Enabled(ctx, level) {
		return
	}
	var room [7]slog.Attr // all of them
	attrs := append(room[:0],
		slog.String("method", method),
		slog.String("code", outcome.Code().String()),
		slog.Duration("duration", took),
		slog.Any("peer", peerNames(ctx, line.call)),
	)
	if call := line.call; call != nil && !call.Direct() {
		attrs = append(attrs, slog.Attr{Key: "caller", Value: slog.GroupValue(
			slog.String("platform", enumName(call.Caller.GetPlatform().String())),
			slog.String("project", call.Caller.GetProjectId().GetValue()),
			slog.String("proof", enumName(call.Caller.GetProjectId().GetProof().String())),
		)}, slog.String("request_id", call.RequestID))
	}
	var refusal *caller.Refusal
	switch {
	case errors.As(err, &refusal):
		attrs = append(attrs, slog.Any("refusal", refusal))
	case err != nil:
		attrs = append(attrs, slog.String("error", outcome.Message()))
	}
	l.logger.LogAttrs(ctx, level, "Call", attrs...)
}

// peerNames returns the names in the certificate of whoever is at the other end of the connection, believed or not.
func peerNames(ctx context.Context, call *caller.Call) []string {
	if call != nil {
		return call.Peer.SANs
	}
	other, ok := peer.FromContext(ctx)
	if !ok {
		return nil
	}
	info, ok := other.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.PeerCertificates) == 0 {
		return nil
	}
	return slices.Collect(mtls.SANs(info.State.PeerCertificates[0]))
}

// noteUnary tells the line who calls.
func noteUnary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	note(ctx)
	return next(ctx, req)
}

// noteStream tells the line who calls.
func noteStream(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	note(stream.Context())
	return next(srv, stream)
}

func note(ctx context.Context) {
	if line, ok := ctx.Value(lineKey{}).(*line); ok {
		line.call, _ = caller.FromContext(ctx)
	}
}

// contextStream is a stream with another context.
type contextStream struct {
	grpc.ServerStream

	ctx context.Context
}

func (s contextStream) Context() context.Context { return s.ctx }

// statusOf returns the status that the server makes of a handler's error.
func statusOf(err error) *status.Status {
	if s, ok := status.FromError(err); ok {
		return s
	}
	return status.FromContextError(err)
}

// levelOf says how much attention the outcome of a call wants: a bug here, something to look at, or business.
func levelOf(code codes.Code) slog.Level {
	switch code {
	case codes.Unknown, codes.Internal, codes.DataLoss:
		return slog.LevelError
	case codes.PermissionDenied, codes.Unauthenticated, codes.Unimplemented,
		codes.DeadlineExceeded, codes.ResourceExhausted, codes.Unavailable:
		return slog.LevelWarn
	default:
		return slog.LevelInfo
	}
}

// enumName cuts the prefix that names of protobuf's enum values carry: PLATFORM_ES is ES, PROOF_ID_TOKEN is ID_TOKEN.
func enumName(value string) string {
	_, name, _ := strings.Cut(value, "_")
	return name
}
