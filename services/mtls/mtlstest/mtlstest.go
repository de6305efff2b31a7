// Package mtlstest makes certificates for tests: each test has an authority of its own, and no key is ever committed.
package mtlstest

import (
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

// CA is a certificate authority that lives as long as a test, and fails it where something goes wrong.
type CA struct {
	*devca.Authority

	tb testing.TB
}

// NewCA makes an authority.
func NewCA(tb testing.TB) *CA {
	tb.Helper()
	authority, err := devca.New(devca.Options{CommonName: tb.Name()})
	if err != nil {
		tb.Fatalf("make an authority: %v", err)
	}
	return &CA{Authority: authority, tb: tb}
}

// Issue makes a certificate.
func (ca *CA) Issue(leaf devca.Leaf) *devca.Certificate {
	ca.tb.Helper()
	certificate, err := ca.Authority.Issue(leaf)
	if err != nil {
		ca.tb.Fatalf("issue a certificate: %v", err)
	}
	return certificate
}

// Leaf describes a certificate with the given names, each `dns:<name>` or `uri:<id>`, good for clients and servers.
func (ca *CA) Leaf(sans ...string) devca.Leaf {
	ca.tb.Helper()
	var leaf devca.Leaf
	for _, san := range sans {
		kind, value, _ := strings.Cut(san, ":")
		switch kind {
		case "dns":
			leaf.DNS = append(leaf.DNS, value)
		case "uri":
			id, err := url.Parse(value)
			if err != nil {
				ca.tb.Fatalf("name %q: %v", san, err)
			}
			leaf.URIs = append(leaf.URIs, id)
		default:
			ca.tb.Fatalf("name %q: want dns:<name> or uri:<id>", san)
		}
	}
	return leaf
}

// Files issues a certificate with the given names and writes it, its key and the authority into a new folder.
func (ca *CA) Files(sans ...string) mtls.Files {
	ca.tb.Helper()
	return ca.Write(ca.Issue(ca.Leaf(sans...)))
}

// Write writes a certificate, its key and the authority into a new folder.
func (ca *CA) Write(certificate *devca.Certificate) mtls.Files {
	ca.tb.Helper()
	dir := ca.tb.TempDir()
	files := mtls.Files{
		Cert: filepath.Join(dir, "cert.pem"),
		Key:  filepath.Join(dir, "key.pem"),
		CA:   filepath.Join(dir, "ca.pem"),
	}
	if err := certificate.WriteFiles(files.Cert, files.Key); err != nil {
		ca.tb.Fatal(err)
	}
	if err := ca.WriteFile(files.CA); err != nil {
		ca.tb.Fatal(err)
	}
	return files
}

// Identity opens [CA.Files], with a logger that is silent.
func (ca *CA) Identity(sans ...string) *mtls.Identity {
	ca.tb.Helper()
	identity, err := mtls.Open(ca.Files(sans...), mtls.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		ca.tb.Fatal(err)
	}
	return identity
}
