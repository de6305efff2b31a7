package pki_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/pki"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

// now is far from today, so that a test notices who reads the clock.
var now = time.Date(2041, time.February, 3, 4, 5, 6, 0, time.UTC)

// options make keys quickly.
func options() pki.Options {
	return pki.Options{RSABits: 1024, Now: func() time.Time { return now }, Hosts: []string{"gate.example", "192.0.2.7"}}
}

// made is the PKI of the tests that only look at it.
var made = sync.OnceValues(func() (*pki.PKI, error) { return pki.New(options()) })

func look(t *testing.T) *pki.PKI {
	t.Helper()
	p, err := made()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func parse(t *testing.T, c *devca.Certificate) []*x509.Certificate {
	t.Helper()
	var chain []*x509.Certificate
	for _, der := range c.Chain {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		chain = append(chain, cert)
	}
	return chain
}

func TestVerdicts(t *testing.T) {
	p := look(t)
	profile, err := authn.Like("dev", []*x509.Certificate{p.SSLComRoot.Certificate()}, []*x509.Certificate{p.GTSRoot.Certificate()})
	if err != nil {
		t.Fatal(err)
	}
	trust, err := authn.NewTrust(profile)
	if err != nil {
		t.Fatal(err)
	}
	for chain, c := range map[string]*devca.Certificate{"ssl.com": p.SSLCom, "gts": p.GTS, "ssl.com again": p.Refused.Copied} {
		verdict, refusal := trust.Judge(parse(t, c), now)
		if refusal != nil {
			t.Errorf("%s: refused: %v", chain, refusal)
		} else if want, _, _ := strings.Cut(chain, " "); verdict.Accepted[0].Chain != want {
			t.Errorf("%s: accepted by %s", chain, verdict.Accepted[0].Chain)
		}
	}
	for _, c := range p.Refused.Cases() {
		if c.Certificate == p.Refused.Copied {
			continue // what is wrong with it only a handshake can tell
		}
		_, refusal := trust.Judge(parse(t, c.Certificate), now)
		if refusal == nil || refusal.Reason != c.Reason {
			t.Errorf("%s: %v, want %s", c.Name, refusal, c.Reason)
		}
	}
}

// TestCopied shows that the copied certificate is refused for the signature, and not for the kind of key, in both
// versions of TLS.
func TestCopied(t *testing.T) {
	p := look(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for name, c := range map[string]*devca.Certificate{"own": p.SSLCom, "copied": p.Refused.Copied} {
			here, there := net.Pipe()
			server := tls.Server(here, &tls.Config{
				MinVersion: version, MaxVersion: version, Certificates: []tls.Certificate{p.Edge.TLS()},
				ClientAuth: tls.RequireAnyClientCert, Time: func() time.Time { return now },
			})
			client := tls.Client(there, &tls.Config{
				MinVersion: version, RootCAs: p.EdgeCA.Pool(), ServerName: "gate.example", Time: func() time.Time { return now },
				Certificates: []tls.Certificate{c.TLS()},
			})
			done := make(chan error, 1)
			go func() {
				err := client.HandshakeContext(t.Context())
				_, _ = client.Read(make([]byte, 1)) // where TLS 1.3 puts the alert; a pipe holds nothing
				done <- err
			}()
			err := server.HandshakeContext(t.Context())
			_ = here.Close()
			<-done
			if name == "own" && err != nil {
				t.Errorf("%s: %v", tls.VersionName(version), err)
			}
			if name == "copied" && (err == nil || !strings.Contains(err.Error(), "invalid signature by the client certificate")) {
				t.Errorf("%s: error is %v, want an invalid signature", tls.VersionName(version), err)
			}
		}
	}
}

func TestServersAndHop(t *testing.T) {
	p := look(t)
	verify := func(c *devca.Certificate, ca *devca.Authority, name string, usage x509.ExtKeyUsage) {
		t.Helper()
		_, err := c.Leaf.Verify(x509.VerifyOptions{
			DNSName: name, Roots: ca.Pool(), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{usage},
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, host := range []string{"localhost", "127.0.0.1", "::1", "gate.example", "192.0.2.7"} {
		verify(p.Edge, p.EdgeCA, host, x509.ExtKeyUsageServerAuth)
	}
	verify(p.Gateway, p.InternalCA, pki.GatewayName, x509.ExtKeyUsageClientAuth)
	verify(p.CallCenter, p.InternalCA, pki.CallCenterName, x509.ExtKeyUsageClientAuth)
	for _, name := range pki.Services() {
		verify(p.Services[name], p.InternalCA, name+".internal", x509.ExtKeyUsageServerAuth)
		verify(p.Services[name], p.InternalCA, "localhost", x509.ExtKeyUsageServerAuth)
		verify(p.Services[name], p.InternalCA, "", x509.ExtKeyUsageClientAuth)
	}
}

func TestNoAuthorityIsTakenForARealOne(t *testing.T) {
	p := look(t)
	certs := []*x509.Certificate{p.EdgeCA.Certificate(), p.InternalCA.Certificate(), p.SSLComRoot.Certificate(), p.GTSRoot.Certificate()}
	for _, c := range append(p.Refused.Cases(), pki.RefusedCase{Certificate: p.SSLCom}, pki.RefusedCase{Certificate: p.GTS}) {
		certs = append(certs, parse(t, c.Certificate)...)
	}
	for _, cert := range certs {
		if !strings.Contains(cert.Subject.String(), "IntentGate development ") {
			t.Errorf("subject is %s, want one that says development", cert.Subject)
		}
	}
}

func TestShapes(t *testing.T) {
	p := look(t)
	if key, ok := p.SSLComRoot.Certificate().PublicKey.(*rsa.PublicKey); !ok || key.N.BitLen() != 1024 {
		t.Errorf("key of the SSL.com-like root is %T, want RSA of the size asked for", p.SSLComRoot.Certificate().PublicKey)
	}
	if n := len(p.Refused.LongChain.Chain); n != 7 {
		t.Errorf("the long chain has %d certificates, want 7, the first length that is refused", n)
	}
	if !bytes.Equal(p.Refused.UnknownCA.Leaf.RawIssuer, p.SSLCom.Leaf.RawIssuer) || !bytes.Equal(p.Refused.UnknownCA.Leaf.RawSubject, p.SSLCom.Leaf.RawSubject) {
		t.Error("the unknown authority differs in its names, want in its key alone")
	}
}

func TestNewRefusesHosts(t *testing.T) {
	for _, host := range []string{"", "https://gate.example", "gate.example:8443", "two names"} {
		if _, err := pki.New(pki.Options{Hosts: []string{host}}); err == nil || !strings.Contains(err.Error(), "want a DNS name or an IP address") {
			t.Errorf("host %q: error is %v", host, err)
		}
	}
}
