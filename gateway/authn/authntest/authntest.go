// Package authntest makes client certificates in the shapes that the built-in trust profile knows, right ones and all
// kinds of wrong ones, each with its verdict: one table for the judge alone and for whole handshakes.
package authntest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

// Now is the time at which all verdicts are given. It is far from today, so that a test notices who reads the clock.
var Now = time.Date(2041, time.February, 3, 4, 5, 6, 0, time.UTC)

// PKI is what the certificates of a test chain to.
type PKI struct {
	SSLCom, GTS *devca.Authority // roots

	tb            testing.TB
	sslCom, gts   *devca.Authority // what issues below them
	stranger      *devca.Authority
	expiredIssuer *devca.Authority
}

// Case is a client certificate with its verdict.
type Case struct {
	Name        string
	Certificate tls.Certificate // empty: none is presented
	Reason      authn.Reason    // "" where it is accepted
	Chain       string          // of the profile, where it is accepted
	WithoutKey  bool            // accepted by the judge, but the key does not fit: only a handshake can tell
}

// New makes the authorities.
func New(tb testing.TB) *PKI {
	tb.Helper()
	p := &PKI{tb: tb}
	p.SSLCom = p.root("SSL.com-like Root")
	p.sslCom = p.intermediate(p.SSLCom, devca.Options{CommonName: "SSL.com-like Client Intermediate"})
	p.expiredIssuer = p.intermediate(p.SSLCom, devca.Options{
		CommonName: "SSL.com-like Old Intermediate", NotBefore: Now.AddDate(-2, 0, 0), NotAfter: Now.Add(-time.Minute),
	})
	p.GTS = p.root("GTS-like Root")
	p.gts = p.intermediate(p.GTS, devca.Options{CommonName: "GTS-like Intermediate"})
	p.stranger = p.root("A Stranger's Root")
	return p
}

// Profile returns a profile like the built-in one over these authorities.
func (p *PKI) Profile(name string) *authn.Profile {
	p.tb.Helper()
	profile, err := authn.Like(name, []*x509.Certificate{p.SSLCom.Certificate()}, []*x509.Certificate{p.GTS.Certificate()})
	if err != nil {
		p.tb.Fatal(err)
	}
	return profile
}

// Trust returns a Trust of the one profile dev.
func (p *PKI) Trust() *authn.Trust {
	p.tb.Helper()
	trust, err := authn.NewTrust(p.Profile("dev"))
	if err != nil {
		p.tb.Fatal(err)
	}
	return trust
}

// Client returns a certificate in the SSL.com shape that is accepted.
func (p *PKI) Client() *devca.Certificate {
	p.tb.Helper()
	return p.issue(p.sslCom, Leaf())
}

// ClientUntil returns one that is valid until then.
func (p *PKI) ClientUntil(notAfter time.Time) *devca.Certificate {
	p.tb.Helper()
	leaf := Leaf()
	leaf.NotAfter = notAfter
	return p.issue(p.sslCom, leaf)
}

