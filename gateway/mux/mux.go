// Package mux makes the HTTP routers of the edge and of the admin listener: grpc-gateway's ServeMux with every default
// replaced that lets a client reach further than the route it named.
//
// Replaced are: headers that become gRPC metadata (`Grpc-Metadata-*` and the permanent ones) or the deadline
// (`Grpc-Timeout`), metadata that becomes response headers, X-HTTP-Method-Override, a form POST taken for a GET, percent-encoded paths that
// match their decoded form, the marshaler's zero values, and error answers without Allow. What remains is that
// Authorization, the Host header and the client's address reach the metadata of a generated handler's call.
package mux

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
)

// New returns an empty router for generated handlers, all of one method: others are answered
// by 405 with Allow. It is to be filled before it serves. unrouted, if not nil, is told of each request that no handler
// takes, with the HTTP status it is answered with.
func New(method string, unrouted func(r *http.Request, httpStatus int)) *runtime.ServeMux {
	return runtime.NewServeMux(
		runtime.WithIncomingHeaderMatcher(none),
		runtime.WithOutgoingHeaderMatcher(none),
		runtime.WithOutgoingTrailerMatcher(none),
		runtime.WithDisableHTTPMethodOverride(),
		runtime.WithDisablePathLengthFallback(),
		// A path is matched as it was sent: `/a%2Fb` is not `/a/b`.
		runtime.WithUnescapingMode(runtime.UnescapingModeAllExceptReserved),
		runtime.WithMarshalerOption(runtime.MIMEWildcard, &runtime.JSONPb{
			MarshalOptions:   protojson.MarshalOptions{EmitUnpopulated: false},
			UnmarshalOptions: protojson.UnmarshalOptions{DiscardUnknown: false},
		}),
		runtime.WithErrorHandler(callError),
		runtime.WithRoutingErrorHandler(routingError(method, unrouted)),
		runtime.WithMiddlewares(withoutReserved),
	)
}

// Paths is such a router for literal paths alone. It is filled before it serves.
type Paths struct {
	method  string
	router  *runtime.ServeMux
	literal map[string]http.HandlerFunc
}

// NewPaths returns an empty router for paths, as New does.
func NewPaths(method string, unrouted func(r *http.Request, httpStatus int)) *Paths {
	return &Paths{method: method, router: New(method, unrouted), literal: map[string]http.HandlerFunc{}}
}

// Handle serves a path with handler. The path is literal: nothing in it is a pattern, and `/a` and `/a/` are two.
func (p *Paths) Handle(path string, handler http.HandlerFunc) error {
	rest, ok := strings.CutPrefix(path, "/")
	if !ok {
		return fmt.Errorf("the path %q does not begin with a slash", path)
	}
	// Not HandlePath: its patterns know wildcards and verbs, and no trailing slash.
	segments := strings.Split(rest, "/")
	operations := make([]int, 0, 2*len(segments))
	for i := range segments {
		operations = append(operations, int(utilities.OpLitPush), i)
	}
	pattern, err := runtime.NewPattern(1, operations, segments, "")
	if err != nil {
		return fmt.Errorf("route the path %q: %w", path, err)
	}
	p.router.Handle(p.method, pattern, func(w http.ResponseWriter, r *http.Request, _ map[string]string) { handler(w, r) })
	p.literal[path] = handler
	return nil
}

// ServeHTTP serves a path that was sent as it was given without the router, which copies each request for a context that no handler
// of a path asks for.
func (p *Paths) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if handler := p.literal[r.URL.Path]; handler != nil && r.Method == p.method && r.URL.RawPath == "" {
		handler(w, strip(r))
		return
	}
	p.router.ServeHTTP(w, r)
}

// WriteError answers with an HTTP status and a JSON body in the shape of google.rpc.Status: {"code", "message"}. The
// message is for whoever called; no private cause belongs into it.
func WriteError(w http.ResponseWriter, httpStatus int, code codes.Code, message string) {
	body, err := json.Marshal(struct {
		Code    codes.Code `json:"code"`
		Message string     `json:"message"`
	}{code, message})
	if err != nil {
		body = []byte(`{"code":13,"message":"internal"}`) // A code and a string always marshal.
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(httpStatus)
	_, _ = w.Write(append(body, '\n')) // an error: the caller has gone, there is nobody left to tell
}

// callError answers for a call that failed. An error that is no status is told as internal, without its text.
func callError(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, _ *http.Request, err error) {
	var withHTTP *runtime.HTTPStatusError
	if errors.As(err, &withHTTP) {
		WriteError(w, withHTTP.HTTPStatus, codes.InvalidArgument, http.StatusText(withHTTP.HTTPStatus))
		return
	}
	state, ok := status.FromError(err)
	if !ok {
		state = status.New(codes.Internal, "internal")
	}
	WriteError(w, runtime.HTTPStatusFromCode(state.Code()), state.Code(), state.Message())
}

// routingError answers for a request that no handler takes.
func routingError(method string, unrouted func(*http.Request, int)) runtime.RoutingErrorHandlerFunc {
	return func(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, httpStatus int) {
		code := codes.InvalidArgument
		switch httpStatus {
		case http.StatusNotFound:
			code = codes.NotFound
		case http.StatusMethodNotAllowed:
			code = codes.Unimplemented
			w.Header().Set("Allow", method)
		}
		WriteError(w, httpStatus, code, http.StatusText(httpStatus))
		if unrouted != nil {
			unrouted(r, httpStatus)
		}
	}
}

// none is a header matcher that lets no header pass between HTTP and gRPC.
func none(string) (string, bool) { return "", false }
