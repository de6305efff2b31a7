package mtls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Again sets how often files are read without an event.
func Again(o Options, every time.Duration) Options {
	o.again = every
	return o
}

// NewWatcher sets what files are watched with.
func NewWatcher(o Options, f func() (*fsnotify.Watcher, error)) Options {
	o.newWatcher = f
	return o
}

// Reload reads all files now.
func (id *Identity) Reload() error {
	_, err := id.reload()
	return err
}

// Telling returns a function that does what a watch does when files may have changed.
func (id *Identity) Telling(ctx context.Context) func() {
	return telling(ctx, id.options, nil, id.reload)
}

// ServerConfig returns the configuration of a connection.
func (id *Identity) ServerConfig() *tls.Config { return id.serverConfig() }

// Pool returns the authorities that are currently accepted.
func (id *Identity) Pool() *x509.CertPool { return id.roots.Pool() }

// WithRemedy is what becomes of an error of the file system.
func WithRemedy(path string, err error) error { return withRemedy(path, err) }

// Live returns the number of connections of clients.
func (id *Identity) Live() int {
	id.live.mu.Lock()
	defer id.live.mu.Unlock()
	return len(id.live.conns)
}
