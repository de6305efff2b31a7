package mtls

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// KeyPair is a certificate and its key, read again when their files change. It may be used by several goroutines.
type KeyPair struct {
	pair    reloading[tls.Certificate]
	options Options
}

// OpenKeyPair reads a certificate with its intermediates, and its private key, which have to belong together. One that
// has expired is refused, one that is not valid yet only logged: its peer's clock decides.
func OpenKeyPair(cert, key string, o Options) (*KeyPair, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	k := &KeyPair{options: o}
	k.pair.files = []string{cert, key}
	k.pair.read = func(previous *tls.Certificate) (*tls.Certificate, bool, error) {
		pair, err := ReadKeyPair(cert, key)
		if err != nil {
			return nil, false, err
		}
		if previous != nil && slices.EqualFunc(previous.Certificate, pair.Certificate, bytes.Equal) {
			return nil, true, nil // it is the key of this certificate, so it is the same one too
		}
		if err := inDate(o.Logger, cert, pair.Leaf, o.Now()); err != nil {
			return nil, false, err
		}
		return pair, false, nil
	}
	if _, err := k.pair.reload(); err != nil {
		return nil, err
	}
	return k, nil
}

// ReadKeyPair reads a certificate with its intermediates, and its private key, once. They have to belong together; dates
// are not looked at.
func ReadKeyPair(cert, key string) (*tls.Certificate, error) {
	certBlocks, certPEM, err := readPEM(cert)
	if err != nil {
		return nil, err
	}
	if _, err := certificates(cert, certBlocks); err != nil {
		return nil, err
	}
	keyBlocks, keyPEM, err := readPEM(key)
	if err != nil {
		return nil, err
	}
	if err := privateKey(key, keyBlocks); err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("%s is not the key of the first certificate in %s: %w; put the two that belong together there", key, cert, err)
	}
	return &pair, nil
}

// Certificate returns the current pair, which must not be changed.
func (k *KeyPair) Certificate() *tls.Certificate { return k.pair.current.Load() }

// Watch reloads when something changes in the folders of the files, until the context ends. It fails only if the
// folders cannot be watched. Where the new files are no good, the current pair stays, and the log says why.
func (k *KeyPair) Watch(ctx context.Context) error {
	return Watch(ctx, k.options, k.pair.files, k.pair.reload)
}

func inDate(logger *slog.Logger, path string, cert *x509.Certificate, now time.Time) error {
	if now.After(cert.NotAfter) {
		return fmt.Errorf("%s: the certificate of %s has expired on %s; renew it", path, cert.Subject, cert.NotAfter.Format(time.RFC3339))
	}
	if now.Before(cert.NotBefore) {
		logger.Warn("Certificate is not valid yet, peers will refuse it",
			"file", path, "subject", cert.Subject.String(), "not_before", cert.NotBefore, "not_after", cert.NotAfter)
	}
	return nil
}