// Leaf is the SSL.com shape.
func Leaf() devca.Leaf {
	return devca.Leaf{
		Subject:     pkix.Name{CommonName: "Google LLC"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		NotBefore:   Now.AddDate(0, -1, 0),
		NotAfter:    Now.AddDate(0, 11, 0),
	}
}

func gtsLeaf() devca.Leaf {
	leaf := Leaf()
	leaf.Subject = pkix.Name{CommonName: "*.dialogflow.com"}
	leaf.DNS = []string{"*.dialogflow.com"}
	return leaf
}

// Cases returns the table.
func (p *PKI) Cases() []Case {
	p.tb.Helper()
	with := func(leaf devca.Leaf, change func(*devca.Leaf)) devca.Leaf {
		change(&leaf)
		return leaf
	}
	subject := func(name pkix.Name) devca.Leaf {
		return with(Leaf(), func(l *devca.Leaf) { l.Subject = name })
	}
	usage := func(leaf devca.Leaf, usage ...x509.ExtKeyUsage) devca.Leaf {
		return with(leaf, func(l *devca.Leaf) { l.ExtKeyUsage = usage })
	}
	cn := func(value string) pkix.AttributeTypeAndValue {
		return pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: value}
	}
	cases := []Case{
		{Name: "ssl.com", Certificate: p.Client().TLS(), Chain: "ssl.com"},
		{Name: "ssl.com with organization", Certificate: p.tls(p.sslCom, subject(pkix.Name{CommonName: "Google LLC", Organization: []string{"Google LLC"}})), Chain: "ssl.com"},
		{Name: "gts with clientAuth", Certificate: p.tls(p.gts, gtsLeaf()), Chain: "gts"},
		{Name: "gts with serverAuth only", Certificate: p.tls(p.gts, usage(gtsLeaf(), x509.ExtKeyUsageServerAuth)), Chain: "gts"},

		{Name: "none", Reason: authn.NoCertificate},
		{Name: "unknown CA", Certificate: p.tls(p.stranger, Leaf()), Reason: authn.UnknownAuthority},
		{Name: "the other chain's CA", Certificate: p.tls(p.gts, Leaf()), Reason: authn.UnknownAuthority},
		{Name: "without its intermediate", Certificate: p.truncated(p.Client().TLS()), Reason: authn.UnknownAuthority},
		{Name: "a foreign organization's", Certificate: p.tls(p.sslCom, subject(pkix.Name{CommonName: "Acme Inc", Organization: []string{"Acme Inc"}})), Reason: authn.SubjectMismatch},
		{Name: "a foreign organization under the right name", Certificate: p.tls(p.sslCom, subject(pkix.Name{CommonName: "Google LLC", Organization: []string{"Acme Inc"}})), Reason: authn.SubjectMismatch},
		{Name: "two organizations", Certificate: p.tls(p.sslCom, subject(pkix.Name{CommonName: "Google LLC", Organization: []string{"Google LLC", "Acme Inc"}})), Reason: authn.SubjectMismatch},
		{Name: "two common names", Certificate: p.tls(p.sslCom, subject(pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{cn("Acme Inc"), cn("Google LLC")}})), Reason: authn.SubjectMismatch},
		{Name: "the name as SAN only", Certificate: p.tls(p.sslCom, with(subject(pkix.Name{}), func(l *devca.Leaf) { l.DNS = []string{"google.com"} })), Reason: authn.SubjectMismatch},
		{Name: "gts name as CN only", Certificate: p.tls(p.gts, subject(pkix.Name{CommonName: "*.dialogflow.com"})), Reason: authn.SubjectMismatch},
		{Name: "gts name that the wildcard covers", Certificate: p.tls(p.gts, with(gtsLeaf(), func(l *devca.Leaf) { l.DNS = []string{"www.dialogflow.com"} })), Reason: authn.SubjectMismatch},
		{Name: "expired", Certificate: p.tls(p.sslCom, with(Leaf(), func(l *devca.Leaf) { l.NotAfter = Now.Add(-time.Second) })), Reason: authn.Expired},
		{Name: "expired intermediate", Certificate: p.tls(p.expiredIssuer, Leaf()), Reason: authn.Expired},
		{Name: "not yet valid", Certificate: p.tls(p.gts, with(gtsLeaf(), func(l *devca.Leaf) { l.NotBefore = Now.Add(time.Second) })), Reason: authn.NotYetValid},
		{Name: "ssl.com with serverAuth only", Certificate: p.tls(p.sslCom, usage(Leaf(), x509.ExtKeyUsageServerAuth)), Reason: authn.KeyUsage},
		{Name: "ssl.com without extended key usage", Certificate: p.tls(p.sslCom, usage(Leaf())), Reason: authn.KeyUsage},
		{Name: "gts for code signing", Certificate: p.tls(p.gts, usage(gtsLeaf(), x509.ExtKeyUsageCodeSigning)), Reason: authn.KeyUsage},
		{Name: "seven certificates", Certificate: p.padded(p.Client().TLS(), 7), Reason: authn.TooManyCertificates},
		{Name: "a hundred certificates", Certificate: p.padded(p.Client().TLS(), 100), Reason: authn.TooManyCertificates},
		{Name: "large RSA key", Certificate: p.largeRSA(0), Reason: authn.KeyTooLarge},
		{Name: "large RSA key in the chain", Certificate: p.largeRSA(1), Reason: authn.KeyTooLarge},
		{Name: "copied without its key", Certificate: p.stolen(p.Client().TLS()), Reason: authn.KeyNotProven, WithoutKey: true},
	}
	return cases
}

func (p *PKI) root(name string) *devca.Authority {
	p.tb.Helper()
	authority, err := devca.New(devca.Options{CommonName: name, Now: func() time.Time { return Now }})
	if err != nil {
		p.tb.Fatal(err)
	}
	return authority
}

func (p *PKI) intermediate(root *devca.Authority, options devca.Options) *devca.Authority {
	p.tb.Helper()
	authority, err := root.Intermediate(options)
	if err != nil {
		p.tb.Fatal(err)
	}
	return authority
}

func (p *PKI) issue(issuer *devca.Authority, leaf devca.Leaf) *devca.Certificate {
	p.tb.Helper()
	certificate, err := issuer.Issue(leaf)
	if err != nil {
		p.tb.Fatal(err)
	}
	return certificate
}

func (p *PKI) tls(issuer *devca.Authority, leaf devca.Leaf) tls.Certificate {
	p.tb.Helper()
	return p.issue(issuer, leaf).TLS()
}

// truncated is the leaf alone.
func (p *PKI) truncated(certificate tls.Certificate) tls.Certificate {
	return tls.Certificate{Certificate: certificate.Certificate[:1], PrivateKey: certificate.PrivateKey}
}

// padded repeats the intermediate until there are n certificates.
func (p *PKI) padded(certificate tls.Certificate, n int) tls.Certificate {
	chain := certificate.Certificate[:1:1]
	for len(chain) < n {
		chain = append(chain, certificate.Certificate[1])
	}
	return tls.Certificate{Certificate: chain, PrivateKey: certificate.PrivateKey}
}

// stolen is the certificate beside another one's key.
func (p *PKI) stolen(certificate tls.Certificate) tls.Certificate {
	p.tb.Helper()
	return tls.Certificate{Certificate: certificate.Certificate, PrivateKey: p.Client().Key}
}

// largeRSA puts a certificate with an RSA key of 4104 bits at the given place of a chain. Nobody has its private key:
// making one takes seconds, and it is refused before it is needed.
func (p *PKI) largeRSA(place int) tls.Certificate {
	p.tb.Helper()
	issuer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.tb.Fatal(err)
	}
	modulus := new(big.Int).Lsh(big.NewInt(1), 4103)
	modulus.Add(modulus, big.NewInt(1))
	leaf := Leaf()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: leaf.Subject, ExtKeyUsage: leaf.ExtKeyUsage,
		NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &rsa.PublicKey{N: modulus, E: 65537}, issuer)
	if err != nil {
		p.tb.Fatal(err)
	}
	certificate := p.Client().TLS()
	chain := append([][]byte(nil), certificate.Certificate...)
	chain[place] = der
	return tls.Certificate{Certificate: chain, PrivateKey: certificate.PrivateKey}
}
