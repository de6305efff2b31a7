package mux

import (
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
)

// probe is the ResponseWriter of a request that only asks whether there is a handler: the router knows its routes, but
// does not tell them.
type probe struct{ found bool }

// Header returns headers that nobody reads.
func (*probe) Header() http.Header { return http.Header{} }

// Write drops what is written.
func (*probe) Write(p []byte) (int, error) { return len(p), nil }

// WriteHeader drops the status.
func (*probe) WriteHeader(int) {}

// endProbe keeps probes from running the handler that they found.
func endProbe(next runtime.HandlerFunc) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, parameters map[string]string) {
		if p, ok := w.(*probe); ok {
			p.found = true
			return
		}
		next(w, r, parameters)
	}
}

// allowed returns the methods that the request's path has a handler for.
func allowed(mux *runtime.ServeMux, r *http.Request) []string {
	var methods []string
	for _, method := range []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
	} {
		asked := *r
		asked.Method = method
		p := &probe{}
		mux.ServeHTTP(p, &asked)
		if p.found {
			methods = append(methods, method)
		}
	}
	return methods
}
