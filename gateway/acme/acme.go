// Package acme has a CA issue the edge's certificate, and renews it in time (RFC 8555; when, RFC 9773). Control of the names is
// proven on the edge's own port (TLS-ALPN-01, RFC 8737).
package acme

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mholt/acmez/v3/acme"
)

// LetsEncrypt is the directory where none is given.
const LetsEncrypt = "https://acme-v02.api.letsencrypt.org/directory"

const (
	// firstWait is how long after a first failure it is tried again, and lastWait after many: CAs let few failures an hour pass.
	firstWait, lastWait = 2 * time.Second, time.Hour
	// lookAgain is how often the CA is asked when to renew, unless it says how often, and orderTime what an order may take.
	lookAgain, orderTime = 6 * time.Hour, 5 * time.Minute
)

// Config is what Open needs; all but Directory, Roots and Email.
type Config struct {
	Domains   []string
	Directory string                // URL of the CA's directory; "": LetsEncrypt
	Roots     func() *x509.CertPool // those that its server is trusted by, as they are now; nil, or none: the system's
	Folder    string                // keeps the account's key and the certificate; made where it is not there
	Email     string                // where the CA writes to
	Logger    *slog.Logger
	Now       func() time.Time
	// Observe is told what came of each order: that there is a new certificate, or why not; and afterwards, with neither, that all
	// is well.
	Observe func(ctx context.Context, changed bool, err error)
}

// Manager holds the certificate of the time. It is safe for concurrent use.
type Manager struct {
	config  Config
	store   store
	account crypto.Signer
	current atomic.Pointer[tls.Certificate]

	mu      sync.Mutex
	pending map[string]*tls.Certificate // the answers to challenges, by name

	// When the current one is to be renewed, and what the CA says of that. Only Run has them.
	planned *x509.Certificate
	at      time.Time
	window  acme.RenewalInfo

	order   func(ctx context.Context, replaces *x509.Certificate) (chain []byte, err error)
	suggest func(ctx context.Context, leaf *x509.Certificate) (acme.RenewalInfo, error)
}

// Open takes up what the folder keeps: a certificate for other names, or one that has expired, is not used any more.
func Open(config Config) (*Manager, error) {
	if len(config.Domains) == 0 || config.Folder == "" || config.Logger == nil || config.Now == nil || config.Observe == nil {
		return nil, errors.New("acme: Domains, Folder, Logger, Now and Observe are all needed")
	}
	if config.Directory == "" {
		config.Directory = LetsEncrypt
	}
	m := &Manager{config: config, pending: map[string]*tls.Certificate{}}
	m.order, m.suggest = m.obtain, m.renewalInfo
	var err error
	if m.store, err = openStore(config.Folder, config.Directory); err != nil {
		return nil, err
	}
	if m.account, err = m.store.accountKey(); err != nil {
		return nil, err
	}
	data, err := m.store.readCertificate()
	if err != nil || data == nil {
		return m, err
	}
	if kept, err := m.usable(data); err != nil {
		config.Logger.Warn("Kept certificate is not used", "folder", config.Folder, "error", err)
	} else {
		m.current.Store(kept)
	}
	return m, nil
}

// Certificate returns the certificate of the time, with its chain; nil: none has been issued yet.
func (m *Manager) Certificate() *tls.Certificate { return m.current.Load() }

