package edge_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/authntest"
	"github.com/intentgate/intentgate/gateway/edge"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

const acmeTLS = "acme-tls/1"

// challenged is an edge with a challenge pending for its own name, and the authority of the answer, which is nobody's in truth.
func challenged(t *testing.T) (*fixture, *devca.Authority) {
	t.Helper()
	pki := authntest.New(t)
	ca, err := devca.New(devca.Options{CommonName: "challenges", Now: func() time.Time { return authntest.Now }})
	if err != nil {
		t.Fatal(err)
	}
	issued, err := ca.Issue(devca.Leaf{DNS: []string{serverName}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	if err != nil {
		t.Fatal(err)
	}
	answer := issued.TLS()
	return start(t, pki, func(c *edge.Config) {
		c.Site().Challenge = func(name string) *tls.Certificate {
			if name != serverName {
				return nil
			}
			return &answer
		}
	}), ca
}

// tickets counts the sessions that a client could resume.
type tickets struct {
	tls.ClientSessionCache

	put int
}

func (c *tickets) Put(key string, session *tls.ClientSessionState) {
	if session != nil {
		c.put++
	}
	c.ClientSessionCache.Put(key, session)
}

// A CA that asks for a pending challenge is shown the answer and nothing else: nobody asks for its certificate, it gets no ticket,
// and nobody takes a request there.
func TestChallenge(t *testing.T) {
	for _, version := range tlsVersions {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			f, ca := challenged(t)
			sessions := &tickets{ClientSessionCache: tls.NewLRUClientSessionCache(4)}
			config := f.clientConfig(f.pki.Client().TLS())
			config.MinVersion, config.MaxVersion, config.ClientSessionCache = version, version, sessions
			// A session of an accepted client's, under the same name, is of no use there.
			if status, _, err := f.post(f.client(config.Clone(), false)); status != 200 {
				t.Fatal(err)
			}
			f.handshake()
			f.hits.Store(0)
			before := sessions.put

			config.RootCAs, config.NextProtos = ca.Pool(), []string{acmeTLS}
			present, asked := config.GetClientCertificate, false
			config.GetClientCertificate = func(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
				asked = true
				return present(info)
			}
			secured := f.connect(config)
			if state := secured.ConnectionState(); state.NegotiatedProtocol != acmeTLS || state.DidResume || state.VerifiedChains == nil || asked {
				t.Errorf("protocol %q, resumed %t, a certificate was asked for: %t", state.NegotiatedProtocol, state.DidResume, asked)
			}
			_, _ = io.WriteString(secured, "POST /dialogflow/es HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
			if answer, _ := io.ReadAll(secured); len(answer) > 0 {
				t.Errorf("answer %q", answer)
			}
			if h := f.handshake(); !h.Challenge || h.Verdict != nil || h.Refusal != nil || h.SNI != serverName {
				t.Errorf("reported %+v", h)
			}
			if f.hits.Load() != 0 || sessions.put != before {
				t.Errorf("%d requests came to the handler, the CA has %d tickets", f.hits.Load(), sessions.put-before)
			}
		})
	}
}

// Who asks for a challenge that is not pending, or offers another protocol beside, is no CA.
func TestChallengeOfStrangers(t *testing.T) {
	for name, c := range map[string]struct {
		name      string
		protocols []string
		known     bool // has a good certificate
		reason    authn.Reason
	}{
		"another name":            {"other.example", []string{acmeTLS}, true, authn.NoChallenge},
		"no name":                 {"127.0.0.1", []string{acmeTLS}, true, authn.NoChallenge},
		"beside http/1.1":         {serverName, []string{acmeTLS, "http/1.1"}, false, authn.NoCertificate},
		"after http/1.1":          {serverName, []string{"http/1.1", acmeTLS}, false, authn.NoCertificate},
		"twice":                   {serverName, []string{acmeTLS, acmeTLS}, true, authn.HandshakeFailed},
		"in another way":          {serverName, []string{"ACME-TLS/1"}, true, authn.HandshakeFailed},
		"beside http/1.1, client": {serverName, []string{acmeTLS, "http/1.1"}, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f, _ := challenged(t)
			config := f.clientConfig(tls.Certificate{})
			if c.known {
				config = f.clientConfig(f.pki.Client().TLS())
			}
			config.ServerName, config.NextProtos = c.name, c.protocols
			secured := tls.Client(f.dial(), config)
			_ = secured.SetDeadline(time.Now().Add(10 * time.Second))
			err := secured.HandshakeContext(t.Context())
			h := f.handshake()
			if c.reason == "" {
				if err != nil || h.Verdict == nil || h.Challenge || secured.ConnectionState().NegotiatedProtocol != "http/1.1" {
					t.Errorf("%v, reported %+v", err, h)
				}
				return
			}
			if h.Refusal == nil || h.Refusal.Reason != c.reason || h.Challenge || h.Verdict != nil {
				t.Errorf("reported %+v: %v", h, h.Refusal)
			}
		})
	}
}

// Before there is a certificate nobody gets through, and the reason is told.
func TestNoServerCertificate(t *testing.T) {
	f := start(t, authntest.New(t), func(c *edge.Config) {
		c.Site().Certificate = func() *tls.Certificate { return nil }
	})
	f.refused(f.clientConfig(f.pki.Client().TLS()), authn.NoServerCertificate)
}
