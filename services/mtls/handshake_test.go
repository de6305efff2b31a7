package mtls_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc/credentials"

	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/mtls/devca"
	"github.com/intentgate/intentgate/services/mtls/mtlstest"
)

// dial makes one side of a handshake, and returns the connection that came of it.
type dial func(context.Context, net.Conn) (net.Conn, error)

func withConfig(config *tls.Config) dial {
	return func(ctx context.Context, conn net.Conn) (net.Conn, error) {
		client := tls.Client(conn, config)
		return client, client.HandshakeContext(ctx)
	}
}

func withCredentials(c credentials.TransportCredentials) dial {
	return func(ctx context.Context, conn net.Conn) (net.Conn, error) {
		secure, _, err := c.ClientHandshake(ctx, "orders.internal:443", conn)
		return secure, err
	}
}

// connect plays a handshake and has the client read what the server says after it: under TLS 1.3 a client learns that
// it was refused when it reads.
func connect(t *testing.T, server credentials.TransportCredentials, client dial) (clientErr, serverErr error) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			served <- err
			return
		}
		secure, _, err := server.ServerHandshake(conn)
		if err == nil {
			_, err = secure.Write([]byte("hello"))
			_ = secure.Close()
		}
		served <- err
	}()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	secure, clientErr := client(t.Context(), conn)
	if clientErr == nil {
		_, clientErr = io.ReadAll(secure)
	}
	_ = conn.Close()
	serverErr = <-served
	_ = listener.Close()
	return clientErr, serverErr
}

func TestHandshakes(t *testing.T) {
	ca, otherCA := mtlstest.NewCA(t), mtlstest.NewCA(t)
	server, gateway := ca.Identity("dns:orders.internal"), ca.Identity("dns:gateway.internal")

	silent := &tls.Config{MinVersion: tls.VersionTLS13, ServerName: "orders.internal", RootCAs: ca.Pool(), NextProtos: []string{"h2"}}
	oldClient := silent.Clone()
	oldClient.Certificates = []tls.Certificate{*gateway.Certificate()}
	oldClient.MaxVersion, oldClient.MinVersion = tls.VersionTLS12, tls.VersionTLS12
	usage := func(usage x509.ExtKeyUsage) dial {
		leaf := ca.Leaf("dns:gateway.internal")
		leaf.ExtKeyUsage = []x509.ExtKeyUsage{usage}
		identity, err := mtls.Open(ca.Write(ca.Issue(leaf)), options(&logBuffer{}))
		if err != nil {
			t.Fatal(err)
		}
		return withCredentials(identity.ClientCredentials(""))
	}
	commonName, err := mtls.Open(ca.Write(ca.Issue(devca.Leaf{Subject: pkix.Name{CommonName: "orders.internal"}})), options(&logBuffer{}))
	if err != nil {
		t.Fatal(err)
	}

	for name, c := range map[string]struct {
		server *mtls.Identity
		client dial
		want   string // in either side's error; empty: they connect
	}{
		"credentials":             {server, withCredentials(gateway.ClientCredentials("orders.internal")), ""},
		"name of the target":      {server, withCredentials(gateway.ClientCredentials("")), ""},
		"cloned":                  {server, withCredentials(gateway.ClientCredentials("orders.internal").Clone()), ""},
		"client's key usage":      {server, usage(x509.ExtKeyUsageClientAuth), ""},
		"server's key usage only": {server, usage(x509.ExtKeyUsageServerAuth), "incompatible key usage"},
		"no client certificate":   {server, withConfig(silent), "didn't provide a certificate"},
		"TLS 1.2":                 {server, withConfig(oldClient), "unsupported versions"},
		"another name":            {server, withCredentials(gateway.ClientCredentials("stores.internal")), "not stores.internal"},
		"only a common name":      {commonName, withCredentials(gateway.ClientCredentials("orders.internal")), "legacy Common Name"},
		"client of another CA":    {server, withCredentials(otherClient(t, ca, otherCA).ClientCredentials("orders.internal")), "unknown authority"},
		"server of another CA":    {otherCA.Identity("dns:orders.internal"), withCredentials(gateway.ClientCredentials("orders.internal")), "unknown authority"},
	} {
		t.Run(name, func(t *testing.T) {
			clientErr, serverErr := connect(t, c.server.ServerCredentials(), c.client)
			if c.want == "" {
				if clientErr != nil || serverErr != nil {
					t.Errorf("client: %v, server: %v", clientErr, serverErr)
				}
				return
			}
			if clientErr == nil {
				t.Error("the client did not notice")
			}
			if all := text(clientErr) + text(serverErr); !strings.Contains(all, c.want) {
				t.Errorf("errors %q, want %q", all, c.want)
			}
		})
	}
}

