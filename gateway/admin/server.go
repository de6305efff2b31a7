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
	cut      context.CancelFunc // ends what requests in flight wait for
	end      func()             // gives back what the handler holds
}

// newServer puts bounds on what clients can make the process hold.
func newServer(ctx context.Context, listener net.Listener, handler http.Handler, logger *slog.Logger) *Server {
	base, cut := context.WithCancel(context.WithoutCancel(ctx))
	return &Server{listener: listener, cut: cut, end: func() {}, http: &http.Server{
		Handler:           handler,
		BaseContext:       func(net.Listener) context.Context { return base },
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

// Close closes the listener, whether it was served or not.
func (s *Server) Close() error {
	s.cut()
	s.end()
	return s.listener.Close()
}

// Serve answers requests until ctx ends, lets those in flight finish, and returns nil; it closes the listener in any
// case and is called once.
func (s *Server) Serve(ctx context.Context) error {
	failed := make(chan error, 1)
	go func() {
		if s.http.TLSConfig != nil {
			failed <- s.http.ServeTLS(s.listener, "", "")
			return
		}
		failed <- s.http.Serve(s.listener)
	}()
	select {
	case err := <-failed:
		return fmt.Errorf("serve %s: %w", s.Addr(), err)
	case <-ctx.Done():
	}
	// The context has ended; the rest has a clock of its own.
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	defer time.AfterFunc(grace/2, s.cut).Stop() // those that would take longer: profiles, streams
	if err := s.http.Shutdown(stopping); err != nil {
		return errors.Join(fmt.Errorf("stop serving %s: %w", s.Addr(), err), s.http.Close())
	}
	<-failed
	return nil
}
