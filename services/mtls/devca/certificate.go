package devca

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net"
	"net/url"
	"time"
)

// Leaf describes the certificate of a server, a client or both. Everything may be left out.
type Leaf struct {
	Subject pkix.Name
	DNS     []string
	URIs    []*url.URL
	IPs     []net.IP
	Emails  []string
	// ExtKeyUsage says what the certificate is good for; nil leaves that open.
	ExtKeyUsage []x509.ExtKeyUsage
	// NotBefore and NotAfter default to an hour ago and in a year.
	NotBefore, NotAfter time.Time
	// RSA is the key's size in bits; 0 makes an ECDSA P-256 key.
	RSA int
}

// Certificate is an issued certificate with its chain and key. It must not be changed.
type Certificate struct {
	Leaf *x509.Certificate
	// Chain is DER, the leaf first, the root left out: what a peer is shown.
	Chain [][]byte
	Key   crypto.Signer

	keyPEM []byte
}

// Issue makes a key and signs a certificate for it.
func (a *Authority) Issue(l Leaf) (*Certificate, error) {
	key, err := newKey(l.RSA)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode the key: %w", err)
	}
	template := &x509.Certificate{
		Subject:               l.Subject,
		BasicConstraintsValid: true,
		DNSNames:              l.DNS,
		URIs:                  l.URIs,
		IPAddresses:           l.IPs,
		EmailAddresses:        l.Emails,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           l.ExtKeyUsage,
	}
	if l.RSA > 0 {
		template.KeyUsage |= x509.KeyUsageKeyEncipherment
	}
	template.NotBefore, template.NotAfter = validity(a.now, l.NotBefore, l.NotAfter, leafLife)

	leaf, err := sign(template, a.cert, key, a.key)
	if err != nil {
		return nil, fmt.Errorf("certificate of %q: %w", l.Subject.String(), err)
	}
	return &Certificate{
		Leaf:   leaf,
		Chain:  append([][]byte{leaf.Raw}, a.chain...),
		Key:    key,
		keyPEM: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	}, nil
}

// TLS returns the certificate as crypto/tls wants it.
func (c *Certificate) TLS() tls.Certificate {
	return tls.Certificate{Certificate: c.Chain, PrivateKey: c.Key, Leaf: c.Leaf}
}

// CertPEM returns the chain, the leaf first.
func (c *Certificate) CertPEM() []byte { return encodeCerts(c.Chain...) }

// KeyPEM returns the private key as PKCS #8, not encrypted.
func (c *Certificate) KeyPEM() []byte { return c.keyPEM }
