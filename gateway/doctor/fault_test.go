package doctor_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/doctor"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

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
		change  func(*world)
		check   string
		verdict doctor.Verdict
		saw     string
		remedy  string
		also    []string
	}{
		"no such name":   {func(w *world) { w.config.URL = "https://nothing.invalid/x" }, "dns", failed, "nothing.invalid", "A or AAAA", nil},
		"closed port":    {func(w *world) { w.closed = true }, "tcp", failed, "refused", "firewall", nil},
		"plain HTTP":     {func(w *world) { w.plain = true }, "plain_http", failed, "HTTP 401", "switch TLS on", []string{"tls_1_2", "tls_1_3"}},
		"plain HTTP 400": {func(w *world) { w.plain, w.handler = true, answer(http.StatusBadRequest, "") }, "plain_http", failed, "HTTP 400", "switch TLS on", []string{"tls_1_2", "tls_1_3"}},
		"TLS over there": {func(w *world) { w.plain = true }, "tls_1_3", failed, "no TLS", "listen 443 ssl", []string{"tls_1_2", "plain_http"}},
		"another ALPN":   {func(w *world) { w.tls.NextProtos = []string{"spdy/3"} }, "tls_1_3", failed, "no application protocol", "ALPN", []string{"tls_1_2"}},
		"TLS 1.2 only":   {func(w *world) { w.tls.MaxVersion = tls.VersionTLS12 }, "tls_1_3", warning, "protocol version", "ssl_protocols", nil},
		"TLS 1.3 only":   {func(w *world) { w.tls.MinVersion = tls.VersionTLS13 }, "tls_1_2", warning, "protocol version", "ssl_protocols", nil},
		"TLS 1.0":        {func(w *world) { w.tls.MinVersion = tls.VersionTLS10 }, "old_tls", warning, "TLS 1.0", "ssl_protocols", nil},

		"leaf only": {
			func(w *world) { w.certificate.Certificate = w.certificate.Certificate[:1] },
			"server_chain", failed, "the leaf alone, dns:localhost; it is issued by CN=intermediate", "fullchain.pem",
			[]string{"server_trust"},
		},
		"disorder": {func(w *world) {
			w.issuer = must(w.issuer.Intermediate(devca.Options{CommonName: "second"}))(w.t)
			w.issue(func(*devca.Leaf) {})
			slices.Reverse(w.certificate.Certificate[1:])
		}, "server_chain", warning, "3 certificates", "order", nil},
		"own CA": {func(w *world) {
			w.certificate.Certificate = append(w.certificate.Certificate, w.root.Certificate().Raw)
			w.config.Roots = nil
		}, "server_trust", failed, "CN=public root", "public CA", nil},
		"self-signed": {func(w *world) { w.selfSigned(); w.config.Roots = w.root.Pool() }, "server_trust", failed, "CN=self", "--ca", []string{"server_key_usage"}},
		"other name":  {func(w *world) { w.issue(func(l *devca.Leaf) { l.DNS[0] = "other.example" }) }, "server_name", failed, "other.example", "host of the URL", nil},
		"name as CN only": {func(w *world) {
			w.issue(func(l *devca.Leaf) { l.Subject.CommonName, l.DNS = "localhost", nil })
		}, "server_name", failed, "", "CN alone", nil},
		"expired": {func(w *world) {
			w.issue(func(l *devca.Leaf) { l.NotBefore, l.NotAfter = now.AddDate(-1, 0, 0), now.Add(-time.Hour) })
		}, "server_dates", failed, "has expired on 2026-11-20T11:00:00Z", "renew", nil},
		"not yet valid": {func(w *world) { w.issue(func(l *devca.Leaf) { l.NotBefore = now.Add(time.Hour) }) }, "server_dates", failed, "valid from 2026-11-20T13:00:00Z", "clock", nil},
		"ends soon": {func(w *world) {
			w.issue(func(l *devca.Leaf) { l.NotBefore, l.NotAfter = now.AddDate(0, 0, -80), now.AddDate(0, 0, 10) })
		}, "server_dates", warning, "in 10 days", "renew", nil},
		"intermediate ends soon": {func(w *world) {
			w.issuer = must(w.root.Intermediate(devca.Options{CommonName: "old", NotBefore: now.AddDate(-3, 0, 0), NotAfter: now.AddDate(0, 0, 5)}))(w.t)
			w.issue(func(*devca.Leaf) {})
		}, "server_dates", warning, "CN=old ends on", "renew", nil},
		"intermediate not yet valid": {func(w *world) {
			w.issuer = must(w.root.Intermediate(devca.Options{CommonName: "early", NotBefore: now.Add(time.Minute)}))(w.t)
			w.issue(func(*devca.Leaf) {})
		}, "server_dates", failed, "CN=early is valid from", "clock", []string{"server_trust"}},
		"small key": {func(w *world) { w.issue(func(l *devca.Leaf) { l.RSA = 1024 }) }, "server_key", failed, "RSA 1024", "new key", nil},
		"key usage": {func(w *world) { w.selfSigned() }, "server_key_usage", failed, "without digitalSignature", "CX", nil},
		"a client's certificate": {func(w *world) {
			w.issue(func(l *devca.Leaf) { l.ExtKeyUsage[0] = x509.ExtKeyUsageClientAuth })
		}, "server_extended_key_usage", failed, "clientAuth", "serverAuth", nil},

		"no client certificates": {
			func(w *world) { w.tls.ClientAuth = tls.NoClientCert },
			"asks_for_certificate", failed, "TLS 1.2: does not ask; TLS 1.3: does not ask", "ssl_verify_client on",
			[]string{"ca_names", "refuses_stranger", "accepts_client"},
		},
		"anybody": {func(w *world) {
			w.tls.ClientAuth = tls.VerifyClientCertIfGiven
			w.handler = func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(map[bool]int{true: http.StatusUnauthorized, false: http.StatusOK}[len(r.TLS.PeerCertificates) > 0])
			}
		}, "refuses_no_certificate", failed, "TLS 1.2: HTTP 200; TLS 1.3: HTTP 200", "anybody", nil},
		"anybody unheard": {func(w *world) {
			w.tls.ClientAuth = tls.VerifyClientCertIfGiven
			w.handler = func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(map[bool]int{true: http.StatusUnauthorized, false: http.StatusInternalServerError}[len(r.TLS.PeerCertificates) > 0])
			}
		}, "refuses_no_certificate", warning, "HTTP 500", "no refusal", nil},
		"any certificate": {
			func(w *world) {
				w.tls.ClientAuth, w.handler = tls.RequireAnyClientCert, answer(http.StatusOK, "{}")
			},
			"refuses_stranger", failed, "HTTP 200", "optional_no_ca",
			[]string{"wants_id_token"},
		},
		"any certificate in TLS 1.2": {func(w *world) {
			w.tls.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
				config := w.tls.Clone()
				if !slices.Contains(hello.SupportedVersions, tls.VersionTLS13) {
					config.ClientAuth = tls.RequireAnyClientCert
				}
				return config, nil
			}
			w.handler = answer(http.StatusOK, "{}")
		}, "refuses_stranger", failed, "TLS 1.2: HTTP 200; TLS 1.3: refused", "optional_no_ca", []string{"wants_id_token"}},
		"any certificate in TLS 1.3": {func(w *world) {
			w.tls.ClientAuth = tls.RequireAnyClientCert
			w.handler = func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(map[bool]int{true: http.StatusOK, false: http.StatusInternalServerError}[r.TLS.Version == tls.VersionTLS13])
			}
		}, "refuses_stranger", failed, "TLS 1.2: HTTP 500; TLS 1.3: HTTP 200", "optional_no_ca", []string{"wants_id_token"}},
		"gone meanwhile": {func(w *world) {
			var handshakes atomic.Int32
			w.tls.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
				if handshakes.Add(1) > 4 { // two without a certificate, two with old versions
					return nil, errors.New("no more")
				}
				return w.tls, nil
			}
		}, "refuses_stranger", warning, "internal error", "no refusal", []string{"accepts_client", "wants_id_token"}},
		"nobody knows": {
			func(w *world) { w.config.Client = nil; w.tls.ClientCAs = nil },
			"accepts_client", skipped, "no certificate", "", nil,
		},

		"names of somebody": {func(w *world) { w.config.Client = nil }, "ca_names", warning, "CN=clients' root", "ssl_trusted_certificate", []string{"accepts_client"}},
		"names of GTS only": {
			func(w *world) { w.config.Client = nil; w.tls.ClientCAs = google(w.t, "gts") },
			"ca_names", warning, "CN=GTS Root R1", "1 December 2026",
			[]string{"accepts_client"},
		},
		"names of GTS only, later": {func(w *world) {
			w.config.Client, w.config.Now, w.tls.ClientCAs = nil, func() time.Time { return now.AddDate(0, 0, 11) }, google(w.t, "gts")
		}, "ca_names", failed, "CN=GTS Root R1", "ssl_verify_depth 2", []string{"accepts_client"}},
		"names of SSL.com": {
			func(w *world) { w.config.Client = nil; w.tls.ClientCAs = google(w.t, "ssl.com") },
			"ca_names", doctor.OK, "CN=SSL.com Root Certification Authority RSA", "",
			[]string{"accepts_client"},
		},

		"other client": {
			func(w *world) { other := must(w.issuer.Issue(leaf()))(w.t).TLS(); w.config.Client = &other },
			"accepts_client", failed, "TLS 1.2: remote error", "Handshake refused",
			[]string{"ca_names", "wants_id_token"},
		},
		"nginx": {func(w *world) {
			w.tls.ClientAuth, w.handler = tls.RequestClientCert, answer(http.StatusBadRequest, "<title>400 The SSL certificate error</title>")
		}, "accepts_client", failed, "nginx", "ssl_verify_depth 2", []string{"wants_id_token"}},
		"other path": {func(w *world) { w.handler = answer(http.StatusNotFound, "") }, "accepts_client", failed, "HTTP 404", "slash", []string{"wants_id_token"}},
		"forbidden":  {func(w *world) { w.handler = answer(http.StatusForbidden, "") }, "accepts_client", failed, "HTTP 403", "profile_mismatch", []string{"wants_id_token"}},
		"no token":   {func(w *world) { w.handler = answer(http.StatusOK, "{}") }, "wants_id_token", warning, "HTTP 200", "same for every customer", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			test.change(w)
			told := false
			for _, f := range w.examine() {
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
