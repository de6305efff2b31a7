package devca

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

const (
	// authorityLife and leafLife are how long certificates live where the caller names no end.
	authorityLife = 5 * 365 * 24 * time.Hour
	leafLife      = 365 * 24 * time.Hour
	// backdate makes a fresh certificate valid on machines whose clock is a little behind.
	backdate = time.Hour
)

// Options describe an authority. Only CommonName is required.
type Options struct {
	CommonName   string
	Organization string
	// RSA is the key's size in bits; 0 makes an ECDSA P-256 key.
	RSA int
	// MaxPathLen limits how many intermediates may follow this one; nil leaves that open.
	MaxPathLen *int
	// ExtKeyUsage limits what certificates below this authority are good for; nil leaves that open.
	ExtKeyUsage []x509.ExtKeyUsage
	// NotBefore and NotAfter default to an hour ago and in five years.
	NotBefore, NotAfter time.Time
	// Now is the clock of the defaults here and of all that is issued below; nil is the parent's, or time.Now.
	Now func() time.Time
}

// Authority issues certificates. It may be used by several goroutines.
type Authority struct {
	cert  *x509.Certificate
	key   crypto.Signer
	chain [][]byte // DER, this authority first, the root left out: empty for a root
	now   func() time.Time
}

// New makes a self-signed root.
func New(o Options) (*Authority, error) {
	return newAuthority(nil, o)
}

// Intermediate makes an authority that is signed by a.
func (a *Authority) Intermediate(o Options) (*Authority, error) {
	return newAuthority(a, o)
}

func newAuthority(parent *Authority, o Options) (*Authority, error) {
	if o.CommonName == "" {
		return nil, errors.New("an authority needs a CommonName")
	}
	now := o.Now
	switch {
	case now != nil:
	case parent != nil:
		now = parent.now
	default:
		now = time.Now
	}
	key, err := newKey(o.RSA)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: o.CommonName},
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLen:            -1,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtKeyUsage:           o.ExtKeyUsage,
	}
	if o.Organization != "" {
		template.Subject.Organization = []string{o.Organization}
	}
	if o.MaxPathLen != nil {
		template.MaxPathLen, template.MaxPathLenZero = *o.MaxPathLen, *o.MaxPathLen == 0
	}
	template.NotBefore, template.NotAfter = validity(now, o.NotBefore, o.NotAfter, authorityLife)

	a := &Authority{key: key, now: now}
	issuer, signer := template, key
	if parent != nil {
		issuer, signer = parent.cert, parent.key
	}
	if a.cert, err = sign(template, issuer, key, signer); err != nil {
		return nil, fmt.Errorf("certificate of %q: %w", o.CommonName, err)
	}
	if parent != nil {
		a.chain = append([][]byte{a.cert.Raw}, parent.chain...)
	}
	return a, nil
}

// Certificate returns the authority's own certificate, which must not be changed.
func (a *Authority) Certificate() *x509.Certificate { return a.cert }

// CertPEM returns the authority's own certificate.
func (a *Authority) CertPEM() []byte { return encodeCerts(a.cert.Raw) }

// Pool returns a new pool that trusts this authority and nobody else.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// validity fills in the limits that were left out.
func validity(now func() time.Time, from, to time.Time, life time.Duration) (notBefore, notAfter time.Time) {
	if from.IsZero() {
		from = now().Add(-backdate)
	}
	if to.IsZero() {
		to = now().Add(life)
	}
	return from, to
}

// sign leaves the serial number to the library: 159 random bits, as RFC 5280 wants it.
func sign(template, parent *x509.Certificate, key, signer crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func encodeCerts(chain ...[]byte) []byte {
	var out bytes.Buffer
	for _, der := range chain {
		out.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	return out.Bytes()
}
