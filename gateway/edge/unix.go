package edge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
)

const unixPrefix = "unix:"

// local says that the Server listens on a unix socket. Who connects there is the one proxy of the Site, which has ended TLS.
func (s *Server) local() bool { return strings.HasPrefix(s.config.Listen, unixPrefix) }

// listen opens the listener, TCP or `unix:PATH`.
func listen(ctx context.Context, address string) (net.Listener, error) {
	path, local := strings.CutPrefix(address, unixPrefix)
	if !local {
		tcp, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err != nil {
			return nil, fmt.Errorf("edge: %w; choose another address, or port 0 for a free one", err)
		}
		return tcp, nil
	}
	if err := removeStale(ctx, path); err != nil {
		return nil, err
	}
	socket, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("edge: %w; its folder has to exist, the gateway's user needs to write there, and a socket's path has at most 107 bytes", err)
	}
	// For the user and the group of the gateway, which the proxy's user is to be in.
	if err := os.Chmod(path, 0o660); err != nil { //nolint:gosec // who opens it is the proxy, another user
		_ = socket.Close()
		return nil, fmt.Errorf("edge: %w", err)
	}
	return socket, nil
}

// removeStale removes the socket of a process that has died, and nothing else.
func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("edge: %w", err)
	case info.Mode().Type() != os.ModeSocket:
		return fmt.Errorf("edge: %s is no socket; choose another path", path)
	}
	other, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err == nil {
		_ = other.Close()
		return fmt.Errorf("edge: another process listens at %s; stop it, or choose another path", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("edge: %w", err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("edge: %w", err)
	}
	return nil
}

// welcome hands over a connection of the unix socket.
func (s *Server) welcome(ctx context.Context, c *conn) {
	c.shaken = c.accepted
	c.await(c.shaken)
	s.handOver(ctx, c, c)
}
