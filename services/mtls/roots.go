package mtls

import (
	"context"
	"crypto/x509"
	"fmt"
)

// Roots are the authorities of a file, read again when it changes. They may be used by several goroutines.
type Roots struct {
	pool    reloading[x509.CertPool]
	options Options
}

// OpenRoots reads a file of at least one certificate, all of which have to be authorities.
func OpenRoots(file string, o Options) (*Roots, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	r := &Roots{options: o}
	r.pool.files, r.pool.logger = []string{file}, o.Logger
	r.pool.read = func(previous *x509.CertPool) (*x509.CertPool, bool, error) {
		certs, err := ReadRoots(file)
		if err != nil {
			return nil, false, err
		}
		pool := x509.NewCertPool()
		for _, cert := range certs {
			pool.AddCert(cert)
		}
		return pool, previous != nil && previous.Equal(pool), nil
	}
	if err := r.Reload(); err != nil {
		return nil, err
	}
	return r, nil
}

// ReadRoots reads a file of at least one certificate, all of which have to be authorities, once.
func ReadRoots(path string) ([]*x509.Certificate, error) {
	blocks, _, err := readPEM(path)
	if err != nil {
		return nil, err
	}
	certs, err := certificates(path, blocks)
	if err != nil {
		return nil, err
	}
	for i, cert := range certs {
		// Version 1 knows no constraints; crypto/x509 lets it sign too.
		if cert.Version == 3 && (!cert.BasicConstraintsValid || !cert.IsCA) {
			return nil, fmt.Errorf("%s: certificate %d (%s) is no authority; put the one there that signed it", path, i+1, cert.Subject)
		}
	}
	return certs, nil
}

// Pool returns the current authorities, which must not be changed.
func (r *Roots) Pool() *x509.CertPool { return r.pool.current.Load() }

// Reload reads the file now. Where it is no good, the current authorities stay, and the error says why.
func (r *Roots) Reload() error { return r.pool.reload() }

// Watch reloads when something changes in the folder of the file, until the context ends. It fails only if the folder
// cannot be watched.
func (r *Roots) Watch(ctx context.Context) error {
	return watch(ctx, r.options, r.pool.files, r.Reload)
}
