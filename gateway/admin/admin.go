package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"google.golang.org/grpc/codes"

	"github.com/intentgate/intentgate/gateway/mux"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// Config is what the admin listener needs; all of it.
type Config struct {
	Listen   string           // a loopback address such as `127.0.0.1:9901`; port 0 chooses a free one
	Routes   func() []Route   // in the order in which they are tried
	Services func() []Service // in the configuration's order
	Version  *gatewayv1.GetVersionResponse
	Logger   *slog.Logger
}

// New opens the admin listener. Any address that other machines could reach is refused.
func New(ctx context.Context, config Config) (*Server, error) {
	if config.Routes == nil || config.Services == nil || config.Logger == nil || config.Version == nil {
		return nil, errors.New("admin: Routes, Services, Version and Logger are all needed")
	}
	router := mux.New(http.MethodGet, nil)
	implementation := &service{routes: config.Routes, services: config.Services, version: config.Version}
	if err := gatewayv1.RegisterAdminServiceHandlerServer(ctx, router, implementation); err != nil {
		return nil, fmt.Errorf("register the admin service: %w", err)
	}
	listener, err := listenLocally(ctx, config.Listen)
	if err != nil {
		return nil, fmt.Errorf("open the admin listener: %w", err)
	}
	return newServer(listener, guard(router), config.Logger), nil
}

// guard refuses requests that a web page could make a browser on this machine send: by a name that the page's own DNS
// points here, or from another origin. It also refuses query parameters, since no method has any: a misspelt one is not
// to be passed over in silence.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !isLocal(r.Host):
			mux.WriteError(w, http.StatusForbidden, codes.PermissionDenied, "the Host header must be localhost or a loopback address")
		case len(r.Header.Values("Origin")) > 0:
			mux.WriteError(w, http.StatusForbidden, codes.PermissionDenied, "requests from web pages are refused")
		case r.URL.RawQuery != "":
			mux.WriteError(w, http.StatusBadRequest, codes.InvalidArgument, "there are no query parameters here")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// isLocal says whether a Host header or an address names this machine as itself only: no name that DNS could have led
// here.
func isLocal(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	} else if len(host) > 2 && host[0] == '[' && host[len(host)-1] == ']' {
		host = host[1 : len(host)-1]
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// listenLocally opens a listener that only this machine can reach.
func listenLocally(ctx context.Context, listen string) (net.Listener, error) {
	if !isLocal(listen) {
		return nil, fmt.Errorf("%q: other machines can reach it; want a loopback address, such as 127.0.0.1:9901", listen)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("%w; choose another address, or port 0 for a free one", err)
	}
	// The name localhost is believed only as far as it led to a loopback address.
	if at, ok := listener.Addr().(*net.TCPAddr); !ok || !at.IP.IsLoopback() {
		return nil, errors.Join(fmt.Errorf("%q is %s, which other machines can reach", listen, listener.Addr()), listener.Close())
	}
	return listener, nil
}
