package devca_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/intentgate/intentgate/services/mtls/devca"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func root(t *testing.T, o devca.Options) *devca.Authority {
	t.Helper()
	o.CommonName, o.Now = "root", func() time.Time { return noon }
	a, err := devca.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestChainVerifies(t *testing.T) {
	for name, bits := range map[string]int{"ECDSA": 0, "RSA": 2048} {
		t.Run(name, func(t *testing.T) {
			ca := root(t, devca.Options{RSA: bits})
			sub, err := ca.Intermediate(devca.Options{CommonName: "intermediate", Organization: "Example", RSA: bits})
			if err != nil {
				t.Fatal(err)
			}
			leaf, err := sub.Issue(devca.Leaf{
				Subject:     pkix.Name{CommonName: "ignored"},
				DNS:         []string{"orders.internal"},
				URIs:        []*url.URL{{Scheme: "spiffe", Host: "shop", Path: "/orders"}},
				IPs:         []net.IP{net.IPv4(127, 0, 0, 1)},
				Emails:      []string{"ops@example.com"},
				ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
				RSA:         bits,
			})
			if err != nil {
				t.Fatal(err)
			}
			if len(leaf.Chain) != 2 || !bytes.Equal(leaf.Chain[1], sub.Certificate().Raw) {
				t.Fatalf("chain of %d certificates, want leaf and intermediate", len(leaf.Chain))
			}
			intermediates := x509.NewCertPool()
			intermediates.AddCert(sub.Certificate())
			verify := x509.VerifyOptions{
				DNSName:       "orders.internal",
				Roots:         ca.Pool(),
				Intermediates: intermediates,
				CurrentTime:   noon,
				KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
			}
			if _, err := leaf.Leaf.Verify(verify); err != nil {
				t.Error(err)
			}
			verify.KeyUsages = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
			if _, err := leaf.Leaf.Verify(verify); err == nil {
				t.Error("a server's certificate was accepted for a client")
			}
			if !bytes.Equal(leaf.Leaf.AuthorityKeyId, sub.Certificate().SubjectKeyId) || len(leaf.Leaf.AuthorityKeyId) == 0 {
				t.Errorf("authority's key identifier %x, want %x", leaf.Leaf.AuthorityKeyId, sub.Certificate().SubjectKeyId)
			}
			if _, isRSA := leaf.Key.(*rsa.PrivateKey); isRSA != (bits > 0) {
				t.Errorf("key is %T", leaf.Key)
			}
			if _, err := tls.X509KeyPair(leaf.CertPEM(), leaf.KeyPEM()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPathLength(t *testing.T) {
	zero := 0
	for name, c := range map[string]struct {
		max  *int
		zero bool
		want int
	}{"open": {nil, false, -1}, "none": {&zero, true, 0}} {
		cert := root(t, devca.Options{MaxPathLen: c.max}).Certificate()
		if cert.MaxPathLen != c.want || cert.MaxPathLenZero != c.zero {
			t.Errorf("%s: MaxPathLen %d (zero %t), want %d (%t)", name, cert.MaxPathLen, cert.MaxPathLenZero, c.want, c.zero)
		}
	}
}

func TestValidity(t *testing.T) {
	ca := root(t, devca.Options{})
	fresh, err := ca.Issue(devca.Leaf{})
	if err != nil {
		t.Fatal(err)
	}
	if fresh.Leaf.NotBefore.After(noon) || fresh.Leaf.NotAfter.Before(noon) {
		t.Errorf("valid %s to %s, want the injected clock inside", fresh.Leaf.NotBefore, fresh.Leaf.NotAfter)
	}
	end := noon.Add(-time.Minute)
	old, err := ca.Issue(devca.Leaf{NotAfter: end})
	if err != nil {
		t.Fatal(err)
	}
	if !old.Leaf.NotAfter.Equal(end) {
		t.Errorf("NotAfter %s, want %s", old.Leaf.NotAfter, end)
	}
	if fresh.Leaf.SerialNumber.Cmp(old.Leaf.SerialNumber) == 0 {
		t.Error("two certificates with one serial number")
	}
}

func TestWriteFiles(t *testing.T) {
	dir := t.TempDir()
	ca := root(t, devca.Options{})
	leaf, err := ca.Issue(devca.Leaf{})
	if err != nil {
		t.Fatal(err)
	}
	cert, key, authority := filepath.Join(dir, "a.pem"), filepath.Join(dir, "a.key"), filepath.Join(dir, "ca.pem")
	for range 2 { // the second time replaces
		if err := leaf.WriteFiles(cert, key); err != nil {
			t.Fatal(err)
		}
		if err := ca.WriteFile(authority); err != nil {
			t.Fatal(err)
		}
	}
	for path, mode := range map[string]os.FileMode{cert: 0o644, key: 0o600, authority: 0o644} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != mode {
			t.Errorf("%s has mode %s, want %s", path, info.Mode(), mode)
		}
	}
	if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
		t.Error(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 3 {
		t.Errorf("%d files, want 3: a temporary one was left", len(entries))
	}
	if err := leaf.WriteFiles(filepath.Join(dir, "no", "a.pem"), key); err == nil {
		t.Error("writing into a folder that is not there did not fail")
	}
}

func TestGaps(t *testing.T) {
	if _, err := devca.New(devca.Options{}); err == nil {
		t.Error("an authority without a name was made")
	}
	if _, err := root(t, devca.Options{}).Issue(devca.Leaf{RSA: 1}); err == nil {
		t.Error("an RSA key of one bit was made")
	}
}
