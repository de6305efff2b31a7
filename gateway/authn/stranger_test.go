package authn_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strconv"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/authntest"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

// strangers are chains of six certificates that anybody can make, by how they name their issuers. Each fits both
// subject rules.
func strangers(tb testing.TB, pki *authntest.PKI, key func() (public, private any)) map[string][]*x509.Certificate {
	tb.Helper()
	chain := func(name, issuer func(i int) pkix.Name) (certs []*x509.Certificate) {
		public, private := key()
		for i := range 6 {
			template := &x509.Certificate{
				SerialNumber: big.NewInt(int64(i + 1)), NotBefore: authntest.Now.AddDate(0, -1, 0), NotAfter: authntest.Now.AddDate(0, 1, 0),
				Subject: name(i), DNSNames: []string{strconv.Itoa(i) + ".example"}, BasicConstraintsValid: true, IsCA: i > 0,
			}
			if i == 0 {
				template.Subject = authntest.Leaf().Subject
				template.DNSNames = []string{"*.dialogflow.com"}
				template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
			}
			der, err := x509.CreateCertificate(rand.Reader, template, &x509.Certificate{Subject: issuer(i)}, public, private)
			if err != nil {
				tb.Fatal(err)
			}
			cert, err := x509.ParseCertificate(der)
			if err != nil {
				tb.Fatal(err)
			}
			certs = append(certs, cert)
		}
		return certs
	}
	numbered := func(i int) pkix.Name { return pkix.Name{CommonName: strconv.Itoa(i)} }
	same := func(int) pkix.Name { return numbered(0) }
	root := func(int) pkix.Name { return pki.SSLCom.Certificate().Subject }
	return map[string][]*x509.Certificate{
		"each the other's issuer":   chain(same, same),
		"one above the other":       chain(numbered, func(i int) pkix.Name { return numbered(i%5 + 1) }),
		"in pairs":                  chain(func(i int) pkix.Name { return numbered((i + 1) / 2) }, func(i int) pkix.Name { return numbered(1 + i%2) }),
		"all by a root":             chain(numbered, root),
		"all of a root's name":      chain(root, root),
		"below what claims a root":  chain(numbered, func(i int) pkix.Name { return []pkix.Name{numbered(1), root(0)}[i/5] }),
		"below all that claim that": chain(same, func(i int) pkix.Name { return []pkix.Name{same(0), root(0)}[min(i, 1)] }),
	}
}

// A key that panics when it is used.
func TestNoKeyOfAStrangersVerifiesAnything(t *testing.T) {
	pki := authntest.New(t)
	for name, certs := range strangers(t, pki, func() (public, private any) {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key.Public(), key
	}) {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if v := recover(); v != nil {
					t.Errorf("the stranger's key was used: %v", v)
				}
			}()
			for _, cert := range certs {
				cert.PublicKey = ed25519.PublicKey("too short")
			}
			if _, refusal := pki.Trust().Judge(certs, authntest.Now); refusal == nil || refusal.Reason != authn.UnknownAuthority {
				t.Errorf("refused with %v", refusal)
			}
		})
	}
}

// What is more than needed, or in no order, does no harm.
func TestUntidyChains(t *testing.T) {
	pki := authntest.New(t)
	good, other := parse(t, pki.Client().TLS()), parse(t, pki.Client().TLS())
	leaf, intermediate, root := good[0], good[1], pki.SSLCom.Certificate()
	stranger := strangers(t, pki, p521(t))["all by a root"]
	for name, certs := range map[string][]*x509.Certificate{
		"leaf twice":                {leaf, leaf, intermediate},
		"intermediate twice":        {leaf, intermediate, intermediate},
		"with the root":             {leaf, intermediate, root},
		"the root first":            {leaf, root, intermediate},
		"another leaf in between":   {leaf, other[0], intermediate},
		"a stranger's at the end":   {leaf, intermediate, stranger[1], stranger[2]},
		"a stranger's without root": {leaf, strangers(t, pki, p521(t))["each the other's issuer"][1], intermediate},
	} {
		if _, refusal := pki.Trust().Judge(certs, authntest.Now); refusal != nil {
			t.Errorf("%s: %v", name, refusal)
		}
	}
}

// While a CA changes its key, two roots have one name.
func TestRootsOfOneName(t *testing.T) {
	var roots []*x509.Certificate
	var clients []*devca.Certificate
	for range 2 {
		root, err := devca.New(devca.Options{CommonName: "Root", Now: func() time.Time { return authntest.Now }})
		if err != nil {
			t.Fatal(err)
		}
		intermediate, err := root.Intermediate(devca.Options{CommonName: "Intermediate"})
		if err != nil {
			t.Fatal(err)
		}
		client, err := intermediate.Issue(authntest.Leaf())
		if err != nil {
			t.Fatal(err)
		}
		roots, clients = append(roots, root.Certificate()), append(clients, client)
	}
	profile, err := authn.Like("dev", roots, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, client := range clients {
		judge(t, client, profile)
	}
}

// BenchmarkJudge compares what a stranger costs with what a client does.
func BenchmarkJudge(b *testing.B) {
	pki := authntest.New(b)
	trust := pki.Trust()
	chains := strangers(b, pki, p521(b))
	chains["a client's"] = parse(b, pki.Client().TLS())
	for name, certs := range chains {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, _ = trust.Judge(certs, authntest.Now)
			}
		})
	}
	b.Run("a client's for the first time", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			trust := pki.Trust() // which remembers no chain
			b.StartTimer()
			_, _ = trust.Judge(chains["a client's"], authntest.Now)
		}
	})
}

func p521(tb testing.TB) func() (public, private any) {
	tb.Helper()
	return func() (public, private any) {
		key, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
		if err != nil {
			tb.Fatal(err)
		}
		return key.Public(), key
	}
}
