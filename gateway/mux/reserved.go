package mux

import (
	"net/http"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
)

// reserved begins the headers that no handler of ours may see: a generated handler takes the deadline from Grpc-Timeout whatever
// the header matcher says, puts X-Forwarded-* into the metadata, and trailers into the answer for Te.
var reserved = []string{"Grpc-", "X-Forwarded-", "Te"}

// withoutReserved drops the reserved headers from a request.
func withoutReserved(next runtime.HandlerFunc) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, parameters map[string]string) {
		next(w, strip(r), parameters)
	}
}

// strip returns the request without the reserved headers.
func strip(r *http.Request) *http.Request {
	cloned := false
	for name := range r.Header {
		if !isReserved(name) {
			continue
		}
		if !cloned { // A handler leaves its caller's request alone; few requests need this.
			request := *r
			request.Header = r.Header.Clone()
			r, cloned = &request, true
		}
		delete(r.Header, name)
	}
	return r
}

// isReserved judges a canonical header name.
func isReserved(name string) bool {
	for _, prefix := range reserved {
		if name == prefix || strings.HasSuffix(prefix, "-") && strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
