package admin

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
)

// StatusConfig is what the status listener needs; all but Certificate and JWKS.
type StatusConfig struct {
	Listen  string // a TCP address such as `:9900`; port 0 chooses a free one
	Health  *Health
	Metrics http.Handler // what Prometheus reads
	Logger  *slog.Logger
	// Certificate is shown to each client, as it is then; nil: plain HTTP is served.
	Certificate func() *tls.Certificate
	// JWKS are the public keys of callers' tokens, as they are then; nil: there are none. They are served over TLS only, since whoever
	// could change them on their way could sign.
	JWKS func() []byte
}

// NewStatus opens the status listener. Serve it for longer than the edge, so that readiness says "draining" while turns
// in flight finish.
func NewStatus(ctx context.Context, config StatusConfig) (*Server, error) {
	if config.Health == nil || config.Metrics == nil || config.Logger == nil {
		return nil, errors.New("admin: Health, Metrics and Logger are all needed")
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", config.Listen)
	if err != nil {
		return nil, fmt.Errorf("open the status listener: %w; choose another address, or port 0 for a free one", err)
	}
	router := http.NewServeMux()
	router.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n")) // an error: the caller has gone
	})
	router.Handle("GET /readyz", config.Health)
	router.Handle("GET /metrics", config.Metrics)
	if config.Certificate != nil && config.JWKS != nil {
		router.HandleFunc("GET /.well-known/jwks.json", func(w http.ResponseWriter, r *http.Request) {
			keys := config.JWKS()
			if keys == nil {
				http.NotFound(w, r)
				return
			}
			w.Header().Set("Content-Type", "application/jwk-set+json")
			_, _ = w.Write(keys) // an error: the caller has gone
		})
	}
	server := newServer(ctx, listener, router, config.Logger)
	if config.Certificate != nil {
		server.http.TLSConfig = &tls.Config{
			MinVersion:     tls.VersionTLS12,
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return config.Certificate(), nil },
		}
	}
	return server, nil
}
