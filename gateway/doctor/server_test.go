package doctor_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/doctor"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

// now is a time before Google's change of certificates.
var now = time.Date(2026, time.November, 20, 12, 0, 0, 0, time.UTC)

// must returns a value that is there.
func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// world is a webhook's server, whom it trusts, and what the doctor knows of both.
type world struct {
	root, issuer  *devca.Authority // of the server's certificate
	clients       *devca.Authority
	certificate   tls.Certificate
	tls           *tls.Config
	handler       http.HandlerFunc
	config        doctor.ServerConfig
	plain, closed bool
	query         string // of the URL

	t *testing.T
}

func leaf() devca.Leaf {
	return devca.Leaf{DNS: []string{"localhost"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
}

// newWorld is one where all is well.
func newWorld(t *testing.T) *world {
	t.Helper()
	clock := func() time.Time { return now }
	w := &world{
		t:       t,
		root:    must(devca.New(devca.Options{CommonName: "public root", Now: clock}))(t),
		clients: must(devca.New(devca.Options{CommonName: "clients' root", Now: clock}))(t),
		handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
	}
	w.issuer = must(w.root.Intermediate(devca.Options{CommonName: "intermediate"}))(t)
	w.certificate = must(w.issuer.Issue(leaf()))(t).TLS()
	client := must(w.clients.Issue(devca.Leaf{Subject: pkix.Name{CommonName: "Google LLC"}}))(t).TLS()
	w.tls = &tls.Config{MinVersion: tls.VersionTLS12, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: w.clients.Pool(), Time: clock}
	w.config = doctor.ServerConfig{Roots: w.root.Pool(), Client: &client, Now: clock}
	return w
}

// issue gives the server another certificate.
func (w *world) issue(change func(*devca.Leaf)) {
	w.t.Helper()
	l := leaf()
	change(&l)
	w.certificate = must(w.issuer.Issue(l))(w.t).TLS()
}

// examine runs the server and has it examined.
func (w *world) examine() doctor.Report {
	w.t.Helper()
	server := httptest.NewUnstartedServer(w.handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if w.plain {
		server.Start()
	} else {
		w.tls.Certificates = []tls.Certificate{w.certificate}
		server.TLS = w.tls
		server.StartTLS()
	}
	w.t.Cleanup(server.Close)
	if w.closed {
		server.Close()
	}
	if w.config.URL == "" {
		w.config.URL = "https://localhost:" + must(url.Parse(server.URL))(w.t).Port() + "/dialogflow/cx" + w.query
	}
	report, err := doctor.Server(w.t.Context(), w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	return report
}

// google is a pool of roots of the built-in profile.
func google(t *testing.T, chain string) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	for _, c := range must(authn.Dialogflow())(t).Chains {
		if c.Name == chain {
			for _, root := range c.Roots {
				pool.AddCert(root)
			}
		}
	}
	return pool
}

// selfSigned gives the server a certificate that nobody has issued, for encryption only, and has it trusted.
func (w *world) selfSigned() {
	w.t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(w.t)
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "self"}, DNSNames: []string{"localhost"}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageKeyEncipherment, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))(w.t)
	w.certificate = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	w.config.Roots = x509.NewCertPool()
	w.config.Roots.AddCert(must(x509.ParseCertificate(der))(w.t))
}

func TestServerGood(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var progress []string
	w.config.Progress = func(what string) { progress = append(progress, what) }
	var requests []string // of those who got so far
	w.query = "?key=secret"
	w.handler = func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		requests = append(requests, r.Method+" "+r.URL.String()+" "+string(body)+r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusUnauthorized)
	}
	report := w.examine()
	var got []string
	for _, f := range report {
		got = append(got, f.Check)
		if f.Verdict != doctor.OK && f.Check != "handshake_time" || f.Saw == "" { // a busy machine is slow
			t.Errorf("%+v", f)
		}
	}
	want := []string{
		"dns", "tcp", "tls_1_2", "tls_1_3", "plain_http", "old_tls", "alpn", "handshake_time",
		"server_chain", "server_trust", "server_name", "server_dates", "server_key", "server_key_usage", "server_extended_key_usage",
		"asks_for_certificate", "ca_names", "refuses_no_certificate", "refuses_stranger", "accepts_client", "wants_id_token",
	}
	if !slices.Equal(got, want) {
		t.Errorf("checked %q, want %q", got, want)
	}
	if !slices.Contains(progress, "TLS 1.3 as a stranger") {
		t.Errorf("progress %q", progress)
	}
	if want := []string{"POST /dialogflow/cx {}", "POST /dialogflow/cx {}"}; !slices.Equal(requests, want) {
		t.Errorf("requests %q, want %q", requests, want)
	}
}

// TestServerSilent has a server that takes connections and says nothing.
func TestServerSilent(t *testing.T) {
	t.Parallel()
	report, err := doctor.Server(t.Context(), doctor.ServerConfig{
		URL: "https://" + listen(t, "tcp").Addr().String(), Timeout: 50 * time.Millisecond, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report {
		if strings.HasPrefix(f.Check, "tls_") && (f.Verdict != doctor.Failed || f.Saw != "no answer in time" || !strings.Contains(f.Remedy, "says nothing")) {
			t.Errorf("%+v", f)
		}
	}
}

// TestServerBrokenOff has nobody wait for what cannot be found out any more.
func TestServerBrokenOff(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	config := doctor.ServerConfig{URL: "https://127.0.0.1:1/x", Now: time.Now}
	if report, err := doctor.Server(ctx, config); !errors.Is(err, context.Canceled) || report != nil {
		t.Errorf("got %v, %v", report, err)
	}
}

func TestServerRefusesGaps(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		url  string
		want string
		now  func() time.Time
	}{
		{"http://shop.example/x", "want https://HOST/PATH", time.Now},
		{"shop.example/x", "want https://HOST/PATH", time.Now},
		{"https://", "want https://HOST/PATH", time.Now},
		{"https://user:secret@shop.example/x", "https://user:xxxxx@", time.Now},
		{"https://shop.example:a/x", "cannot be read", time.Now},
		{"https://shop.example/x", "Now", nil},
	} {
		report, err := doctor.Server(t.Context(), doctor.ServerConfig{URL: test.url, Now: test.now})
		if err == nil || !strings.Contains(err.Error(), test.want) || report != nil {
			t.Errorf("%s: got %v, want %q", test.url, err, test.want)
		}
	}
}
