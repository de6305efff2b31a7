package authn_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/authntest"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

// Where a proxy's word stands in for the chain, the leaf has to say all the rest: by the same rules as of a chain that is judged.
func TestBelieved(t *testing.T) {
	ca, err := devca.New(devca.Options{CommonName: "Own CA", Now: func() time.Time { return authntest.Now }})
	if err != nil {
		t.Fatal(err)
	}
	profile, err := authn.Custom("agent", authn.Chain{
		Roots: []*x509.Certificate{ca.Certificate()}, Subject: authn.Subject{CommonName: "agent"}, Issuer: authn.Issuer{CommonName: "Agents"},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	trust, err := authn.NewTrust(profile)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*x509.Certificate)
		issuer string
		want   authn.Reason
	}{
		"an open use":          {func(*x509.Certificate) {}, "Agents", ""},
		"clientAuth":           {func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }, "Agents", ""},
		"any use":              {func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} }, "Agents", ""},
		"another use":          {func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, "Agents", authn.KeyUsage},
		"another use, unnamed": {func(c *x509.Certificate) { c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{1, 2, 3}} }, "Agents", authn.KeyUsage},
		"a critical extension": {func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		}, "Agents", authn.InvalidChain},
		"another issuer":  {func(*x509.Certificate) {}, "Others", authn.IssuerMismatch},
		"another subject": {func(c *x509.Certificate) { c.Subject.CommonName = "other" }, "Agents", authn.SubjectMismatch},
		"the past":        {func(c *x509.Certificate) { c.NotAfter = authntest.Now.Add(-time.Second) }, "Agents", authn.Expired},
		"the future":      {func(c *x509.Certificate) { c.NotBefore = authntest.Now.Add(time.Second) }, "Agents", authn.NotYetValid},
	} {
		t.Run(name, func(t *testing.T) {
			leaf := &x509.Certificate{
				SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "agent"},
				NotBefore: authntest.Now.Add(-time.Hour), NotAfter: authntest.Now.Add(time.Hour),
			}
			c.change(leaf)
			der, err := x509.CreateCertificate(rand.Reader, leaf, &x509.Certificate{Subject: pkix.Name{CommonName: c.issuer}}, key.Public(), key)
			if err != nil {
				t.Fatal(err)
			}
			cert, err := x509.ParseCertificate(der)
			if err != nil {
				t.Fatal(err)
			}
			presented := authn.Presented{Certs: []*x509.Certificate{cert}, ForwardedBy: "nginx", Believed: true}
			verdict, refusal := trust.JudgePresented(presented, authntest.Now)
			if refusal != nil && refusal.Reason != c.want || refusal == nil && (c.want != "" || !verdict.NotAfter.Equal(cert.NotAfter)) {
				t.Errorf("refused with %v, want %q", refusal, c.want)
			}
			if _, refusal := trust.Judge(presented.Certs, authntest.Now); refusal == nil {
				t.Error("accepted without a chain, and without a word for it")
			}
		})
	}
}
