package acme

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"time"

	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
)

// client speaks with the CA, whose server it trusts by the roots of the time.
func (m *Manager) client() (_ *acmez.Client, done func()) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if m.config.Roots != nil {
		config.RootCAs = m.config.Roots()
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, ForceAttemptHTTP2: true}
	return &acmez.Client{
		Client:           &acme.Client{Directory: m.config.Directory, HTTPClient: &http.Client{Transport: transport, Timeout: 30 * time.Second}, UserAgent: "intentgate"},
		ChallengeSolvers: map[string]acmez.Solver{acme.ChallengeTypeTLSALPN01: solver{m}},
	}, transport.CloseIdleConnections
}

// obtain orders a certificate with a key of its own. The account is made where it is not known.
func (m *Manager) obtain(ctx context.Context, replaces *x509.Certificate) ([]byte, error) {
	client, done := m.client()
	defer done()
	account := acme.Account{TermsOfServiceAgreed: true, PrivateKey: m.account}
	if m.config.Email != "" {
		account.Contact = []string{"mailto:" + m.config.Email}
	}
	account, err := client.NewAccount(ctx, account)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	request, err := acmez.NewCSR(key, m.config.Domains)
	if err != nil {
		return nil, err
	}
	order, err := acmez.OrderParametersFromCSR(account, request)
	if err != nil {
		return nil, err
	}
	order.Replaces = replaces
	chains, err := client.ObtainCertificate(ctx, order)
	if err != nil {
		return nil, err
	}
	if len(chains) == 0 {
		return nil, errors.New("the CA has issued nothing")
	}
	pem, err := encodeKey(key)
	return append(pem, chains[0].ChainPEM...), err
}

// renewalInfo asks the CA when a certificate should be renewed.
func (m *Manager) renewalInfo(ctx context.Context, leaf *x509.Certificate) (acme.RenewalInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	client, done := m.client()
	defer done()
	return client.GetRenewalInfo(ctx, leaf)
}

// Challenge returns what is shown to a CA that looks at a name, exactly as it calls it; nil: no challenge is pending for that.
func (m *Manager) Challenge(name string) *tls.Certificate {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.pending[name]
}

// solver has challenges pending.
type solver struct{ m *Manager }

// Present is called before the CA is told to look.
func (s solver) Present(_ context.Context, challenge acme.Challenge) error {
	answer, err := acmez.TLSALPN01ChallengeCert(challenge)
	if err != nil {
		return err
	}
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	s.m.pending[challenge.Identifier.Value] = answer
	return nil
}

// CleanUp is called when the CA has looked, or never will.
func (s solver) CleanUp(_ context.Context, challenge acme.Challenge) error {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	delete(s.m.pending, challenge.Identifier.Value)
	return nil
}
