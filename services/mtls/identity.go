package mtls

import (
	"context"
	"crypto/tls"
	"errors"
	"slices"

	"golang.org/x/time/rate"
)

// Identity is one end of the hop: what it shows and whom it believes. It may be used by several goroutines.
type Identity struct {
	pair    *KeyPair
	roots   *Roots
	issued  func() *Issued // in the place of both; nil: they are files
	seen    int            // which version of what is issued Watch has told of
	options Options
	// failures bounds what strangers can write into the log.
	failures *rate.Limiter
	live     live
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

// Certificate returns the current certificate, which must not be changed; nil where none has been issued yet.
func (id *Identity) Certificate() *tls.Certificate {
	if id.issued != nil {
		return id.issued().Certificate
	}
	return id.pair.Certificate()
}

// Watch reloads when something changes in the folders of the files, until the context ends. It fails only if the
// folders cannot be watched. What is no good changes nothing, and the log says why. Where the identity is issued, Watch
// tells Options.Observe what comes; it runs once.
//
// A connection that a client made with [Identity.ServerCredentials] ends when a handshake would refuse the client's
// certificate now: at once when its authority is withdrawn, and within a minute of its date. One that was made with
// [Identity.ClientCredentials] stays as it was judged: who holds it learns of new files by Options.Observe.
func (id *Identity) Watch(ctx context.Context) error {
	if id.issued != nil {
		return id.follow(ctx)
	}
	return Watch(ctx, id.options, slices.Concat(id.pair.pair.files, id.roots.pool.files), id.reload)
}

// reload reads all files now, and sees to the connections that were judged by others.
func (id *Identity) reload() (changed bool, err error) {
	pair, pairErr := id.pair.pair.reload()
	roots, rootsErr := id.roots.pool.reload()
	id.endUntrusted()
	return pair || roots, errors.Join(pairErr, rootsErr)
}

// serverConfig returns a configuration for one connection, of the files that are current now: clients have to show a
// certificate of these authorities.
func (id *Identity) serverConfig() *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{*id.pair.Certificate()},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    id.roots.Pool(),
		Time:         id.options.Now,
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
		RootCAs:    id.roots.Pool(),
		Time:       id.options.Now,
		NextProtos: []string{"h2"},
		// Shown even to a server that asks for other authorities: its refusal tells more than silence.
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return id.pair.Certificate(), nil
		},
	}
}
