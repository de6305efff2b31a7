package authn_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/authntest"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

func TestJudge(t *testing.T) {
	pki := authntest.New(t)
	trust := pki.Trust()
	for _, c := range pki.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			verdict, refusal := trust.Judge(parse(t, c.Certificate), authntest.Now)
			if c.Reason == "" || c.WithoutKey {
				if refusal != nil {
					t.Fatal(refusal)
				}
				if got := verdict.Accepted[0].Chain; !c.WithoutKey && got != c.Chain {
					t.Errorf("accepted by chain %q, want %q", got, c.Chain)
				}
				if got := verdict.Profiles(); !slices.Equal(got, []string{"dev"}) {
					t.Errorf("accepted by profiles %q", got)
				}
				return
			}
			if verdict != nil {
				t.Fatalf("accepted: %+v", verdict.Accepted)
			}
			if refusal.Reason != c.Reason {
				t.Errorf("refused with %v, want %v", refusal, c.Reason)
			}
			if refusal.Saw == "" || refusal.Wanted == "" || len(refusal.Saw) > 256 {
				t.Errorf("a refusal says what it saw and wanted: %+v", refusal)
			}
		})
	}
}

func TestJudgeSaysWhatItSawAndWanted(t *testing.T) {
	pki := authntest.New(t)
	for _, c := range pki.Cases() {
		want, ok := map[string][2]string{
			"unknown CA": {
				"CN=Google LLC issued by CN=A Stranger's Root, in a chain of 1",
				"dev/ssl.com: a chain to SSL.com-like Root",
			},
			"a foreign organization's": {
				"CN=Acme Inc,O=Acme Inc",
				`dev/ssl.com: exactly one CN "Google LLC", O absent or "Google LLC"; or dev/gts: SAN dns:*.dialogflow.com`,
			},
			"ssl.com with serverAuth only": {
				"CN=Google LLC with extended key usage serverAuth", "dev/ssl.com: extended key usage clientAuth",
			},
			"expired": {
				"CN=Google LLC valid until 2041-02-03T04:05:05Z", "dev/ssl.com: a certificate valid on 2041-02-03T04:05:06Z",
			},
			"large RSA key in the chain": {"RSA 4104 in certificate 2 of 2", "RSA of at most 4096 bits, or ECDSA"},
		}[c.Name]
		if !ok {
			continue
		}
		_, refusal := pki.Trust().Judge(parse(t, c.Certificate), authntest.Now)
		if refusal == nil || refusal.Saw != want[0] || refusal.Wanted != want[1] {
			t.Errorf("%s:\n got %+v\nwant %q", c.Name, refusal, want)
		}
	}
}

