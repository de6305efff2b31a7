package serve

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/intentgate/intentgate/services/caller"
)

// link is one interceptor in both shapes.
type link struct {
	unary  grpc.UnaryServerInterceptor
	stream grpc.StreamServerInterceptor
}

// chain is what a call passes through before it reaches its handler, the outermost first.
func (s *Server) chain(policy caller.Policy) []link {
	lines := lines{logger: s.config.Logger, now: s.config.Now}
	recovery := recovery{logger: s.config.Logger}
	return []link{
		// Every call leaves its line, the refused and the failed ones as well: outside all that refuses or fails.
		{lines.unary, lines.stream},
		// A panic is INTERNAL for the caller and for the line: inside the line, outside all that may panic.
		{recovery.unary, recovery.stream},
		// No handler runs, those of health and reflection included, for somebody who is not on the lists.
		{policy.UnaryInterceptor(), policy.StreamInterceptor()},
		// Only now is it known who calls, on whose behalf: the line is told, innermost.
		{noteUnary, noteStream},
	}
}

// split returns the links by shape, as the server takes them.
func split(chain []link) (unary []grpc.UnaryServerInterceptor, stream []grpc.StreamServerInterceptor) {
	for _, l := range chain {
		unary, stream = append(unary, l.unary), append(stream, l.stream)
	}
	return unary, stream
}

// unknownMethod answers what no handler is registered for.
func unknownMethod(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	return status.Errorf(codes.Unimplemented, "unknown method %s", method)
}
