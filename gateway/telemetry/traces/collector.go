package traces

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/local"

	"github.com/intentgate/intentgate/gateway/secretref"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
	"github.com/intentgate/intentgate/services/mtls"
)

// known is what the files of a collector say.
type known struct {
	roots   []*x509.Certificate
	pair    *tls.Certificate // nil: none
	headers map[string]string
}

// dialUnless returns a new destination, or nil where all that the settings name is what it was for another one.
func dialUnless(before *destination, to *gatewayv1.Otlp) (*destination, error) {
	now, err := read(to)
	if err != nil || before != nil && before.same(now) {
		return nil, err
	}
	transport, err := transport(to, now)
	if err != nil {
		return nil, err
	}
	conn, err := grpc.NewClient("dns:///"+to.GetEndpoint(), grpc.WithTransportCredentials(transport), grpc.WithNoProxy(),
		grpc.WithDisableServiceConfig(), grpc.WithDefaultServiceConfig(tries))
	if err != nil {
		return nil, fmt.Errorf("endpoint %s: %w", to.GetEndpoint(), err)
	}
	return &destination{known: now, conn: conn}, nil
}

// read reads the files, and what else secrets come from.
func read(to *gatewayv1.Otlp) (now known, err error) {
	now.headers = map[string]string{}
	for name, from := range to.GetHeaders() {
		if now.headers[name], err = secretref.Read(from, 1); err != nil {
			return now, err
		}
	}
	if file := to.GetTls().GetCa(); file != "" {
		if now.roots, err = mtls.ReadRoots(file); err != nil {
			return now, err
		}
	}
	if files := to.GetTls().GetCertificate(); files != nil {
		now.pair, err = mtls.ReadKeyPair(files.GetCert(), files.GetKey())
	}
	return now, err
}

func (k *known) same(other known) bool {
	if k.pair != nil && !slices.EqualFunc(k.pair.Certificate, other.pair.Certificate, slices.Equal) {
		return false
	}
	return maps.Equal(k.headers, other.headers) && slices.EqualFunc(k.roots, other.roots, (*x509.Certificate).Equal)
}

var errPlaintext = errors.New("spans leave this machine by TLS only; say how, or have the collector listen on a loopback address")

// transport returns the credentials of connections. Those without TLS refuse to leave the machine, too, whatever the host's name
// stands for.
func transport(to *gatewayv1.Otlp, now known) (credentials.TransportCredentials, error) {
	host, _, err := net.SplitHostPort(to.GetEndpoint())
	if err != nil {
		return nil, fmt.Errorf("endpoint %q: %w; want host:port", to.GetEndpoint(), err)
	}
	if to.GetTls() == nil {
		if address, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !address.IsLoopback()) {
			return nil, fmt.Errorf("endpoint %s: %w", to.GetEndpoint(), errPlaintext)
		}
		return local.NewCredentials(), nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: to.GetTls().GetServerName()}
	if now.roots != nil {
		config.RootCAs = mtls.Pool(now.roots)
	}
	if now.pair != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return now.pair, nil } // whatever is asked for
	}
	return credentials.NewTLS(config), nil
}

// Files are those that Reload reads.
func (t *Traces) Files() []string {
	to := t.config.Settings.GetOtlp()
	pair := to.GetTls().GetCertificate()
	files := []string{to.GetTls().GetCa(), pair.GetCert(), pair.GetKey()}
	for _, from := range to.GetHeaders() {
		files = append(files, from.GetFile())
	}
	return slices.DeleteFunc(files, func(file string) bool { return file == "" })
}
