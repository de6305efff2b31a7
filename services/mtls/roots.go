package mtls

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Roots are the authorities of a file, read again when it changes. They may be used by several goroutines.
type Roots struct {
	pool    reloading[x509.CertPool]
	options Options
}

// OpenRoots reads a file of authorities as [ReadRoots] does.
func OpenRoots(file string, o Options) (*Roots, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	r := &Roots{options: o}
	r.pool.files = []string{file}
	r.pool.read = func(previous *x509.CertPool) (*x509.CertPool, bool, error) {
		certs, err := ReadRoots(file)
		if err != nil {
			return nil, false, err
		}
		pool := Pool(certs)
		return pool, previous != nil && previous.Equal(pool), nil
	}
	if _, err := r.pool.reload(); err != nil {
		return nil, err
	}
	return r, nil
}

// Pool returns the current authorities, which must not be changed; another pool once they are others.
func (r *Roots) Pool() *x509.CertPool { return r.pool.current.Load() }

// Watch reloads when something changes in the folder of the file, as [Watch] does.
func (r *Roots) Watch(ctx context.Context) error {
	return Watch(ctx, r.options, r.pool.files, r.pool.reload)
}

// Pool returns a pool of certificates.
func Pool(certs []*x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, cert := range certs {
		pool.AddCert(cert)
	}
	return pool
}

// ReadRoots reads a file of at least one certificate, all of which have to be authorities, once.
func ReadRoots(path string) ([]*x509.Certificate, error) {
	certs, err := ReadCertificates(path)
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

// ReadRootsFolder reads all files of a folder that are named *.pem or *.crt, of which there has to be one, in the order of
// their names. Hidden files are passed over: among them is what Kubernetes puts beside its links.
func ReadRootsFolder(folder string) ([]*x509.Certificate, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, withRemedy(folder, err)
	}
	var roots []*x509.Certificate
	for _, entry := range entries {
		name := entry.Name()
		if extension := filepath.Ext(name); strings.HasPrefix(name, ".") || extension != ".pem" && extension != ".crt" {
			continue
		}
		path := filepath.Join(folder, name)
		if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() { // a pipe would block
			return nil, fmt.Errorf("%s: is no file; put the authorities into files", path)
		}
		certs, err := ReadRoots(path)
		if err != nil {
			return nil, err
		}
		roots = append(roots, certs...)
	}
	if len(roots) == 0 {
		return nil, fmt.Errorf("%s: no file in the folder is named *.pem or *.crt; put the authorities there", folder)
	}
	return roots, nil
}
