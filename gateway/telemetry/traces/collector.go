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

	"github.com/intentgate/intentgate/services/mtls"
)

// Collector is where spans are sent to.
type Collector struct {
	Endpoint string // host and port
	// TLS is that with it; nil: plaintext, which is for a collector on this machine.
	TLS *TLS
	// Headers reads what it wants to be told with every batch; nil: nothing.
	Headers func() (map[string]string, error)
}

// TLS is that with a collector.
type TLS struct {
	CA         string // a file of authorities; empty: the system's
	Cert, Key  string // the files of a client certificate; empty: none is shown
	ServerName string // empty: the endpoint's host
}

// known is what the files of a collector say.
type known struct {
	roots   []*x509.Certificate
	pair    *tls.Certificate // nil: none
	headers map[string]string
}

func (c *Collector) dial() (*destination, error) { return c.dialUnless(nil) }

// dialUnless returns a new destination, or nil where the files say what they said for another one.
func (c *Collector) dialUnless(before *destination) (*destination, error) {
	now, err := c.read()
	if err != nil || before != nil && before.same(now) {
		return nil, err
	}
	transport, err := c.transport(now)
	if err != nil {
		return nil, err
	}
	conn, err := grpc.NewClient("dns:///"+c.Endpoint, grpc.WithTransportCredentials(transport), grpc.WithNoProxy(),
		grpc.WithDisableServiceConfig(), grpc.WithDefaultServiceConfig(tries))
	if err != nil {
		return nil, fmt.Errorf("endpoint %s: %w", c.Endpoint, err)
	}
	return &destination{known: now, conn: conn}, nil
}

// read reads the files.
func (c *Collector) read() (now known, err error) {
	if c.Headers != nil {
		if now.headers, err = c.Headers(); err != nil {
			return now, err
		}
	}
	if c.TLS == nil {
		return now, nil
	}
	if c.TLS.CA != "" {
		if now.roots, err = mtls.ReadRoots(c.TLS.CA); err != nil {
			return now, err
		}
	}
	if c.TLS.Cert != "" {
		now.pair, err = mtls.ReadKeyPair(c.TLS.Cert, c.TLS.Key)
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
func (c *Collector) transport(now known) (credentials.TransportCredentials, error) {
	host, _, err := net.SplitHostPort(c.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("endpoint %q: %w; want host:port", c.Endpoint, err)
	}
	if c.TLS == nil {
		if address, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !address.IsLoopback()) {
			return nil, fmt.Errorf("endpoint %s: %w", c.Endpoint, errPlaintext)
		}
		return local.NewCredentials(), nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.TLS.ServerName}
	if now.roots != nil {
		config.RootCAs = mtls.Pool(now.roots)
	}
	if now.pair != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return now.pair, nil } // whatever is asked for
	}
	return credentials.NewTLS(config), nil
}

// Files are those that the collector is described by, but for the headers'.
func (c *Collector) Files() (files []string) {
	if c.TLS == nil {
		return nil
	}
	return slices.DeleteFunc([]string{c.TLS.CA, c.TLS.Cert, c.TLS.Key}, func(file string) bool { return file == "" })
}
