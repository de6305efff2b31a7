package mtls

import (
	"crypto/tls"
	"crypto/x509"
	"time"
)

// Again sets how often files are read without an event.
func Again(o Options, every time.Duration) Options {
	o.again = every
	return o
}

// OnReload sets who is told the outcome of each reading. The goroutine that watches waits for it.
func OnReload(o Options, f func(error)) Options {
	o.onReload = f
	return o
}

// Reload reads all files now.
func (id *Identity) Reload() error { return id.reload() }

// ServerConfig returns the configuration of a connection.
func (id *Identity) ServerConfig() *tls.Config { return id.serverConfig() }

// Pool returns the authorities that are currently accepted.
func (id *Identity) Pool() *x509.CertPool { return id.roots.current.Load() }

// WithRemedy is what becomes of an error of the file system.
func WithRemedy(path string, err error) error { return withRemedy(path, err) }
