package admin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
)

// listenUnix opens a unix socket for this user only. A socket that a dead process left behind is replaced; one that
// answers, or a file of another kind, is left alone.
func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	switch info, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case info.Mode().Type() != fs.ModeSocket:
		return nil, fmt.Errorf("%s exists and is no socket; choose another path", path)
	default:
		if other, err := (&net.Dialer{}).DialContext(ctx, "unix", path); err == nil {
			return nil, errors.Join(fmt.Errorf("%s is served by another process; stop it or choose another path", path), other.Close())
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("remove the socket that a dead process left: %w", err)
		}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("keep other users out: %w", err), listener.Close())
	}
	return listener, nil
}
