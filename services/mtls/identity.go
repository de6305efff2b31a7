package mtls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"

	"golang.org/x/time/rate"
)

// Identity is one end of the hop: what it shows and whom it believes. It may be used by several goroutines.
type Identity struct {
	pair    *KeyPair
	roots   *Roots
	options Options
	// failures bounds what strangers can write into the log.
	failures *rate.Limiter
}

// Open reads the files of an identity. All that is wrong with them is reported together.
func Open(f Files, o Options) (*Identity, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	pair, pairErr := OpenKeyPair(f.Cert, f.Key, o)
	roots, rootsErr := OpenRoots(f.CA, o)
	if err := errors.Join(pairErr, rootsErr); err != nil {
		return nil, err
	}
	return &Identity{pair: pair, roots: roots, options: o, failures: rate.NewLimiter(1, 10)}, nil
}

// Certificate returns the current certificate, which must not be changed.
func (id *Identity) Certificate() *tls.Certificate { return id.pair.Certificate() }

// Pool returns the authorities that are currently accepted, which must not be changed.
func (id *Identity) Pool() *x509.CertPool { return id.roots.Pool() }

// Reload reads all files now. What is no good changes nothing, and the error says why.
func (id *Identity) Reload() error {
	return errors.Join(id.pair.Reload(), id.roots.Reload())
}

// Watch reloads when something changes in the folders of the files, until the context ends. It fails only if the
// folders cannot be watched. A connection that is open stays as it was judged.
func (id *Identity) Watch(ctx context.Context) error {
	return watch(ctx, id.options, slices.Concat(id.pair.pair.files, id.roots.pool.files), id.Reload)
}

// ServerConfig returns a new configuration for a server: clients have to show a certificate of the authorities that are
// current when they connect, and see the certificate that is.
func (id *Identity) ServerConfig() *tls.Config {
	config := id.serverConfig()
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return id.serverConfig(), nil
	}
	return config
}

func (id *Identity) serverConfig() *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{*id.pair.Certificate()},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    id.roots.Pool(),
		NextProtos:   []string{"h2"},
		// A resumed session would keep the verdict of authorities that may be gone. Connections of this hop live long,
		// so that a full handshake each costs nothing worth that.
		SessionTicketsDisabled: true,
	}
}

// ClientConfig returns a new configuration for one connection to a server that has to be called serverName in its
// certificate. The authorities are those current at this call, so use it at once, and for a client that reconnects
// [Identity.ClientCredentials] instead.
func (id *Identity) ClientConfig(serverName string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		ServerName: serverName,
		RootCAs:    id.roots.Pool(),
		NextProtos: []string{"h2"},
		// Shown even to a server that asks for other authorities: its refusal tells more than silence.
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return id.pair.Certificate(), nil
		},
	}
}
