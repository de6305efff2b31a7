package mtls_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/mtls/devca"
	"github.com/intentgate/intentgate/services/mtls/mtlstest"
)

// logBuffer is a log that may be read while it is written.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func options(log *logBuffer) mtls.Options {
	return mtls.Options{Logger: slog.New(slog.NewTextHandler(log, nil))}
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// TestWrongFiles checks that each fault names its file and what is wrong in it, and that nothing is opened.
func TestWrongFiles(t *testing.T) {
	ca := mtlstest.NewCA(t)
	own, other := ca.Issue(ca.Leaf("dns:own.internal")), ca.Issue(ca.Leaf("dns:other.internal"))
	legacy := pem.EncodeToMemory(&pem.Block{
		Type: "EC PRIVATE KEY", Bytes: []byte("secret"),
		Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00"},
	})
	for name, c := range map[string]struct {
		file string // of the three that is replaced
		data []byte
		want string
	}{
		"empty":                   {"cert.pem", nil, "the file is empty"},
		"no PEM":                  {"cert.pem", []byte("hello"), "no PEM block"},
		"DER":                     {"cert.pem", own.Leaf.Raw, "DER where PEM is wanted"},
		"key as certificate":      {"cert.pem", own.KeyPEM(), "holds a private key where a certificate is wanted"},
		"request":                 {"cert.pem", block("CERTIFICATE REQUEST", own.Leaf.Raw), "holds a certificate request"},
		"unknown block":           {"cert.pem", block("TRUSTED CERTIFICATE", own.Leaf.Raw), `type "TRUSTED CERTIFICATE"`},
		"damaged certificate":     {"cert.pem", block("CERTIFICATE", []byte("abc")), "PEM block 1 is no certificate"},
		"cut certificate":         {"cert.pem", own.CertPEM()[:200], "PEM block 1 is cut off"},
		"cut chain":               {"cert.pem", append(own.CertPEM(), ca.CertPEM()[:200]...), "PEM block 2 is cut off"},
		"another's key":           {"key.pem", other.KeyPEM(), "is not the key of the first certificate"},
		"certificate as key":      {"key.pem", own.CertPEM(), "holds a certificate where a private key is wanted"},
		"encrypted key":           {"key.pem", block("ENCRYPTED PRIVATE KEY", []byte("abc")), "protected by a password"},
		"encrypted key, old form": {"key.pem", legacy, "protected by a password"},
		"parameters as key":       {"key.pem", block("EC PARAMETERS", []byte("abc")), `type "EC PARAMETERS"`},
		"cut key":                 {"key.pem", own.KeyPEM()[:100], "PEM block 1 is cut off"},
		"key as authority":        {"ca.pem", own.KeyPEM(), "holds a private key where a certificate is wanted"},
		"leaf as authority":       {"ca.pem", own.CertPEM(), "is no authority"},
		"cut authority":           {"ca.pem", ca.CertPEM()[:200], "PEM block 1 is cut off"},
		"too large":               {"ca.pem", make([]byte, 5<<20), "too many for a PEM file"},
	} {
		t.Run(name, func(t *testing.T) {
			files := ca.Write(own)
			path := filepath.Join(filepath.Dir(files.Cert), c.file)
			write(t, path, c.data)
			_, err := mtls.Open(files, options(&logBuffer{}))
			if err == nil {
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q, want one that names %s and says %q", err, path, c.want)
			}
		})
	}
}

func TestUnreadableFiles(t *testing.T) {
	ca := mtlstest.NewCA(t)
	t.Run("all missing", func(t *testing.T) {
		_, err := mtls.Open(mtls.Files{Cert: "/no/cert.pem", Key: "/no/key.pem", CA: "/no/ca.pem"}, options(&logBuffer{}))
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "cert.pem") || !strings.Contains(err.Error(), "ca.pem") {
			t.Errorf("error %v, want both files named", err)
		}
	})
	t.Run("not named", func(t *testing.T) {
		files := ca.Files("dns:own.internal")
		files.Key = ""
		if _, err := mtls.Open(files, options(&logBuffer{})); err == nil {
			t.Error("opened")
		}
	})
	t.Run("folder", func(t *testing.T) {
		files := ca.Files("dns:own.internal")
		files.Key = filepath.Dir(files.Key)
		_, err := mtls.Open(files, options(&logBuffer{}))
		if err == nil || !strings.Contains(err.Error(), "is a folder") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("not permitted", func(t *testing.T) {
		denied := mtls.WithRemedy("key.pem", &fs.PathError{Op: "open", Path: "key.pem", Err: fs.ErrPermission})
		if !errors.Is(denied, fs.ErrPermission) || !strings.Contains(denied.Error(), "key.pem: ") || !strings.Contains(denied.Error(), "let this process's user read") {
			t.Errorf("error %v", denied)
		}
		if os.Geteuid() == 0 { // to whom everything is permitted
			return
		}
		files := ca.Files("dns:own.internal")
		if err := os.Chmod(files.Key, 0); err != nil {
			t.Fatal(err)
		}
		_, err := mtls.Open(files, options(&logBuffer{}))
		if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), files.Key) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("no logger", func(t *testing.T) {
		if _, err := mtls.Open(ca.Files("dns:own.internal"), mtls.Options{}); err == nil {
			t.Error("opened")
		}
	})
}

func TestAcceptedFiles(t *testing.T) {
	ca := mtlstest.NewCA(t)
	own := ca.Issue(ca.Leaf("dns:own.internal"))
	files := ca.Write(own)

	// A key beside the certificates, and text before them, are common.
	write(t, files.Cert, append(append([]byte("subject=own\n"), own.KeyPEM()...), own.CertPEM()...))
	write(t, files.CA, append(ca.CertPEM(), mtlstest.NewCA(t).CertPEM()...))
	identity, err := mtls.Open(files, options(&logBuffer{}))
	if err != nil {
		t.Fatal(err)
	}
	if !identity.Certificate().Leaf.Equal(own.Leaf) {
		t.Error("another certificate was opened")
	}
	if _, err := own.Leaf.Verify(x509.VerifyOptions{Roots: identity.Pool()}); err != nil {
		t.Error(err)
	}
}

func TestDates(t *testing.T) {
	ca := mtlstest.NewCA(t)
	now := time.Now()
	for name, c := range map[string]struct {
		from, to  time.Time
		log, fail string
	}{
		"valid":   {now.Add(-time.Hour), now.Add(time.Hour), "", ""},
		"expired": {now.Add(-2 * time.Hour), now.Add(-time.Hour), "", "has expired"},
		"early":   {now.Add(time.Hour), now.Add(2 * time.Hour), "Certificate is not valid yet", ""},
	} {
		t.Run(name, func(t *testing.T) {
			log := &logBuffer{}
			o := options(log)
			o.Now = func() time.Time { return now }
			files := ca.Write(ca.Issue(devca.Leaf{NotBefore: c.from, NotAfter: c.to}))
			_, err := mtls.OpenKeyPair(files.Cert, files.Key, o)
			if (err == nil) != (c.fail == "") {
				t.Fatalf("error %v, want %q", err, c.fail)
			}
			told, want := log.String(), c.log
			if err != nil {
				told, want = err.Error(), c.fail
			}
			if want == "" && told != "" || !strings.Contains(told, want) {
				t.Errorf("told %q, want %q", told, want)
			}
			if want != "" && !strings.Contains(told, files.Cert) {
				t.Errorf("%q does not name the file", told)
			}
		})
	}
}
