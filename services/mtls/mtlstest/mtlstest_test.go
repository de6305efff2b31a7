package mtlstest_test

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"slices"
	"testing"

	"github.com/intentgate/intentgate/services/mtls/mtlstest"
)

func TestFiles(t *testing.T) {
	files := mtlstest.NewCA(t).Files("dns:orders.internal", "uri:spiffe://shop/orders")

	pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(pair.Leaf.DNSNames, []string{"orders.internal"}) || len(pair.Leaf.URIs) != 1 ||
		pair.Leaf.URIs[0].String() != "spiffe://shop/orders" {
		t.Errorf("names %v %v, want those asked for", pair.Leaf.DNSNames, pair.Leaf.URIs)
	}
	ca, err := os.ReadFile(files.CA)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		t.Fatal("no certificate in the file of the authority")
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "orders.internal"}); err != nil {
		t.Error(err)
	}
}
