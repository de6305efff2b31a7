package edge_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/authntest"
	"github.com/intentgate/intentgate/gateway/authn/forwarded"
	"github.com/intentgate/intentgate/gateway/edge"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

// balanced is an edge behind load balancers, and beside them.
type balanced struct {
	*fixture

	ca       *devca.Authority // of the proxies, and of an agent
	profiles []*authn.Profile // dev, agent, and one of each proxy's name
	seen     chan edge.Forwarded
}

// balance starts an edge behind five proxies, each by a profile of its name. Its handler serves who comes by the profile dev.
func balance(t *testing.T, pki *authntest.PKI) *balanced {
	t.Helper()
	ca, err := devca.New(devca.Options{CommonName: "Own CA", Now: func() time.Time { return authntest.Now }})
	if err != nil {
		t.Fatal(err)
	}
	b := &balanced{ca: ca, seen: make(chan edge.Forwarded, 1000), profiles: []*authn.Profile{pki.Profile("dev"), own(t, ca, "agent")}}
	var proxies []*forwarded.Proxy
	for _, config := range []forwarded.Config{
		{Name: "google", Header: "GOOGLE"},
		{Name: "envoy", Header: "XFCC"},
		{Name: "haproxy", Header: "CLIENT_CERT"},
		{Name: "believed-google", Header: "GOOGLE", TrustChainVerified: true},
		{Name: "nginx", Header: "XFCC", TrustChainVerified: true},
	} {
		config.Profile = config.Name
		b.profiles = append(b.profiles, own(t, ca, config.Name))
		proxy, err := forwarded.New(config)
		if err != nil {
			t.Fatal(err)
		}
		proxies = append(proxies, proxy)
	}
	trust, err := authn.NewTrust(b.profiles...)
	if err != nil {
		t.Fatal(err)
	}
	b.fixture = start(t, pki, func(c *edge.Config) {
		site := c.Site()
		site.Proxies, site.Trust, site.Handler = proxies, trust, http.HandlerFunc(serveDev)
		c.Limits.HeaderBytes = 256 << 10
		c.ObserveForwarded = func(f edge.Forwarded) { b.seen <- f }
	})
	b.trust = trust
	return b
}

