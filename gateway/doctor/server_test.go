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
}

func leaf() devca.Leaf {
	return devca.Leaf{DNS: []string{"localhost"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
}

// newWorld is one where all is well.
func newWorld(t *testing.T) *world {
	t.Helper()
	clock := func() time.Time { return now }
	w := &world{
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
func (w *world) issue(t *testing.T, change func(*devca.Leaf)) {
	t.Helper()
	l := leaf()
	change(&l)
	w.certificate = must(w.issuer.Issue(l))(t).TLS()
}

// examine runs the server and has it examined.
func (w *world) examine(t *testing.T) doctor.Report {
	t.Helper()
	server := httptest.NewUnstartedServer(w.handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if w.plain {
		server.Start()
	} else {
		w.tls.Certificates = []tls.Certificate{w.certificate}
		server.TLS = w.tls
		server.StartTLS()
	}
	t.Cleanup(server.Close)
	if w.closed {
		server.Close()
	}
	if w.config.URL == "" {
		w.config.URL = "https://localhost:" + must(url.Parse(server.URL))(t).Port() + "/dialogflow/cx"
	}
	report, err := doctor.Server(t.Context(), w.config)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestServerGood(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var progress []string
	w.config.Progress = func(what string) { progress = append(progress, what) }
	var requests []string // of those who got so far
	w.handler = func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		requests = append(requests, r.Method+" "+r.URL.Path+" "+string(body)+r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusUnauthorized)
	}
	report := w.examine(t)
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

// answer is a webhook that answers everybody alike.
func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// TestServerFaults has one thing wrong in each row, which one finding has to tell, and no other may but those that follow
// from it.
func TestServerFaults(t *testing.T) {
	t.Parallel()
	const failed, warning, skipped = doctor.Failed, doctor.Warning, doctor.Skipped
	for name, test := range map[string]struct {
		change  func(*testing.T, *world)
		check   string
		verdict doctor.Verdict
		saw     string
		remedy  string
		also    []string
	}{
		"no such name":   {func(_ *testing.T, w *world) { w.config.URL = "https://nothing.invalid/x" }, "dns", failed, "nothing.invalid", "A or AAAA", nil},
		"closed port":    {func(_ *testing.T, w *world) { w.closed = true }, "tcp", failed, "refused", "firewall", nil},
		"plain HTTP":     {func(_ *testing.T, w *world) { w.plain = true }, "plain_http", failed, "HTTP 401", "switch TLS on", []string{"tls_1_2", "tls_1_3"}},
		"TLS over there": {func(_ *testing.T, w *world) { w.plain = true }, "tls_1_3", failed, "no TLS", "listen 443 ssl", []string{"tls_1_2", "plain_http"}},
		"another ALPN":   {func(_ *testing.T, w *world) { w.tls.NextProtos = []string{"spdy/3"} }, "tls_1_3", failed, "no application protocol", "ALPN", []string{"tls_1_2"}},
		"TLS 1.2 only":   {func(_ *testing.T, w *world) { w.tls.MaxVersion = tls.VersionTLS12 }, "tls_1_3", warning, "protocol version", "ssl_protocols", nil},
		"TLS 1.3 only":   {func(_ *testing.T, w *world) { w.tls.MinVersion = tls.VersionTLS13 }, "tls_1_2", warning, "protocol version", "ssl_protocols", nil},
		"TLS 1.0":        {func(_ *testing.T, w *world) { w.tls.MinVersion = tls.VersionTLS10 }, "old_tls", warning, "TLS 1.0", "ssl_protocols", nil},

		"leaf only": {func(_ *testing.T, w *world) { w.certificate.Certificate = w.certificate.Certificate[:1] },
			"server_chain", failed, "the leaf alone, dns:localhost; it is issued by CN=intermediate", "fullchain.pem", []string{"server_trust"}},
		"disorder": {func(t *testing.T, w *world) {
			w.issuer = must(w.issuer.Intermediate(devca.Options{CommonName: "second"}))(t)
			w.issue(t, func(*devca.Leaf) {})
			slices.Reverse(w.certificate.Certificate[1:])
		}, "server_chain", warning, "3 certificates", "order", nil},
		"own CA": {func(t *testing.T, w *world) {
			w.certificate.Certificate = append(w.certificate.Certificate, w.root.Certificate().Raw)
			w.config.Roots = nil
		}, "server_trust", failed, "CN=public root", "public CA", nil},
		"self-signed": {func(t *testing.T, w *world) { w.selfSigned(t); w.config.Roots = w.root.Pool() }, "server_trust", failed, "CN=self", "--ca", []string{"server_key_usage"}},
		"other name":  {func(t *testing.T, w *world) { w.issue(t, func(l *devca.Leaf) { l.DNS[0] = "other.example" }) }, "server_name", failed, "other.example", "host of the URL", nil},
		"name as CN only": {func(t *testing.T, w *world) {
			w.issue(t, func(l *devca.Leaf) { l.Subject.CommonName, l.DNS = "localhost", nil })
		}, "server_name", failed, "", "CN alone", nil},
		"expired": {func(t *testing.T, w *world) {
			w.issue(t, func(l *devca.Leaf) { l.NotBefore, l.NotAfter = now.AddDate(-1, 0, 0), now.Add(-time.Hour) })
		}, "server_dates", failed, "has expired on 2026-11-20T11:00:00Z", "renew", nil},
		"not yet valid": {func(t *testing.T, w *world) { w.issue(t, func(l *devca.Leaf) { l.NotBefore = now.Add(time.Hour) }) }, "server_dates", failed, "valid from 2026-11-20T13:00:00Z", "clock", nil},
		"ends soon": {func(t *testing.T, w *world) {
			w.issue(t, func(l *devca.Leaf) { l.NotBefore, l.NotAfter = now.AddDate(0, 0, -80), now.AddDate(0, 0, 10) })
		}, "server_dates", warning, "in 10 days", "renew", nil},
		"intermediate ends soon": {func(t *testing.T, w *world) {
			w.issuer = must(w.root.Intermediate(devca.Options{CommonName: "old", NotBefore: now.AddDate(-3, 0, 0), NotAfter: now.AddDate(0, 0, 5)}))(t)
			w.issue(t, func(*devca.Leaf) {})
		}, "server_dates", warning, "CN=old ends on", "renew", nil},
		"small key": {func(t *testing.T, w *world) { w.issue(t, func(l *devca.Leaf) { l.RSA = 1024 }) }, "server_key", failed, "RSA 1024", "new key", nil},
		"key usage": {func(t *testing.T, w *world) { w.selfSigned(t) }, "server_key_usage", failed, "without digitalSignature", "CX", nil},
		"a client's certificate": {func(t *testing.T, w *world) {
			w.issue(t, func(l *devca.Leaf) { l.ExtKeyUsage[0] = x509.ExtKeyUsageClientAuth })
		}, "server_extended_key_usage", failed, "clientAuth", "serverAuth", nil},

		"no client certificates": {func(_ *testing.T, w *world) { w.tls.ClientAuth = tls.NoClientCert },
			"asks_for_certificate", failed, "TLS 1.2: does not ask; TLS 1.3: does not ask", "ssl_verify_client on", []string{"ca_names", "refuses_stranger", "accepts_client"}},
		"anybody": {func(_ *testing.T, w *world) {
			w.tls.ClientAuth = tls.VerifyClientCertIfGiven
			w.handler = func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(map[bool]int{true: http.StatusUnauthorized, false: http.StatusOK}[len(r.TLS.PeerCertificates) > 0])
			}
		}, "refuses_no_certificate", failed, "TLS 1.2: HTTP 200; TLS 1.3: HTTP 200", "anybody", nil},
		"anybody unheard": {func(_ *testing.T, w *world) {
			w.tls.ClientAuth = tls.VerifyClientCertIfGiven
			w.handler = func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(map[bool]int{true: http.StatusUnauthorized, false: http.StatusInternalServerError}[len(r.TLS.PeerCertificates) > 0])
			}
		}, "refuses_no_certificate", warning, "HTTP 500", "no refusal", nil},
		"any certificate": {func(_ *testing.T, w *world) {
			w.tls.ClientAuth, w.handler = tls.RequireAnyClientCert, answer(http.StatusOK, "{}")
		},
			"refuses_stranger", failed, "HTTP 200", "optional_no_ca", []string{"wants_id_token"}},
		"any certificate in TLS 1.2": {func(_ *testing.T, w *world) {
			w.tls.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
				config := w.tls.Clone()
				if !slices.Contains(hello.SupportedVersions, tls.VersionTLS13) {
					config.ClientAuth = tls.RequireAnyClientCert
				}
				return config, nil
			}
			w.handler = answer(http.StatusOK, "{}")
		}, "refuses_stranger", failed, "TLS 1.2: HTTP 200; TLS 1.3: refused", "optional_no_ca", []string{"wants_id_token"}},
		"nobody knows": {func(_ *testing.T, w *world) { w.config.Client = nil; w.tls.ClientCAs = nil },
			"accepts_client", skipped, "no certificate", "", nil},

		"names of somebody": {func(_ *testing.T, w *world) { w.config.Client = nil }, "ca_names", warning, "CN=clients' root", "ssl_trusted_certificate", []string{"accepts_client"}},
		"names of GTS only": {func(t *testing.T, w *world) { w.config.Client = nil; w.tls.ClientCAs = google(t, "gts") },
			"ca_names", warning, "CN=GTS Root R1", "1 December 2026", []string{"accepts_client"}},
		"names of GTS only, later": {func(t *testing.T, w *world) {
			w.config.Client, w.config.Now, w.tls.ClientCAs = nil, func() time.Time { return now.AddDate(0, 0, 11) }, google(t, "gts")
		}, "ca_names", failed, "CN=GTS Root R1", "ssl_verify_depth 2", []string{"accepts_client"}},
		"names of SSL.com": {func(t *testing.T, w *world) { w.config.Client = nil; w.tls.ClientCAs = google(t, "ssl.com") },
			"ca_names", doctor.OK, "CN=SSL.com Root Certification Authority RSA", "", []string{"accepts_client"}},

		"other client": {func(t *testing.T, w *world) { other := must(w.issuer.Issue(leaf()))(t).TLS(); w.config.Client = &other },
			"accepts_client", failed, "TLS 1.2: remote error", "Handshake refused", []string{"ca_names", "wants_id_token"}},
		"nginx": {func(_ *testing.T, w *world) {
			w.tls.ClientAuth, w.handler = tls.RequestClientCert, answer(http.StatusBadRequest, "<title>400 The SSL certificate error</title>")
		}, "accepts_client", failed, "nginx", "ssl_verify_depth 2", []string{"wants_id_token"}},
		"other path": {func(_ *testing.T, w *world) { w.handler = answer(http.StatusNotFound, "") }, "accepts_client", failed, "HTTP 404", "slash", []string{"wants_id_token"}},
		"forbidden":  {func(_ *testing.T, w *world) { w.handler = answer(http.StatusForbidden, "") }, "accepts_client", failed, "HTTP 403", "profile_mismatch", []string{"wants_id_token"}},
		"no token":   {func(_ *testing.T, w *world) { w.handler = answer(http.StatusOK, "{}") }, "wants_id_token", warning, "HTTP 200", "same for every customer", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			test.change(t, w)
			told := false
			for _, f := range w.examine(t) {
				switch {
				case f.Check == test.check:
					told = true
					if f.Verdict != test.verdict || !strings.Contains(f.Saw, test.saw) || !strings.Contains(f.Remedy, test.remedy) {
						t.Errorf("%+v", f)
					}
					if (f.Verdict == failed || f.Verdict == warning) && (f.Wanted == "" || f.Remedy == "") {
						t.Errorf("says not all: %+v", f)
					}
				case f.Verdict != doctor.OK && f.Check != "handshake_time" && !slices.Contains(test.also, f.Check):
					t.Errorf("besides: %+v", f)
				}
			}
			if !told {
				t.Errorf("no finding %s", test.check)
			}
		})
	}
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
func (w *world) selfSigned(t *testing.T) {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "self"}, DNSNames: []string{"localhost"}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageKeyEncipherment, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))(t)
	w.certificate = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	w.config.Roots = x509.NewCertPool()
	w.config.Roots.AddCert(must(x509.ParseCertificate(der))(t))
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
