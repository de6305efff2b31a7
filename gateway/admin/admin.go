package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

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
	Health   *Health
	State    func() ConfigState
	// Settings returns the configuration that is in force, as YAML without any secret.
	Settings func() ([]byte, error)
	// Reload puts the configuration file in force as it is now. It returns why it is no good, or ErrStopping.
	Reload func() error
	Logger *slog.Logger
}

// New opens the admin listener. Any address that other machines could reach is refused.
func New(ctx context.Context, config Config) (*Server, error) {
	if config.Routes == nil || config.Services == nil || config.Logger == nil || config.Version == nil || config.Health == nil ||
		config.State == nil || config.Settings == nil || config.Reload == nil {
		return nil, errors.New("admin: Routes, Services, Version, Health, State, Settings, Reload and Logger are all needed")
	}
	implementation := &service{config: config}
	rest := mux.New(http.MethodGet, nil)
	if err := gatewayv1.RegisterAdminServiceHandlerServer(ctx, rest, implementation); err != nil {
		return nil, fmt.Errorf("register the admin service: %w", err)
	}
	rpc, end, err := newRPC(implementation, config.Health, config.Logger)
	if err != nil {
		return nil, err
	}
	listener, err := listenLocally(ctx, config.Listen)
	if err != nil {
		end()
		return nil, fmt.Errorf("open the admin listener: %w", err)
	}
	server := newServer(ctx, listener, guard(&doors{rest: rest, rpc: rpc, profiles: profiles()}), config.Logger)
	server.end = end
	server.http.Protocols = new(http.Protocols)
	server.http.Protocols.SetHTTP1(true)
	server.http.Protocols.SetUnencryptedHTTP2(true)
	return server, nil
}

// doors tells apart what the admin listener serves.
type doors struct{ rest, rpc, profiles http.Handler }

const (
	reloadPath   = "/v1/config:reload"
	profilesPath = "/debug/pprof/"
	maxBody      = 64 << 10
)

// ServeHTTP serves AdminService as JSON, gRPC, and profiles. Query parameters are for profiles alone: a misspelt one is not to be
// passed over in silence where no method has any.
func (d *doors) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc"):
		streams := http.NewResponseController(w) // each of which may last
		_ = errors.Join(streams.SetReadDeadline(time.Time{}), streams.SetWriteDeadline(time.Time{}))
		d.rpc.ServeHTTP(w, r)
	case strings.HasPrefix(r.URL.Path, profilesPath):
		d.profiles.ServeHTTP(w, r)
	case r.URL.RawQuery != "":
		mux.WriteError(w, http.StatusBadRequest, codes.InvalidArgument, "there are no query parameters here")
	case r.URL.Path == reloadPath && r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		mux.WriteError(w, http.StatusMethodNotAllowed, codes.Unimplemented, "POST is wanted")
	case r.Method == http.MethodPost && !isJSON(r):
		mux.WriteError(w, http.StatusUnsupportedMediaType, codes.InvalidArgument, "the Content-Type must be application/json, or there must be no body")
	default:
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		d.rest.ServeHTTP(w, r)
	}
}

// isJSON says whether a request has a body that no form of a web page could send, or none.
func isJSON(r *http.Request) bool {
	what, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && what == "application/json" || r.ContentLength == 0 && r.Header.Get("Content-Type") == ""
}

// profiles serves what `go tool pprof` reads.
func profiles() http.Handler {
	pages := http.NewServeMux()
	pages.HandleFunc("GET "+profilesPath, pprof.Index)
	pages.HandleFunc("GET "+profilesPath+"cmdline", pprof.Cmdline)
	pages.HandleFunc("GET "+profilesPath+"profile", pprof.Profile)
	pages.HandleFunc("GET "+profilesPath+"symbol", pprof.Symbol)
	pages.HandleFunc("GET "+profilesPath+"trace", pprof.Trace)
	return pages
}

// guard refuses requests that a web page could make a browser on this machine send: by a name that the page's own DNS
// points here, or from another origin. A page that a person opens here, such as that of profiles, may lead on.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		site := r.Header.Get("Sec-Fetch-Site") // all browsers say it, and no page can say otherwise
		switch {
		case !isLocal(r.Host):
			mux.WriteError(w, http.StatusForbidden, codes.PermissionDenied, "the Host header must be localhost or a loopback address")
		case len(r.Header.Values("Origin")) > 0 || site != "" && site != "none" && site != "same-origin":
			mux.WriteError(w, http.StatusForbidden, codes.PermissionDenied, "requests from web pages are refused")
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
