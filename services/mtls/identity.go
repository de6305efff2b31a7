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
	roots   *reloading[x509.CertPool]
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
	roots, rootsErr := openRoots(f.CA, o)
	if err := errors.Join(pairErr, rootsErr); err != nil {
		return nil, err
	}
	return &Identity{pair: pair, roots: roots, options: o, failures: rate.NewLimiter(1, 10)}, nil
}

// Certificate returns the current certificate, which must not be changed.
func (id *Identity) Certificate() *tls.Certificate { return id.pair.Certificate() }

// Watch reloads when something changes in the folders of the files, until the context ends. It fails only if the
// folders cannot be watched. What is no good changes nothing, and the log says why. A connection that is open stays as it
// was judged.
func (id *Identity) Watch(ctx context.Context) error {
	return watch(ctx, id.options, slices.Concat(id.pair.pair.files, id.roots.files), id.reload)
}

// reload reads all files now.
func (id *Identity) reload() error {
	return errors.Join(id.pair.pair.reload(), id.roots.reload())
}

// serverConfig returns a configuration for one connection, of the files that are current now: clients have to show a
// certificate of these authorities.
func (id *Identity) serverConfig() *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{*id.pair.Certificate()},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    id.roots.current.Load(),
		NextProtos:   []string{"h2"},
		// A resumed session would keep the verdict of authorities that may be gone. Connections of this hop live long,
		// so that a full handshake each costs nothing worth that.
		SessionTicketsDisabled: true,
	}
}

// clientConfig returns a configuration for one connection, of the files that are current now. gRPC adds whom the
// server's certificate must name.
func (id *Identity) clientConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		RootCAs:    id.roots.current.Load(),
		NextProtos: []string{"h2"},
		// Shown even to a server that asks for other authorities: its refusal tells more than silence.
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return id.pair.Certificate(), nil
		},
	}
}
