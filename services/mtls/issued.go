package mtls

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"golang.org/x/time/rate"
)

// Issued is what is in force of an identity that comes from elsewhere than files. It does not change: another one takes its
// place.
type Issued struct {
	// Version is another number where Certificate or Verify are other ones.
	Version int
	// Certificate is the own one, with its leaf; nil: there is none yet.
	Certificate *tls.Certificate
	// Verify judges a client's certificate, which stands first, and returns its chains up to authorities.
	Verify func(certs []*x509.Certificate, now time.Time) ([][]*x509.Certificate, error)
	// Client returns a configuration that shows Certificate and takes a server of exactly this identity. It is not called
	// before there is a Certificate.
	Client func(server string) (*tls.Config, error)
	// Err says why nothing newer is known; nil: there is nothing newer. While it is Pending nobody has been heard of yet.
	Err     error
	Pending bool
	// Stale is closed when another one is in its place.
	Stale <-chan struct{}
}

// NewIdentity returns an identity of what is issued at each time.
func NewIdentity(issued func() *Issued, o Options) (*Identity, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	return &Identity{issued: issued, seen: issued().Version, options: o, failures: rate.NewLimiter(1, 10)}, nil
}

// soon is how long a first answer is waited for: who is there gives it at once.
const soon = time.Second

// first returns what is in force, as soon as there is anything.
func (id *Identity) first(ctx context.Context) *Issued {
	if issued := id.issued(); issued.Pending {
		timer := time.NewTimer(soon)
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-issued.Stale:
		}
	}
	return id.issued()
}

// usable says why there is no certificate that a peer would take; nil: there is one.
func (i *Issued) usable(now time.Time) error {
	switch {
	case i.Certificate == nil:
		return fmt.Errorf("no certificate has been issued: %w", i.Err)
	case now.After(i.Certificate.Leaf.NotAfter):
		return errors.Join(fmt.Errorf("the certificate that was issued has expired on %s", i.Certificate.Leaf.NotAfter.Format(time.RFC3339)), i.Err)
	default:
		return nil
	}
}

// issuedServer is serverConfig of what is issued. Chains of the client's certificate are told to accepted.
func (id *Identity) issuedServer(i *Issued, accepted func([][]*x509.Certificate)) (*tls.Config, error) {
	if err := i.usable(id.options.Now()); err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{*i.Certificate},
		ClientAuth:   tls.RequireAnyClientCert, // by which authorities it is judged, its name says
		VerifyConnection: func(state tls.ConnectionState) error {
			chains, err := i.Verify(state.PeerCertificates, id.options.Now())
			accepted(chains)
			return err
		},
		NextProtos:             []string{"h2"},
		SessionTicketsDisabled: true, // as ever
	}, nil
}

// issuedClient is clientConfig of what is issued, for one server.
func (id *Identity) issuedClient(i *Issued, server string) (*tls.Config, error) {
	if err := i.usable(id.options.Now()); err != nil {
		return nil, err
	}
	config, err := i.Client(server)
	if err != nil {
		return nil, err
	}
	config.MinVersion, config.NextProtos = tls.VersionTLS13, []string{"h2"}
	return config, nil
}

// follow is Watch of what is issued.
func (id *Identity) follow(ctx context.Context) error {
	ticker := time.NewTicker(id.options.again)
	defer ticker.Stop()
	for now := id.first(ctx); ; now = id.issued() {
		changed := now.Version != id.seen
		id.seen = now.Version
		id.endUntrusted()
		if id.options.Observe != nil {
			id.options.Observe(ctx, changed, cmp.Or(now.Err, now.usable(id.options.Now())))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-now.Stale:
		case <-ticker.C:
		}
	}
}