// own is a profile of certificates with the DNS name of the profile.
func own(t *testing.T, ca *devca.Authority, name string) *authn.Profile {
	t.Helper()
	profile, err := authn.Custom(name, authn.Chain{Roots: []*x509.Certificate{ca.Certificate()}, Subject: authn.Subject{DNS: []string{name}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return profile
}

// serveDev is a webhook of the profile dev.
func serveDev(w http.ResponseWriter, r *http.Request) {
	for name := range r.Header {
		if strings.Contains(strings.ToLower(name), "client-cert") {
			http.Error(w, "a header is left: "+name, http.StatusInternalServerError)
			return
		}
	}
	peer, _ := edge.PeerFromContext(r.Context())
	verdict, refusal := peer.Verdict()
	if refusal == nil {
		refusal = (&authn.Webhook{Profiles: []string{"dev"}}).Admit(verdict)
	}
	peer.Answering(w.Header())
	if refusal != nil {
		http.Error(w, string(refusal.Reason), http.StatusForbidden)
		return
	}
	if by := verdict.Accepted[0].Certificate.GetForwardedBy(); by != verdict.ForwardedBy() || by != peer.ForwardedBy() {
		http.Error(w, "told in two ways", http.StatusInternalServerError)
		return
	}
	_, _ = fmt.Fprintf(w, "%s by %s", verdict.Accepted[0].Chain, verdict.ForwardedBy())
}

// as speaks with a certificate of the own CA that has these names.
func (b *balanced) as(http2 bool, names ...string) *http.Client {
	b.t.Helper()
	certificate, err := b.ca.Issue(devca.Leaf{DNS: names, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		b.t.Fatal(err)
	}
	return b.client(b.clientConfig(certificate.TLS()), http2)
}

// ask returns what is answered to a request with the header: the body, or HTTP's status with it.
func (b *balanced) ask(client *http.Client, header http.Header) string {
	b.t.Helper()
	request, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.url(), strings.NewReader("{}"))
	if err != nil {
		b.t.Fatal(err)
	}
	maps.Copy(request.Header, header)
	response, err := client.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	text := strings.TrimSpace(string(body))
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusForbidden {
		b.t.Errorf("answer %d %q", response.StatusCode, text)
	}
	return text
}

// set is a header with one field more, or another one.
func set(header http.Header, name string, values ...string) http.Header {
	header = header.Clone()
	header[http.CanonicalHeaderKey(name)] = values
	return header
}

// Who hands certificates on is believed for what it hands on in its own way, and nobody else is.
func TestForwardedCertificates(t *testing.T) {
	pki := authntest.New(t)
	b := balance(t, pki)
	var google, gts [][]byte
	for _, c := range pki.Cases() {
		switch c.Name {
		case "ssl.com":
			google = c.Certificate.Certificate
		case "gts with serverAuth only":
			gts = c.Certificate.Certificate
		}
	}
	agent, err := b.ca.Issue(devca.Leaf{DNS: []string{"agent"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{"google": "GOOGLE", "envoy": "XFCC", "haproxy": "CLIENT_CERT"}
	type row struct {
		name   string
		header http.Header
		want   string
	}
	rows := map[string][]row{
		"google": {
			{"absent", set(authntest.Forward("GOOGLE", google), "X-Client-Cert-Present", "false"), "forwarded_missing"},
			{"no word of its presence", set(authntest.Forward("GOOGLE", google), "X-Client-Cert-Present"), "forwarded_missing"},
			{"empty", set(authntest.Forward("GOOGLE", google), "X-Client-Cert-Leaf", ""), "forwarded_missing"},
			{"present twice", set(authntest.Forward("GOOGLE", google), "X-Client-Cert-Present", "true", "true"), "forwarded_duplicate"},
			{"leaf twice", set(authntest.Forward("GOOGLE", google), "X-Client-Cert-Leaf", authntest.Sequences(google[:1]), authntest.Sequences(google[:1])), "forwarded_duplicate"},
			{"not verified, with its chain", set(authntest.Forward("GOOGLE", google), "X-Client-Cert-Chain-Verified", "false"), "ssl.com by google"},
		},
		"envoy": {
			{"empty", http.Header{"X-Forwarded-Client-Cert": {""}}, "forwarded_missing"},
			{"nginx without a certificate", http.Header{"X-Forwarded-Client-Cert": {`Cert=""`}}, "forwarded_missing"},
			{"without Cert", http.Header{"X-Forwarded-Client-Cert": {`Hash=00;Subject="CN=Google LLC"`}}, "forwarded_missing"},
			{"Chain alone", http.Header{"X-Forwarded-Client-Cert": {`Chain="` + authntest.EscapedPEM(google) + `"`}}, "forwarded_missing"},
			{"the client's own before it", http.Header{"X-Forwarded-Client-Cert": {`Hash=1,` + authntest.Forward("XFCC", google).Get("X-Forwarded-Client-Cert")}}, "ssl.com by envoy"},
			{"a good one before it", http.Header{"X-Forwarded-Client-Cert": {authntest.Forward("XFCC", google).Get("X-Forwarded-Client-Cert") + `,Hash=1`}}, "forwarded_missing"},
			{"another field", set(authntest.Forward("XFCC", google), "X-Forwarded-Client-Cert", authntest.Forward("XFCC", google)["X-Forwarded-Client-Cert"][0], "Hash=1"), "forwarded_duplicate"},
			{"Cert twice", http.Header{"X-Forwarded-Client-Cert": {`Cert="` + authntest.EscapedPEM(google[:1]) + `";cert="` + authntest.EscapedPEM(google[:1]) + `"`}}, "forwarded_duplicate"},
			{"two certificates in Cert", http.Header{"X-Forwarded-Client-Cert": {`Cert="` + authntest.EscapedPEM(google) + `"`}}, "forwarded_malformed"},
		},
		"haproxy": {
			{"empty", set(authntest.Forward("CLIENT_CERT", google), "Client-Cert", ""), "forwarded_missing"},
			{"of no bytes", http.Header{"Client-Cert": {"::"}, "Client-Cert-Chain": {"::"}}, "forwarded_missing"},
			{"chain alone", set(authntest.Forward("CLIENT_CERT", google), "Client-Cert"), "forwarded_missing"},
			{"twice", set(authntest.Forward("CLIENT_CERT", google), "Client-Cert", authntest.Sequences(google[:1]), authntest.Sequences(google[:1])), "forwarded_duplicate"},
			{"chain twice", set(authntest.Forward("CLIENT_CERT", google), "Client-Cert-Chain", authntest.Sequences(google[1:]), authntest.Sequences(google[1:])), "forwarded_duplicate"},
			{"joined", set(authntest.Forward("CLIENT_CERT", google), "Client-Cert", authntest.Sequences(google)), "forwarded_malformed"},
			{"two in one", set(authntest.Forward("CLIENT_CERT", google), "Client-Cert", authntest.Sequences([][]byte{append(google[0][:len(google[0]):len(google[0])], google[1]...)})), "forwarded_malformed"},
			{"no chain", set(authntest.Forward("CLIENT_CERT", google), "Client-Cert-Chain"), "unknown_authority"},
		},
		"believed-google": {
			{"no chain, verified", set(authntest.Forward("GOOGLE", google), "X-Client-Cert-Chain", ""), "ssl.com by believed-google"},
			{"no chain, not verified", set(set(authntest.Forward("GOOGLE", google), "X-Client-Cert-Chain", ""), "X-Client-Cert-Chain-Verified", "false"), "forwarded_unverified"},
			{"no chain, no word", set(set(authntest.Forward("GOOGLE", google), "X-Client-Cert-Chain"), "X-Client-Cert-Chain-Verified"), "forwarded_unverified"},
			{"a chain of somebody else's", set(authntest.Forward("GOOGLE", google), "X-Client-Cert-Chain", authntest.Sequences(gts[1:])), "unknown_authority"},
		},
		"nginx": {
			{"no chain", http.Header{"X-Forwarded-Client-Cert": {`Cert="` + authntest.EscapedPEM(google[:1]) + `"`}}, "ssl.com by nginx"},
			{"somebody else's", http.Header{"X-Forwarded-Client-Cert": {`Cert="` + authntest.EscapedPEM(agent.Chain[:1]) + `"`}}, "profile_mismatch"},
			{"a chain of somebody else's", http.Header{"X-Forwarded-Client-Cert": {`Cert="` + authntest.EscapedPEM(google[:1]) + `";Chain="` + authntest.EscapedPEM(gts[1:]) + `"`}}, "unknown_authority"},
		},
	}
	for proxy, kind := range kinds {
		rows[proxy] = append(
			rows[proxy],
			row{"ssl.com", authntest.Forward(kind, google), "ssl.com by " + proxy},
			row{"gts", authntest.Forward(kind, gts), "gts by " + proxy},
			row{"nothing", http.Header{}, "forwarded_missing"},
			row{"somebody else's", authntest.Forward(kind, agent.Chain), "profile_mismatch"},
			row{"the proxy's address is not believed", set(http.Header{}, "X-Forwarded-For", "192.0.2.1"), "forwarded_missing"},
		)
		for other := range kinds {
			if other != proxy {
				rows[proxy] = append(rows[proxy], row{"in the way of " + other, authntest.Forward(kinds[other], google), "forwarded_missing"})
			}
		}
		for _, c := range pki.Cases() { // the same verdict as of who presents it himself
			if c.WithoutKey || len(c.Certificate.Certificate) == 0 {
				continue
			}
			want := string(c.Reason)
			if c.Reason == "" {
				want = c.Chain + " by " + proxy
			}
			if len(c.Certificate.Certificate) > 50 {
				want = string(authn.ForwardedTooLarge)
			}
			rows[proxy] = append(rows[proxy], row{c.Name, authntest.Forward(kind, c.Certificate.Certificate), want})
		}
	}
	for _, http2 := range []bool{false, true} {
		for proxy, rows := range rows {
			client := b.as(http2, proxy)
			for _, row := range rows {
				t.Run(fmt.Sprintf("%s/%s/http2=%t", proxy, row.name, http2), func(t *testing.T) {
					for range 2 { // the second time, perhaps, from memory
						if got := b.ask(client, row.header); got != row.want {
							t.Errorf("answer %q, want %q", got, row.want)
						}
					}
				})
			}
		}
		direct := b.client(b.clientConfig(pki.Client().TLS()), http2)
		for _, kind := range kinds {
			t.Run(fmt.Sprintf("strangers/%s/http2=%t", kind, http2), func(t *testing.T) {
				forged := authntest.Forward(kind, google)
				if got := b.ask(b.as(http2, "agent"), forged); got != "profile_mismatch" {
					t.Errorf("somebody who is no proxy got %q", got)
				}
				if got := b.ask(direct, authntest.Forward(kind, agent.Chain)); got != "ssl.com by" {
					t.Errorf("who comes itself got %q", got)
				}
				if got := b.ask(b.as(http2, "google", "envoy", "haproxy"), forged); got != "proxy_ambiguous" {
					t.Errorf("who is several proxies got %q", got)
				}
				if got := b.ask(b.as(http2, "agent", "google"), http.Header{}); got != "forwarded_missing" {
					t.Errorf("a proxy that is an agent, too, got %q", got)
				}
			})
		}
	}
}

// One connection carries many clients' requests, and each is judged as of its own time: what a proxy said before, and what
// was trusted then, is nothing.
func TestForwardedVerdictBelongsToItsRequest(t *testing.T) {
	pki := authntest.New(t)
	for _, http2 := range []bool{false, true} {
		b := balance(t, pki)
		client := b.as(http2, "envoy")
		short := authntest.Forward("XFCC", pki.ClientUntil(authntest.Now.Add(time.Hour)).Chain)
		foreign := authntest.Forward("XFCC", authntest.New(t).Client().Chain)
		expect := func(header http.Header, want string) {
			t.Helper()
			if got := b.ask(client, header); got != want {
				t.Errorf("http2=%t: answer %q, want %q", http2, got, want)
			}
		}
		replace := func(profiles ...*authn.Profile) {
			t.Helper()
			if err := b.trust.Replace(profiles...); err != nil {
				t.Fatal(err)
			}
		}
		fresh := func(want bool) {
			t.Helper()
			if f := <-b.seen; f.Proxy != "envoy" || f.Fresh != want || f.Verdict == nil {
				t.Errorf("http2=%t: observed %+v, want fresh %t", http2, f, want)
			}
		}
		expect(short, "ssl.com by envoy")
		fresh(true)
		expect(short, "ssl.com by envoy")
		fresh(false)
		expect(foreign, "unknown_authority")
		if f := <-b.seen; f.Refusal == nil || f.Verdict != nil {
			t.Errorf("observed %+v, want a refusal", f)
		}
		expect(http.Header{}, "forwarded_missing")
		expect(short, "ssl.com by envoy")

		without := append([]*authn.Profile{authntest.New(t).Profile("dev")}, b.profiles[1:]...)
		replace(without...)
		expect(short, "unknown_authority")
		replace(b.profiles...)
		expect(short, "ssl.com by envoy")
		b.clock.pass(2 * time.Hour)
		expect(short, "expired")
		if http2 {
			continue // the connection's own end is TestLiveConnectionsAreJudged's
		}
		b.handshake()
		select {
		case h := <-b.handshakes:
			t.Errorf("a refusal of what was handed on ended the proxy's connection: %+v", h)
		default:
		}
		replace(b.profiles[0])
		expect(authntest.Forward("XFCC", pki.Client().Chain), "subject_mismatch")
		replace(b.profiles...)
		expect(authntest.Forward("XFCC", pki.Client().Chain), "ssl.com by envoy")
		b.handshake() // the other one had ended with the trust in it
	}
}

// What the leaf has to say, it has to say also where its chain is believed.
func TestBelievedChains(t *testing.T) {
	pki := authntest.New(t)
	b := balance(t, pki)
	stranger, err := devca.New(devca.Options{CommonName: "Any CA", Now: func() time.Time { return authntest.Now }})
	if err != nil {
		t.Fatal(err)
	}
	client := b.as(true, "nginx")
	for _, c := range []struct {
		name, want string
		change     func(*devca.Leaf)
	}{
		{"as it is", "ssl.com by nginx", func(*devca.Leaf) {}},
		{"of somebody else", "subject_mismatch", func(l *devca.Leaf) { l.Subject = pkix.Name{CommonName: "Acme"} }},
		{"expired", "expired", func(l *devca.Leaf) { l.NotAfter = authntest.Now.Add(-time.Second) }},
		{"not valid yet", "not_yet_valid", func(l *devca.Leaf) { l.NotBefore = authntest.Now.Add(time.Minute) }},
		{"of another use", "key_usage", func(l *devca.Leaf) { l.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }},
		{"of no use", "key_usage", func(l *devca.Leaf) { l.ExtKeyUsage = nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			leaf := authntest.Leaf()
			c.change(&leaf)
			certificate, err := stranger.Issue(leaf)
			if err != nil {
				t.Fatal(err)
			}
			header := http.Header{"X-Forwarded-Client-Cert": {`Cert="` + authntest.EscapedPEM(certificate.Chain[:1]) + `"`}}
			if got := b.ask(client, header); got != c.want {
				t.Errorf("answer %q, want %q", got, c.want)
			}
		})
	}
	leaf := authntest.Leaf()
	leaf.NotAfter = authntest.Now.Add(time.Hour)
	certificate, err := stranger.Issue(leaf)
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{"X-Forwarded-Client-Cert": {`Cert="` + authntest.EscapedPEM(certificate.Chain[:1]) + `"`}}
	if got := b.ask(client, header); got != "ssl.com by nginx" {
		t.Error(got)
	}
	b.clock.pass(2 * time.Hour)
	if got := b.ask(client, header); got != "expired" {
		t.Errorf("answer %q after the certificate's end", got)
	}
}
