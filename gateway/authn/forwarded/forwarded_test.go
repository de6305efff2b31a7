package forwarded

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/authntest"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

// There is one way to read an X-Forwarded-Client-Cert, or none.
func TestLastElement(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`Cert="a"`, `[{Cert a}]`},
		{`By=spiffe://a/b;Hash=00ff;Cert="a%3D";Chain="b";Subject="CN=x,O=y";URI=spiffe://c;DNS=d;DNS=e`, `[{By spiffe://a/b} {Hash 00ff} {Cert a%3D} {Chain b} {Subject CN=x,O=y} {URI spiffe://c} {DNS d} {DNS e}]`},
		{`Cert="first",Hash=2`, `[{Hash 2}]`},
		{`Hash=1, Hash=2 `, `[{Hash 2 }]`},
		{`Subject="CN=a\",Cert=\"b";Cert="c"`, `[{Subject CN=a\",Cert=\"b} {Cert c}]`},
		{`Subject="CN=a\\";Cert="c"`, `[{Subject CN=a\\} {Cert c}]`},
		{`Subject="",Cert="c"`, `[{Cert c}]`},
		{`hash=a=b`, `[{hash a=b}]`},
		{``, ``},
		{`Cert`, ``},
		{`="x"`, ``},
		{`Cert="a`, ``},
		{`Cert="a\"`, ``},
		{`Cert="a"b`, ``},
		{`Cert="a"bHash=1`, ``},
		{`Cert="a" ;Hash=1`, `[{Cert a} {Hash 1}]`},
		{`Cert=a"b"`, ``},
		{`Cert=a\;b=c`, ``},
		{`Cert="a",`, ``},
		{`,Cert="a"`, ``},
		{`Cert="a";;Hash=1`, ``},
		{`Cert ="a"`, `[{Cert a}]`},
		{`C rt="a"`, ``},
		{`Сert="a"`, ``}, // the first letter is Cyrillic
		// A URI and a DNS name may hold anything.
		{`Hash=1;Cert="a";URI=x,Hash=2;Cert="b"`, ``},
		{`Hash=1;Cert="a";DNS=x;Cert="b"`, ``},
		{`Hash=1;uri=x;Chain="b"`, ``},
		{`Hash=1;Cert="a";URI=;DNS=a,URI=b`, `[{URI b}]`},
		// A client's quote without its end turns inside and outside around. The next quote is then followed by what no quote may be.
		{`Subject=",Hash=00;Cert="-----BEGIN";Chain="-----BEGIN"`, ``},
	} {
		last, err := lastElement(c.text)
		if got := fmt.Sprint(last); err == nil && got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%s: %s, %v; want %s", c.text, got, err, c.want)
		}
	}
}

// No two of what proxies say are remembered as one.
func TestDigest(t *testing.T) {
	seen := map[digest]said{}
	for _, s := range []said{
		{leaf: "a"}, {leaf: "a", verified: true}, {leaf: "a", chain: "!"}, {leaf: "a", chain: "!", verified: true}, {leaf: "a!"}, {leaf: "", chain: "a"}, {leaf: "a", chain: "+"},
	} {
		if other, ok := seen[s.digest()]; ok {
			t.Errorf("%+v and %+v are the same", s, other)
		}
		seen[s.digest()] = s
	}
}

func TestByteSequences(t *testing.T) {
	for text, want := range map[string]string{
		":YQ==:":            "[a]",
		":YQ==:, :YmM=:":    "[a bc]",
		":YQ==:\t,\t:YQ==:": "[a a]",
		"::":                "[]",
		"":                  "", ":": "", "YQ==": "", ":YQ==": "", ":YQ:": "", ":YR==:": "", ":YQ==:,": "", ",:YQ==:": "", ":YQ==:;a=1": "",
		":YQ==: :YQ==:": "", ":Y-Q=:": "", ":YQ\n==:": "", `":YQ==:"`: "", "?1": "",
	} {
		blocks, err := byteSequences(text)
		if got := strings.TrimSpace(fmt.Sprintf("%s", blocks)); err == nil && got != want || (err != nil) != (want == "") {
			t.Errorf("%q: %s, %v; want %s", text, got, err, want)
		}
	}
}

