package backend_test

import (
	"context"
	"crypto/x509"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/intentgate/intentgate/gateway/backend"
	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/mtls/mtlstest"
)

// end is one end of the hop, whose files a test replaces.
type end struct {
	*mtls.Identity

	files   mtls.Files
	tell    atomic.Pointer[func()] // of a change, before changed
	changed chan struct{}
}

func watch(t *testing.T, files mtls.Files) *end {
	t.Helper()
	e := &end{files: files, changed: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	started := make(chan struct{})
	start := sync.OnceFunc(func() { close(started) })
	identity, err := mtls.Open(files, mtls.Options{Logger: discard(), Observe: func(ctx context.Context, changed bool, _ error) {
		if f := e.tell.Load(); changed && f != nil {
			(*f)()
		}
		if changed {
			select {
			case e.changed <- struct{}{}:
			case <-ctx.Done():
			}
		}
		start()
	}})
	if err != nil {
		t.Fatal(err)
	}
	e.Identity = identity
	ended := make(chan error, 1)
	go func() { ended <- identity.Watch(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("watch: %v", err)
		}
	})
	<-started
	return e
}

// roots replaces the authorities, and waits until that is known.
func (e *end) roots(t *testing.T, cas ...*mtlstest.CA) {
	t.Helper()
	var pem []byte
	for _, ca := range cas {
		pem = append(pem, ca.CertPEM()...)
	}
	next := e.files.CA + ".next"
	if err := os.WriteFile(next, pem, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, e.files.CA); err != nil {
		t.Fatal(err)
	}
	<-e.changed
}

// certificate replaces the certificate, and waits until that is known.
func (e *end) certificate(t *testing.T, ca *mtlstest.CA, name string) *x509.Certificate {
	t.Helper()
	certificate := ca.Issue(ca.Leaf("dns:" + name))
	if err := certificate.WriteFiles(e.files.Cert, e.files.Key); err != nil {
		t.Fatal(err)
	}
	<-e.changed
	return certificate.Leaf
}

// dialling is credentials that keep the connections which they made.
type dialling struct {
	credentials.TransportCredentials

	made *made
}

type made struct {
	mu    sync.Mutex
	conns []*madeConn
}

type madeConn struct {
	net.Conn

	server *x509.Certificate
	once   sync.Once
	closed chan struct{}
}

func (c *madeConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

func (m *made) all() []*madeConn {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]*madeConn(nil), m.conns...)
}

func (d dialling) Clone() credentials.TransportCredentials { return d }

func (d dialling) ClientHandshake(ctx context.Context, name string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	secure, info, err := d.TransportCredentials.ClientHandshake(ctx, name, conn)
	if err != nil {
		return nil, nil, err
	}
	m := &madeConn{Conn: secure, server: info.(credentials.TLSInfo).State.PeerCertificates[0], closed: make(chan struct{})} //nolint:errcheck // a panic will do
	d.made.mu.Lock()
	defer d.made.mu.Unlock()
	d.made.conns = append(d.made.conns, m)
	return m, info, nil
}

// redialling dials with the credentials of an end, and anew when its files change.
func redialling(t *testing.T, e *end, address string) (client, *made) {
	t.Helper()
	m := &made{}
	c := dial(t, backend.Config{Target: address, Credentials: func(name string) credentials.TransportCredentials {
		return dialling{e.ClientCredentials(name), m}
	}})
	redial := c.Redial
	e.tell.Store(&redial)
	c.await(t, connectivity.Ready)
	return c, m
}

// clientOf returns the certificate and the address that a call came with.
func clientOf(ctx context.Context) (*x509.Certificate, string) {
	p, _ := peer.FromContext(ctx)
	return p.AuthInfo.(credentials.TLSInfo).State.PeerCertificates[0], p.Addr.String() //nolint:errcheck // a panic will do
}