// Run has the certificate issued and renewed until ctx ends. What fails is tried again, ever more rarely; the old one stays.
func (m *Manager) Run(ctx context.Context) error {
	for orders := 0; ; { // one after the other, with nothing between that needs none
		wait := m.untilDue(ctx)
		switch {
		case wait <= 0:
			wait = backoff(orders)
			orders++
			if err := m.renew(ctx); err != nil && ctx.Err() == nil {
				m.failed(ctx, err, orders, wait)
			}
		case orders > 0:
			orders = 0
			m.config.Observe(ctx, false, nil) // the CA may have put it off
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// untilDue returns how long there is nothing to do; 0 or less: a certificate has to be got now. The CA says when, if it can; else it is
// two thirds into the certificate's time and a little later, so that not all gateways come at once.
func (m *Manager) untilDue(ctx context.Context) time.Duration {
	current := m.current.Load()
	if current == nil {
		return 0
	}
	leaf, again := current.Leaf, lookAgain
	if m.planned != leaf {
		life := leaf.NotAfter.Sub(leaf.NotBefore)
		m.planned, m.window, m.at = leaf, acme.RenewalInfo{}, leaf.NotBefore.Add(life*2/3+random(life/30))
	}
	if info, err := m.suggest(ctx, leaf); err != nil {
		m.config.Logger.DebugContext(ctx, "The ACME CA does not say when to renew", "error", err)
	} else {
		if !info.SameWindow(m.window) {
			m.window, m.at = info, info.SelectedTime
			m.config.Logger.InfoContext(ctx, "The ACME CA says when to renew", "at", m.at, "explanation", info.ExplanationURL)
		}
		if info.RetryAfter != nil {
			again = min(max(info.RetryAfter.Sub(m.config.Now()), time.Minute), 24*time.Hour)
		}
	}
	return min(m.at.Sub(m.config.Now()), again)
}

// renew gets a certificate, keeps it and puts it in force.
func (m *Manager) renew(ctx context.Context) error {
	start := m.config.Now()
	var replaces *x509.Certificate
	if current := m.current.Load(); current != nil {
		replaces = current.Leaf
	}
	ordering, cancel := context.WithTimeout(ctx, orderTime)
	defer cancel()
	data, err := m.order(ordering, replaces)
	if err != nil {
		return err
	}
	issued, err := m.usable(data)
	if err != nil {
		return fmt.Errorf("what the CA issued is of no use: %w", err)
	}
	if err := m.store.writeCertificate(data); err != nil { // it is good until the gateway ends
		m.config.Logger.ErrorContext(ctx, "Certificate cannot be kept, and is ordered again at the next start", "error", err)
	}
	m.current.Store(issued)
	m.config.Observe(ctx, true, nil)
	m.config.Logger.InfoContext(ctx, "Certificate issued", "domains", m.config.Domains, "directory", m.config.Directory,
		"not_after", issued.Leaf.NotAfter.UTC(), "took", m.config.Now().Sub(start))
	return nil
}

// failed tells that there is no new certificate.
func (m *Manager) failed(ctx context.Context, err error, orders int, wait time.Duration) {
	attrs := []slog.Attr{
		slog.Any("domains", m.config.Domains), slog.String("directory", m.config.Directory), slog.Int("orders", orders),
		slog.Time("next", m.config.Now().Add(wait).UTC()), slog.Any("error", err),
	}
	level := slog.LevelError // nobody gets through
	if current := m.current.Load(); current != nil {
		level, attrs = slog.LevelWarn, append(attrs, slog.Time("in_use_until", current.Leaf.NotAfter.UTC()))
	}
	m.config.Observe(ctx, false, fmt.Errorf("%s: %w", m.config.Directory, err))
	m.config.Logger.LogAttrs(ctx, level, "Certificate not issued", attrs...)
}

// usable reads a certificate with its key, which must be of these names, and in date.
func (m *Manager) usable(data []byte) (*tls.Certificate, error) {
	pair, err := tls.X509KeyPair(data, data)
	if err != nil {
		return nil, err
	}
	switch leaf, now := pair.Leaf, m.config.Now(); {
	case !slices.Equal(slices.Sorted(slices.Values(leaf.DNSNames)), slices.Sorted(slices.Values(m.config.Domains))):
		return nil, fmt.Errorf("a certificate for %q, want %q", leaf.DNSNames, m.config.Domains)
	case !now.Before(leaf.NotAfter):
		return nil, fmt.Errorf("a certificate that has expired on %s", leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	return &pair, nil
}

// backoff is the wait after an order that came right after so many others, be it that they failed, or that a CA wants no rest.
func backoff(orders int) time.Duration {
	wait := lastWait
	if orders < 6 {
		wait = min(wait, firstWait<<(2*orders))
	}
	return wait + random(wait/2)
}

// random returns a duration from 0 to below most.
func random(most time.Duration) time.Duration {
	n, err := rand.Int(rand.Reader, big.NewInt(max(1, int64(most))))
	if err != nil { // it never fails
		return 0
	}
	return time.Duration(n.Int64())
}
