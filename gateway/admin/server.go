package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// grace is the time that requests in flight get to finish at a stop; all of them are short.
const grace = 2 * time.Second

// Server is an open listener with what it serves.
type Server struct {
	listener net.Listener
	http     *http.Server
}

// newServer puts bounds on what clients can make the process hold.
func newServer(listener net.Listener, handler http.Handler, logger *slog.Logger) *Server {
	return &Server{listener: listener, http: &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}}
}

// Addr is the address that the listener is open on, with the port that was chosen.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Close closes a listener that is not going to be served.
func (s *Server) Close() error { return s.listener.Close() }

// Serve answers requests until ctx ends, lets those in flight finish, and returns nil; it closes the listener in any
// case and is called once.
func (s *Server) Serve(ctx context.Context) error {
	failed := make(chan error, 1)
	go func() { failed <- s.http.Serve(s.listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve %s: %w", s.Addr(), err)
	case <-ctx.Done():
	}
	// The context has ended; the rest has a clock of its own.
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := s.http.Shutdown(stopping); err != nil {
		return errors.Join(fmt.Errorf("stop serving %s: %w", s.Addr(), err), s.http.Close())
	}
	<-failed
	return nil
}