// A name that fits both rules was meant for the chain that came further.
func TestJudgeReportsTheMostTelling(t *testing.T) {
	pki := authntest.New(t)
	other := authntest.New(t)
	trust, err := authn.NewTrust(other.Profile("other"), pki.Profile("dev"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range pki.Cases() {
		if c.Reason != authn.Expired && c.Reason != authn.KeyUsage {
			continue
		}
		if _, refusal := trust.Judge(parse(t, c.Certificate), authntest.Now); refusal == nil || refusal.Reason != c.Reason {
			t.Errorf("%s: refused with %v, want %s", c.Name, refusal, c.Reason)
		}
	}
}

func TestVerdictEndsWithTrustAndTime(t *testing.T) {
	pki := authntest.New(t)
	trust := pki.Trust()
	until := authntest.Now.Add(time.Hour)
	verdict, refusal := trust.Judge(parse(t, pki.ClientUntil(until).TLS()), authntest.Now)
	if refusal != nil {
		t.Fatal(refusal)
	}
	if !verdict.NotAfter.Equal(until) {
		t.Errorf("valid until %s, want %s", verdict.NotAfter, until)
	}
	if same, refusal := trust.Current(verdict, until); refusal != nil || same != verdict {
		t.Errorf("nothing has changed, and yet: %v", refusal)
	}
	if _, refusal := trust.Current(verdict, until.Add(time.Second)); refusal == nil || refusal.Reason != authn.Expired {
		t.Errorf("after its time: %v", refusal)
	}

	if err := trust.Replace(pki.Profile("renamed")); err != nil {
		t.Fatal(err)
	}
	renewed, refusal := trust.Current(verdict, authntest.Now)
	if refusal != nil || renewed == verdict || renewed.Profiles()[0] != "renamed" {
		t.Errorf("under new profiles: %+v, %v", renewed, refusal)
	}
	if same, refusal := pki.Trust().Current(renewed, authntest.Now); refusal != nil || same.Profiles()[0] != "dev" {
		t.Errorf("under another trust: %+v, %v", same, refusal)
	}
	if err := trust.Replace(authntest.New(t).Profile("dev")); err != nil {
		t.Fatal(err)
	}
	if _, refusal := trust.Current(renewed, authntest.Now); refusal == nil || refusal.Reason != authn.UnknownAuthority {
		t.Errorf("after the trust was withdrawn: %v", refusal)
	}
}

func TestTrustRefusesGaps(t *testing.T) {
	if _, err := authn.NewTrust(); err == nil {
		t.Error("a trust without profiles")
	}
	profile := authntest.New(t).Profile("dev")
	if _, err := authn.NewTrust(profile, profile); err == nil || !strings.Contains(err.Error(), "dev") {
		t.Errorf("two profiles of one name: %v", err)
	}
}

func TestCustom(t *testing.T) {
	now := func() time.Time { return authntest.Now }
	ca, err := devca.New(devca.Options{CommonName: "Shop CA", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	roots := []*x509.Certificate{ca.Certificate()}
	id := &url.URL{Scheme: "spiffe", Host: "shop.example", Path: "/agent"}
	leaf := devca.Leaf{
		Subject: pkix.Name{CommonName: "agent", Organization: []string{"Shop"}},
		DNS:     []string{"agent.shop.example"},
		URIs:    []*url.URL{id},
	}
	server := leaf
	server.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, c := range []struct {
		name    string
		subject authn.Subject
		leaf    devca.Leaf
		reason  authn.Reason
	}{
		{name: "common name", subject: authn.Subject{CommonName: "agent"}, leaf: leaf},
		{name: "dns", subject: authn.Subject{DNS: []string{"other.shop.example", "agent.shop.example"}}, leaf: leaf},
		{name: "uri", subject: authn.Subject{URI: []string{"spiffe://shop.example/agent"}}, leaf: leaf},
		{name: "organization", subject: authn.Subject{Organization: "Shop"}, leaf: leaf},
		{name: "all", subject: authn.Subject{CommonName: "agent", Organization: "Shop", DNS: leaf.DNS, URI: []string{id.String()}}, leaf: leaf},
		{name: "one of two rules", subject: authn.Subject{CommonName: "agent", DNS: []string{"other.shop.example"}}, leaf: leaf, reason: authn.SubjectMismatch},
		{name: "no such uri", subject: authn.Subject{URI: []string{"spiffe://shop.example"}}, leaf: leaf, reason: authn.SubjectMismatch},
		{name: "no organization", subject: authn.Subject{Organization: "Shop"}, leaf: devca.Leaf{DNS: leaf.DNS}, reason: authn.SubjectMismatch},
		{name: "for servers", subject: authn.Subject{CommonName: "agent"}, leaf: server, reason: authn.KeyUsage},
	} {
		t.Run(c.name, func(t *testing.T) {
			profile, err := authn.Custom("shop", authn.Chain{Roots: roots, Subject: c.subject}, nil)
			if err != nil {
				t.Fatal(err)
			}
			trust, err := authn.NewTrust(profile)
			if err != nil {
				t.Fatal(err)
			}
			certificate, err := ca.Issue(c.leaf)
			if err != nil {
				t.Fatal(err)
			}
			_, refusal := trust.Judge([]*x509.Certificate{certificate.Leaf}, authntest.Now)
			if (c.reason == "") != (refusal == nil) || refusal != nil && refusal.Reason != c.reason {
				t.Errorf("refused with %v, want %q", refusal, c.reason)
			}
		})
	}
}

func TestProfilesRefuseGaps(t *testing.T) {
	roots := []*x509.Certificate{authntest.New(t).SSLCom.Certificate()}
	subject := authn.Subject{CommonName: "agent"}
	for name, c := range map[string]struct {
		make func() (*authn.Profile, error)
		want string
	}{
		"no subject": {func() (*authn.Profile, error) {
			return authn.Custom("shop", authn.Chain{Roots: roots}, []string{"projects/p/locations/l/agents/a"})
		}, "subject"},
		"no roots": {func() (*authn.Profile, error) { return authn.Custom("shop", authn.Chain{Subject: subject}, nil) }, "roots"},
		"no name": {func() (*authn.Profile, error) {
			return authn.Custom("", authn.Chain{Roots: roots, Subject: subject}, nil)
		}, "name"},
		"no agent": {func() (*authn.Profile, error) {
			return authn.Custom("shop", authn.Chain{Roots: roots, Subject: subject}, []string{"agent"})
		}, "projects/P/locations/L/agents/A"},
		"dates the wrong way round": {func() (*authn.Profile, error) {
			return authn.Custom("shop", authn.Chain{Roots: roots, Subject: subject, Dates: authn.Dates{From: authntest.Now, Until: authntest.Now}}, nil)
		}, "swap"},
		"no dates to enforce": {func() (*authn.Profile, error) {
			return authn.Custom("shop", authn.Chain{Roots: roots, Subject: subject, Dates: authn.Dates{Enforce: true}}, nil)
		}, "from, until"},
		"no chain":          {func() (*authn.Profile, error) { return authn.Like("dev", nil, nil) }, "roots"},
		"the built-in name": {func() (*authn.Profile, error) { return authn.Like("dialogflow", roots, nil) }, "another name"},
	} {
		if _, err := c.make(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one about %q", name, err, c.want)
		}
	}
}

func TestRefusalsAreFitForALog(t *testing.T) {
	pki := authntest.New(t)
	leaf := authntest.Leaf()
	leaf.Subject = pkix.Name{CommonName: "evil\n\x1b[31m\u202e" + strings.Repeat("ü", 400)}
	certificate, err := pki.SSLCom.Issue(leaf)
	if err != nil {
		t.Fatal(err)
	}
	_, refusal := pki.Trust().Judge([]*x509.Certificate{certificate.Leaf}, authntest.Now)
	if refusal == nil || refusal.Reason != authn.SubjectMismatch {
		t.Fatal(refusal)
	}
	if !strings.HasPrefix(refusal.Saw, `CN=evil\n\x1b[31m\u202eü`) || len(refusal.Saw) > 256 || !strings.HasSuffix(refusal.Saw, "…") {
		t.Errorf("saw %d bytes: %q", len(refusal.Saw), refusal.Saw)
	}
	for in, want := range map[string]string{"plain": "plain", `a "b" \c`: `a "b" \\c`, "\xff": `\xff`, "": ""} {
		if got := authn.Printable(in); got != want {
			t.Errorf("Printable(%q) = %q, want %q", in, got, want)
		}
	}
}

func parse(tb testing.TB, certificate tls.Certificate) []*x509.Certificate {
	tb.Helper()
	var certs []*x509.Certificate
	for _, der := range certificate.Certificate {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			tb.Fatal(err)
		}
		certs = append(certs, cert)
	}
	return certs
}

// FuzzJudge: whatever is presented, nothing panics, and what is accepted bears the name of a profile.
func FuzzJudge(f *testing.F) {
	pki := authntest.New(f)
	trust := pki.Trust()
	for _, c := range pki.Cases() {
		if len(c.Certificate.Certificate) > 10 {
			continue
		}
		f.Add(slices.Concat(c.Certificate.Certificate...))
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		certs, err := x509.ParseCertificates(der)
		if err != nil {
			return
		}
		verdict, refusal := trust.Judge(certs, authntest.Now)
		if (verdict == nil) == (refusal == nil) {
			t.Fatalf("verdict %v and refusal %v", verdict, refusal)
		}
		if refusal != nil {
			if len(refusal.Saw) > 256 || refusal.Reason.Hint() == "" {
				t.Errorf("refusal %+v", refusal)
			}
			return
		}
		leaf := verdict.Leaf()
		if leaf.Subject.CommonName != "Google LLC" && !slices.Contains(leaf.DNSNames, "*.dialogflow.com") {
			t.Errorf("accepted %s %s", leaf.Subject, leaf.DNSNames)
		}
	})
}