func TestEscapedPEM(t *testing.T) {
	chain := authntest.New(t).Client().Chain
	good := authntest.EscapedPEM(chain)
	plain := strings.NewReplacer("%20", " ", "%0A", "\n", "%2F", "/", "%2B", "+").Replace(good)
	for name, c := range map[string]struct {
		text string
		want int
	}{
		"a chain":             {good, 2},
		"without escapes":     {plain, 2},
		"windows":             {strings.ReplaceAll(good, "%0A", "%0D%0A"), 2},
		"nothing":             {"", 0},
		"something before":    {"x" + good, 0},
		"something after":     {good + "x", 0},
		"something between":   {good + "x%0A" + good, 0},
		"a half escape":       {good + "%2", 0},
		"another type":        {strings.ReplaceAll(good, "CERTIFICATE", "PRIVATE%20KEY"), 0},
		"a header in the PEM": {strings.Replace(good, "CERTIFICATE-----%0A", "CERTIFICATE-----%0Aa:%20b%0A%0A", 1), 0},
		"cut off":             {good[:len(good)/2], 0},
	} {
		blocks, err := escapedPEM(c.text)
		if err == nil && len(blocks) != c.want || (err != nil) != (c.want == 0) {
			t.Errorf("%s: %d blocks, %v", name, len(blocks), err)
		}
	}
}

// A certificate's own subject, as a proxy writes it, ends no element.
func TestSubjectsCannotSpeak(t *testing.T) {
	pki := authntest.New(t)
	cert := authntest.EscapedPEM(pki.Client().Chain[:1])
	ca, err := devca.New(devca.Options{CommonName: "CA"})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{`x",Cert="` + cert, `x";Cert="` + cert + `";Subject="`, `x\`, `x\",Cert="` + cert, `"`, `",Cert=` + cert + `,"`} {
		issued, err := ca.Issue(devca.Leaf{Subject: pkix.Name{CommonName: name}})
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(issued.Chain[0])
		if err != nil {
			t.Fatal(err)
		}
		// As Envoy writes it: RFC 2253, each quote behind a backslash.
		subject := strings.ReplaceAll(leaf.Subject.String(), `"`, `\"`)
		header := `Hash=0;Cert="MINE";Subject="` + subject + `"`
		last, err := lastElement(header)
		if err != nil {
			continue // refused, which is as good
		}
		if i := slices.IndexFunc(last, func(p pair) bool { return strings.EqualFold(p.key, "cert") }); i < 0 || last[i].value != "MINE" {
			t.Errorf("the subject %s made it %v", name, last)
		}
	}
}

