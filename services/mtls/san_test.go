package mtls_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/mtls/devca"
	"github.com/intentgate/intentgate/services/mtls/mtlstest"
)

func TestSANMatches(t *testing.T) {
	ca := mtlstest.NewCA(t)
	named := ca.Issue(devca.Leaf{
		Subject: pkix.Name{CommonName: "common.internal"},
		DNS:     []string{"gateway.internal", "Mixed.Internal", "*.wild.internal"},
		URIs:    []*url.URL{{Scheme: "spiffe", Host: "shop", Path: "/gateway"}},
		IPs:     []net.IP{net.IPv4(10, 0, 0, 1)},
		Emails:  []string{"ops@example.com"},
	}).Leaf
	nameless := ca.Issue(devca.Leaf{Subject: pkix.Name{CommonName: "gateway.internal"}}).Leaf

	for _, c := range []struct {
		san  string
		cert *x509.Certificate
		want bool
	}{
		{"dns:gateway.internal", named, true},
		{"dns:GATEWAY.internal", named, true},
		{"dns:mixed.internal", named, true},
		{"uri:spiffe://shop/gateway", named, true},
		{"dns:common.internal", named, false},
		{"dns:a.wild.internal", named, false},
		{"dns:internal", named, false},
		{"dns:gateway.internal.", named, false},
		{"dns:10.0.0.1", named, false},
		{"uri:spiffe://shop/gateway/", named, false},
		{"uri:spiffe://shop/Gateway", named, false},
		{"uri:spiffe://shop", named, false},
		{"dns:gateway.internal", nameless, false},
	} {
		san, err := mtls.ParseSAN(c.san)
		if err != nil {
			t.Errorf("%s: %v", c.san, err)
		} else if got := san.Matches(c.cert); got != c.want {
			t.Errorf("%s matches %v: %t, want %t", san, slices.Collect(mtls.SANs(c.cert)), got, c.want)
		}
	}
	if (mtls.SAN{}).Matches(named) || (mtls.SAN{}).Matches(nameless) {
		t.Error("the zero name matches")
	}
	want := []string{
		"dns:gateway.internal", "dns:Mixed.Internal", "dns:*.wild.internal", "uri:spiffe://shop/gateway",
		"email:ops@example.com", "ip:10.0.0.1",
	}
	if got := slices.Collect(mtls.SANs(named)); !slices.Equal(got, want) {
		t.Errorf("names %q, want %q", got, want)
	}
}

func TestParseSANRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "empty name",
		"gateway.internal":          "unknown kind",
		"ip:10.0.0.1":               "unknown kind",
		"email:ops@example.com":     "unknown kind",
		"DNS:gateway.internal":      "unknown kind",
		"cn:gateway.internal":       "unknown kind",
		"dns:":                      "nothing follows",
		"uri:":                      "nothing follows",
		"dns:*.internal":            "wildcards are not taken",
		"dns: gateway.internal":     `" " is not allowed`,
		"dns:gateway.internal\n":    `"\n" is not allowed`,
		"dns:gateway.internal:8443": `":" is not allowed`,
		"dns:gäteway.internal":      "is not allowed",
		"uri:gateway":               "no scheme",
		"uri:SPIFFE://shop/gateway": "write it as uri:spiffe://shop/gateway",
		"uri:spiffe://shop/%zz":     "invalid URL escape",
	} {
		if san, err := mtls.ParseSAN(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, error %v, want %q", text, san, err, want)
		}
	}
}

func TestParseSANs(t *testing.T) {
	sans, err := mtls.ParseSANs([]string{"dns:A.internal", "uri:spiffe://shop/b"})
	if err != nil || len(sans) != 2 || sans[0].String() != "dns:a.internal" {
		t.Errorf("%v, error %v", sans, err)
	}
	_, err = mtls.ParseSANs([]string{"a", "dns:b", "ip:c"})
	if err == nil || !strings.Contains(err.Error(), `"a"`) || !strings.Contains(err.Error(), `"ip:c"`) {
		t.Errorf("error %v, want both faults", err)
	}
}