// TestRotation replaces authorities and certificates of both ends, in the order that operators do it in, under load.
func TestRotation(t *testing.T) {
	oldCA, newCA := mtlstest.NewCA(t), mtlstest.NewCA(t)
	server, gateway := watch(t, oldCA.Files("dns:"+serviceName)), watch(t, oldCA.Files("dns:"+gatewayName))
	var caller atomic.Pointer[x509.Certificate]
	service := serve(t, server.ServerCredentials(), "127.0.0.1:0", health.NewServer(),
		func(ctx context.Context, _ metadata.MD, request []byte) ([]byte, error) {
			cert, _ := clientOf(ctx)
			caller.Store(cert)
			return request, nil
		})
	client, made := redialling(t, gateway, service.address)

	var calls, lost atomic.Int32
	var load sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		load.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if _, err := client.Invoke(t.Context(), call(message(100))); err != nil && lost.Add(1) < 5 {
					t.Errorf("a call was lost: %v", err)
				}
				calls.Add(1)
			}
		})
	}
	server.roots(t, oldCA, newCA)
	gateway.roots(t, oldCA, newCA)
	renewedServer := server.certificate(t, newCA, serviceName)
	renewedGateway := gateway.certificate(t, newCA, gatewayName)
	gateway.roots(t, newCA)
	server.roots(t, newCA)
	close(done)
	load.Wait()
	t.Logf("%d calls over %d connections", calls.Load(), len(made.all()))
	if n := calls.Load(); n < 200 {
		t.Errorf("%d calls are no load", n)
	}

	if _, err := client.Invoke(t.Context(), call(nil)); err != nil {
		t.Fatal(err)
	}
	if got := caller.Load(); !got.Equal(renewedGateway) {
		t.Errorf("the service sees certificate %s, want %s", got.SerialNumber, renewedGateway.SerialNumber)
	}
	conns := made.all()
	last := conns[len(conns)-1]
	if !last.server.Equal(renewedServer) {
		t.Errorf("the last connection is to certificate %s, want %s", last.server.SerialNumber, renewedServer.SerialNumber)
	}
	for _, conn := range conns[:len(conns)-1] {
		<-conn.closed
	}
	select {
	case <-last.closed:
		t.Error("the last connection is closed")
	default:
	}
}

// TestRedialLetsCallsFinish has a call in flight while the connection is replaced.
func TestRedialLetsCallsFinish(t *testing.T) {
	for name, closes := range map[string]bool{"finished": false, "cut off by Close": true} {
		t.Run(name, func(t *testing.T) {
			ca := mtlstest.NewCA(t)
			server, gateway := ca.Identity("dns:"+serviceName), watch(t, ca.Files("dns:"+gatewayName))
			addresses, leave := make(chan string, 2), make(chan struct{})
			defer close(leave)
			service := serve(t, server.ServerCredentials(), "127.0.0.1:0", health.NewServer(),
				func(ctx context.Context, _ metadata.MD, request []byte) ([]byte, error) {
					_, address := clientOf(ctx)
					addresses <- address
					if len(request) == 0 {
						return nil, nil
					}
					select {
					case <-leave:
						return request, nil
					case <-ctx.Done():
						return nil, ctx.Err()
					}
				})
			client, made := redialling(t, gateway, service.address)
			slow := make(chan error, 1)
			go func() {
				_, err := client.Invoke(t.Context(), call(message(1)))
				slow <- err
			}()
			first := <-addresses
			client.Redial()
			if _, err := client.Invoke(t.Context(), call(nil)); err != nil {
				t.Fatal(err)
			}
			if second := <-addresses; second == first {
				t.Error("a new call went over the old connection")
			}
			old := made.all()[0]
			select {
			case <-old.closed:
				t.Fatal("the old connection was closed with a call in flight")
			case err := <-slow:
				t.Fatalf("the call in flight ended: %v", err)
			default:
			}
			if closes {
				client.Close()
				if err := <-slow; status.Code(err) != codes.Canceled {
					t.Errorf("the call in flight: %v, want CANCELED", err)
				}
			} else {
				leave <- struct{}{}
				if err := <-slow; err != nil {
					t.Errorf("the call in flight: %v", err)
				}
			}
			<-old.closed
		})
	}
}

// TestWithdrawnAuthority takes the authority of a service away from a gateway that is connected to it.
func TestWithdrawnAuthority(t *testing.T) {
	ca, other := mtlstest.NewCA(t), mtlstest.NewCA(t)
	server, gateway := ca.Identity("dns:"+serviceName), watch(t, ca.Files("dns:"+gatewayName))
	var handled atomic.Int32
	service := serve(t, server.ServerCredentials(), "127.0.0.1:0", health.NewServer(),
		func(_ context.Context, _ metadata.MD, request []byte) ([]byte, error) {
			handled.Add(1)
			return request, nil
		})
	client, made := redialling(t, gateway, service.address)
	if _, err := client.Invoke(t.Context(), call(nil)); err != nil {
		t.Fatal(err)
	}
	gateway.roots(t, other)
	if _, err := client.Invoke(t.Context(), call(nil)); status.Code(err) != codes.Unavailable || handled.Load() != 1 {
		t.Errorf("%v after %d calls, want UNAVAILABLE and none more than the first", err, handled.Load())
	}
	const reason = "signed by unknown authority"
	if got := client.await(t, connectivity.TransientFailure); !strings.Contains(got, reason) {
		t.Errorf("reason %q, want %q", got, reason)
	}
	if state, detail := client.State(); state != connectivity.TransientFailure || !strings.Contains(detail, reason) {
		t.Errorf("state %s, %q", state, detail)
	}
	<-made.all()[0].closed

	gateway.roots(t, ca)
	client.await(t, connectivity.Ready)
	if _, err := client.Invoke(t.Context(), call(nil)); err != nil {
		t.Error(err)
	}
}