// HAProxy puts a chain into one byte sequence; that counts as what it is.
func TestChainInOne(t *testing.T) {
	pki := authntest.New(t)
	chain := pki.Client().Chain
	proxy, err := New(Config{Name: "haproxy", Header: "CLIENT_CERT"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		chain [][]byte
		want  authn.Reason
	}{
		"the intermediate":          {chain[1:], ""},
		"the leaf, too":             {chain, ""},
		"twice":                     {append(slices.Clone(chain[1:]), chain[1:]...), ""},
		"as many as may be":         {slices.Repeat(chain[1:], 5), ""},
		"one more":                  {slices.Repeat(chain[1:], 6), authn.TooManyCertificates},
		"more than are looked at":   {slices.Repeat(chain[1:], 9), authn.TooManyCertificates},
		"with something behind it":  {append(slices.Clone(chain[1:]), []byte("x")), authn.ForwardedMalformed},
		"something that is no cert": {[][]byte{{0x30, 0}}, authn.ForwardedMalformed},
	} {
		header := authntest.Forward("CLIENT_CERT", chain)
		header.Set("Client-Cert-Chain", authntest.Sequences([][]byte{slices.Concat(c.chain...)}))
		verdict, _, refusal := proxy.Verdict(Take(header), pki.Trust(), authntest.Now)
		if refusal == nil && (c.want != "" || verdict.ForwardedBy() != "haproxy") || refusal != nil && refusal.Reason != c.want {
			t.Errorf("%s: %v, want %q", name, refusal, c.want)
		}
		if name == "more than are looked at" && !strings.HasPrefix(refusal.Saw, "more than") {
			t.Errorf("%s: all were parsed: %v", name, refusal)
		}
	}
}

// What is remembered is bounded, is nobody else's, and is forgotten with the trust in it.
func TestRemembered(t *testing.T) {
	pki := authntest.New(t)
	trust := pki.Trust()
	proxy, err := New(Config{Name: "envoy", Header: "XFCC", TrustChainVerified: true})
	if err != nil {
		t.Fatal(err)
	}
	chain := pki.Client().Chain
	verdict := func(header http.Header) bool {
		t.Helper()
		_, fresh, refusal := proxy.Verdict(Take(header.Clone()), trust, authntest.Now)
		if refusal != nil {
			t.Fatal(refusal)
		}
		return fresh
	}
	if !verdict(authntest.Forward("XFCC", chain)) || verdict(authntest.Forward("XFCC", chain)) {
		t.Error("it was not remembered")
	}
	if alone := (http.Header{"X-Forwarded-Client-Cert": {`Cert="` + authntest.EscapedPEM(chain[:1]) + `"`}}); !verdict(alone) || verdict(alone) {
		t.Error("the leaf alone is the same as with its chain")
	}
	if err := trust.Replace(authntest.New(t).Profile("dev")); err != nil {
		t.Fatal(err)
	}
	if _, _, refusal := proxy.Verdict(Take(authntest.Forward("XFCC", chain)), trust, authntest.Now); refusal == nil || len(proxy.known) != 1 {
		t.Errorf("refused with %v, and %d verdicts are remembered", refusal, len(proxy.known))
	}
	for i := range maxKnown + 10 {
		proxy.remember(digest{byte(i), byte(i >> 8)}, &authn.Verdict{})
	}
	if len(proxy.known) > maxKnown {
		t.Errorf("%d verdicts are remembered", len(proxy.known))
	}
	google := &said{leaf: "l", chain: "c", verified: true}
	for _, other := range []*said{{leaf: "l", chain: "c"}, {leaf: "lc", verified: true}, {leaf: "", chain: "lc", verified: true}} {
		if google.digest() == other.digest() {
			t.Errorf("%+v counts as %+v", other, google)
		}
	}
}

func TestProxiesRefuseGaps(t *testing.T) {
	for _, config := range []Config{{Header: "XFCC"}, {Name: "nginx"}, {Name: "nginx", Header: "xfcc"}} {
		if _, err := New(config); err == nil {
			t.Errorf("%+v makes a proxy", config)
		}
	}
}

// Whatever a proxy hands on, it is refused for a reason, or is what the profiles accept.
func fuzz(f *testing.F, kind string, text func(header http.Header) (a, b string), header func(a, b string) http.Header) {
	f.Helper()
	pki := authntest.New(f)
	trust, chain := pki.Trust(), pki.Client().Chain
	proxy, err := New(Config{Name: "lb", Header: kind, TrustChainVerified: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text(authntest.Forward(kind, chain)))
	f.Add(text(authntest.Forward(kind, chain[:1])))
	f.Add(text(authntest.Forward(kind, slices.Repeat(chain, 4))))
	f.Fuzz(func(t *testing.T, a, b string) {
		verdict, _, refusal := proxy.Verdict(Take(header(a, b)), trust, authntest.Now)
		switch {
		case refusal != nil && (refusal.Reason.Hint() == "" || len(refusal.Saw) > 256 || verdict != nil):
			t.Errorf("refused as %+v", refusal)
		case refusal == nil && (verdict.Leaf().Subject.CommonName != "Google LLC" || verdict.ForwardedBy() != "lb"):
			t.Errorf("accepted: %v", verdict.Leaf().Subject)
		}
	})
}

func FuzzGoogle(f *testing.F) {
	f.Add(":::", "::")
	fuzz(f, "GOOGLE", func(h http.Header) (string, string) { return h.Get(googleLeaf), h.Get(googleChain) }, func(leaf, chain string) http.Header {
		return http.Header{googlePresent: {"true"}, googleVerified: {"true"}, googleLeaf: {leaf}, googleChain: {chain}}
	})
}

func FuzzClientCert(f *testing.F) {
	fuzz(f, "CLIENT_CERT", func(h http.Header) (string, string) { return h.Get(clientCert), h.Get(clientChain) }, func(leaf, chain string) http.Header {
		return http.Header{clientCert: {leaf}, clientChain: {chain}}
	})
}

func FuzzXFCC(f *testing.F) {
	f.Add(`Subject="a\`, `",Cert="x";Chain=`)
	fuzz(f, "XFCC", func(h http.Header) (string, string) { return h.Get(xfccName), "" }, func(a, b string) http.Header {
		return http.Header{xfccName: {a + b}}
	})
}

// BenchmarkVerdict is what a request costs whose certificate was seen before, and one whose certificate was not.
func BenchmarkVerdict(b *testing.B) {
	pki := authntest.New(b)
	trust, header := pki.Trust(), authntest.Forward("XFCC", pki.Client().Chain)
	for _, remembered := range []bool{true, false} {
		b.Run(fmt.Sprintf("remembered=%t", remembered), func(b *testing.B) {
			proxy, err := New(Config{Name: "envoy", Header: "XFCC"})
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if !remembered {
					clear(proxy.known)
				}
				if _, _, refusal := proxy.Verdict(Take(header.Clone()), trust, authntest.Now); refusal != nil {
					b.Fatal(refusal)
				}
			}
		})
	}
}