// otherClient is a client that believes the server, but whose own certificate is of an authority the server knows not.
func otherClient(t *testing.T, ca, otherCA *mtlstest.CA) *mtls.Identity {
	t.Helper()
	files := otherCA.Files("dns:gateway.internal")
	write(t, files.CA, ca.CertPEM())
	identity, err := mtls.Open(files, options(&logBuffer{}))
	if err != nil {
		t.Fatal(err)
	}
	return identity
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error() + "\n"
}

// TestRotation proves that new files count from the next connection on, for credentials made before.
func TestRotation(t *testing.T) {
	oldCA, newCA := mtlstest.NewCA(t), mtlstest.NewCA(t)
	files := map[string]mtls.Files{"server": oldCA.Files("dns:orders.internal"), "client": oldCA.Files("dns:gateway.internal")}
	log := &logBuffer{}
	ends := map[string]*mtls.Identity{}
	for name, f := range files {
		identity, err := mtls.Open(f, options(log))
		if err != nil {
			t.Fatal(err)
		}
		ends[name] = identity
	}
	server, client := ends["server"].ServerCredentials(), ends["client"].ClientCredentials("orders.internal")
	works := func() bool {
		t.Helper()
		clientErr, serverErr := connect(t, server, withCredentials(client))
		t.Logf("client: %v, server: %v", clientErr, serverErr)
		return clientErr == nil && serverErr == nil
	}
	move := func(end string, leaf devca.Leaf, roots ...*mtlstest.CA) {
		t.Helper()
		if err := newCA.Issue(leaf).WriteFiles(files[end].Cert, files[end].Key); err != nil {
			t.Fatal(err)
		}
		var pem []byte
		for _, ca := range roots {
			pem = append(pem, ca.CertPEM()...)
		}
		write(t, files[end].CA, pem)
		if err := ends[end].Reload(); err != nil {
			t.Fatal(err)
		}
	}

	if !works() {
		t.Fatal("the old files do not work")
	}
	move("server", newCA.Leaf("dns:orders.internal"), oldCA, newCA)
	if works() {
		t.Error("the client believes an authority that it was not told of")
	}
	move("client", newCA.Leaf("dns:gateway.internal"), newCA)
	if !works() {
		t.Error("the new files do not work")
	}
	move("server", newCA.Leaf("dns:orders.internal"), oldCA)
	if works() {
		t.Error("the server believes an authority that was withdrawn")
	}
	if !strings.Contains(log.String(), "Handshake failed") {
		t.Errorf("the server did not log why: %s", log)
	}
}

// TestNoResumption proves that a client with a session cache gets a full handshake each time.
func TestNoResumption(t *testing.T) {
	ca := mtlstest.NewCA(t)
	config := &tls.Config{
		MinVersion: tls.VersionTLS13, ServerName: "orders.internal", RootCAs: ca.Pool(), NextProtos: []string{"h2"},
		Certificates: []tls.Certificate{ca.Issue(ca.Leaf("dns:gateway.internal")).TLS()}, ClientSessionCache: tls.NewLRUClientSessionCache(4),
	}
	// One configuration for all connections, whose keys of tickets stay the same.
	server := credentials.NewTLS(ca.Identity("dns:orders.internal").ServerConfig())
	for range 3 {
		clientErr, serverErr := connect(t, server, func(ctx context.Context, conn net.Conn) (net.Conn, error) {
			client := tls.Client(conn, config)
			err := client.HandshakeContext(ctx)
			if client.ConnectionState().DidResume {
				t.Error("resumed")
			}
			return client, err
		})
		if clientErr != nil || serverErr != nil {
			t.Fatalf("client: %v, server: %v", clientErr, serverErr)
		}
	}
}
