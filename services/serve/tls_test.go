package serve_test

import (
	"crypto/tls"
	"crypto/x509"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/mtls/mtlstest"
)

func TestHandshake(t *testing.T) {
	w := run(t, hello)
	good := w.ca.Issue(w.ca.Leaf(gateway)).TLS()
	other := mtlstest.NewCA(t)
	for name, c := range map[string]struct {
		certificates []tls.Certificate
		max          uint16
		want         bool
	}{
		"TLS 1.3":                          {[]tls.Certificate{good}, tls.VersionTLS13, true},
		"TLS 1.2":                          {[]tls.Certificate{good}, tls.VersionTLS12, false},
		"no certificate":                   {nil, tls.VersionTLS13, false},
		"certificate of another authority": {[]tls.Certificate{other.Issue(other.Leaf(gateway)).TLS()}, tls.VersionTLS13, false},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := grpc.NewClient(w.Addr().String(), grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
				MinVersion:   tls.VersionTLS12,
				MaxVersion:   c.max,
				ServerName:   serverName,
				RootCAs:      w.ca.Pool(),
				Certificates: c.certificates,
			})))
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := conn.Close(); err != nil {
					t.Error(err)
				}
			}()
			_, err = intentgatev1.NewIntentServiceClient(conn).Fulfill(t.Context(), &intentgatev1.FulfillRequest{})
			if (err == nil) != c.want {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestNewCertificateIsShownToNewConnections(t *testing.T) {
	w := run(t, hello)
	old := w.dial(t, reports)
	before := shown(t, old)

	renewed := w.ca.Issue(w.ca.Leaf("dns:" + serverName))
	if err := renewed.WriteFiles(w.files.Cert, w.files.Key); err != nil {
		t.Fatal(err)
	}
	w.log.next(t, "Files reloaded")

	if got := shown(t, w.dial(t, reports)); !got.Equal(renewed.Leaf) {
		t.Error("a new connection sees the old certificate")
	}
	if got := shown(t, old); !got.Equal(before) {
		t.Error("the old connection was ended")
	}
}

// shown returns the certificate that the server showed to a connection.
func shown(t *testing.T, conn *grpc.ClientConn) *x509.Certificate {
	t.Helper()
	var server peer.Peer
	_, err := intentgatev1.NewIntentServiceClient(conn).Fulfill(t.Context(), &intentgatev1.FulfillRequest{}, grpc.Peer(&server))
	if err != nil {
		t.Fatal(err)
	}
	info, ok := server.AuthInfo.(credentials.TLSInfo)
	if !ok {
		t.Fatalf("connection of kind %T", server.AuthInfo)
	}
	return info.State.PeerCertificates[0]
}
