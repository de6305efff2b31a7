package doctor_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/authntest"
	"github.com/intentgate/intentgate/gateway/doctor"
)

// write puts a certificate and its key into a new folder.
func write(t *testing.T, certificate tls.Certificate) doctor.ClientConfig {
	t.Helper()
	var chain bytes.Buffer
	for _, der := range certificate.Certificate {
		chain.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	key := must(x509.MarshalPKCS8PrivateKey(certificate.PrivateKey))(t)
	dir := t.TempDir()
	config := doctor.ClientConfig{Cert: filepath.Join(dir, "client.pem"), Key: filepath.Join(dir, "client.key"), Now: func() time.Time { return authntest.Now }}
	for file, data := range map[string][]byte{config.Cert: chain.Bytes(), config.Key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})} {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return config
}

// find returns what a report says of a check.
func find(t *testing.T, report doctor.Report, about, check string) doctor.Finding {
	t.Helper()
	for _, f := range report {
		if f.About == about && f.Check == check {
			return f
		}
	}
	t.Fatalf("no finding %s about %q in %+v", check, about, report)
	return doctor.Finding{}
}

// TestClientCases has the judge's own table judged: the verdicts have to be the same.
func TestClientCases(t *testing.T) {
	t.Parallel()
	pki := authntest.New(t)
	for _, c := range pki.Cases() {
		if len(c.Certificate.Certificate) == 0 {
			continue // there is no such file
		}
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			config := write(t, c.Certificate)
			config.Profiles = []*authn.Profile{pki.Profile("dev")}
			report := must(doctor.Client(config))(t)
			accepts := find(t, report, "profile dev", "accepts")
			match := find(t, report, "certificate "+config.Cert, "client_key_match")
			switch {
			case c.WithoutKey:
				if match.Verdict != doctor.Failed || match.Remedy == "" {
					t.Errorf("%+v", match)
				}
			case c.Reason == "":
				if report.Failed() || accepts.Saw != "by its chain "+c.Chain || match.Verdict != doctor.OK {
					t.Errorf("%+v", report)
				}
			default:
				if accepts.Verdict != doctor.Failed || !strings.HasPrefix(accepts.Saw, string(c.Reason)+": ") ||
					accepts.Remedy != c.Reason.Hint() || accepts.Wanted == "" {
					t.Errorf("%+v, want %s", accepts, c.Reason)
				}
			}
		})
	}
}

// TestClientFindings looks at what is said beside the profiles' verdicts.
func TestClientFindings(t *testing.T) {
	t.Parallel()
	pki := authntest.New(t)
	good := pki.Client().TLS()
	byName := func(name string) tls.Certificate {
		for _, c := range pki.Cases() {
			if c.Name == name {
				return c.Certificate
			}
		}
		t.Fatalf("no case %q", name)
		return tls.Certificate{}
	}
	disorder := good
	disorder.Certificate = append([][]byte{good.Certificate[0], pki.SSLCom.Certificate().Raw}, good.Certificate[1:]...)
	for name, test := range map[string]struct {
		certificate tls.Certificate
		check       string
		verdict     doctor.Verdict
		saw, remedy string
	}{
		"good":          {good, "client_chain", doctor.OK, "2 certificates from CN=Google LLC on", ""},
		"leaf alone":    {byName("without its intermediate"), "client_chain", doctor.Warning, "it is issued by CN=SSL.com-like Client Intermediate", "append"},
		"disorder":      {disorder, "client_chain", doctor.Warning, "disorder", "order"},
		"expired":       {byName("expired"), "client_dates", doctor.Failed, "expired", "renew"},
		"ends soon":     {pki.ClientUntil(authntest.Now.AddDate(0, 0, 9)).TLS(), "client_dates", doctor.Warning, "in 9 days", "renew"},
		"server's":      {byName("gts with serverAuth only"), "client_extended_key_usage", doctor.Warning, "serverAuth", "clientAuth"},
		"its own usage": {good, "client_extended_key_usage", doctor.OK, "clientAuth", ""},
		"key":           {good, "client_key", doctor.OK, "ECDSA P-256, signed with ECDSA-SHA256", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := write(t, test.certificate)
			config.Profiles = []*authn.Profile{pki.Profile("dev")}
			f := find(t, must(doctor.Client(config))(t), "certificate "+config.Cert, test.check)
			if f.Verdict != test.verdict || !strings.Contains(f.Saw, test.saw) || !strings.Contains(f.Remedy, test.remedy) {
				t.Errorf("%+v", f)
			}
		})
	}
}

// TestClientProfiles has two profiles, one of which accepts: that is enough.
func TestClientProfiles(t *testing.T) {
	t.Parallel()
	pki := authntest.New(t)
	config := write(t, pki.Client().TLS())
	config.Key = ""
	const agent = "projects/shop/locations/global/agents/a-1"
	own := must(authn.Custom("own", authn.Chain{
		Roots: []*x509.Certificate{pki.SSLCom.Certificate()}, Subject: authn.Subject{CommonName: "Google LLC"},
	}, []string{agent}))(t)
	config.Profiles = []*authn.Profile{must(authn.Dialogflow())(t), own}
	report := must(doctor.Client(config))(t)
	if f := find(t, report, "profile dialogflow", "accepts"); f.Verdict != doctor.Skipped || !strings.HasPrefix(f.Saw, "unknown_authority: ") || report.Failed() {
		t.Errorf("%+v", report)
	}
	if f := find(t, report, "profile own", "accepts"); f.Verdict != doctor.OK || f.Saw != "by its chain custom; proves "+agent {
		t.Errorf("%+v", f)
	}
	if f := find(t, report, "certificate "+config.Cert, "client_key_match"); f.Verdict != doctor.Skipped {
		t.Errorf("%+v", f)
	}
}

func TestClientRefusesGaps(t *testing.T) {
	t.Parallel()
	pki := authntest.New(t)
	good := write(t, pki.Client().TLS())
	good.Profiles = []*authn.Profile{pki.Profile("dev")}
	for name, change := range map[string]func(*doctor.ClientConfig){
		"no file":     func(c *doctor.ClientConfig) { c.Cert = filepath.Join(t.TempDir(), "none.pem") },
		"no cert":     func(c *doctor.ClientConfig) { c.Cert = c.Key },
		"no profiles": func(c *doctor.ClientConfig) { c.Profiles = nil },
		"no clock":    func(c *doctor.ClientConfig) { c.Now = nil },
	} {
		config := good
		change(&config)
		if report, err := doctor.Client(config); err == nil || report != nil {
			t.Errorf("%s: got %v, %v", name, report, err)
		}
	}
}
