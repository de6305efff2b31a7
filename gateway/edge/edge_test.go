package edge_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/authntest"
	"github.com/intentgate/intentgate/gateway/edge"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

const serverName = "edge.example"

// fixture is a running edge.
type fixture struct {
	*edge.Server

	t          testing.TB
	pki        *authntest.PKI
	trust      *authn.Trust
	roots      *x509.CertPool // of the server's certificate
	clock      *clock
	handshakes chan edge.Handshake
	log        *buffer
	hits       atomic.Int64 // requests that came to a handler
	stop       context.CancelFunc
	done       chan error
}

// start runs an edge. Its handler counts and answers with the peer's profiles, if change gives no other.
func start(tb testing.TB, pki *authntest.PKI, change func(*edge.Config)) *fixture {
	tb.Helper()
	f := &fixture{
		t: tb, pki: pki, trust: pki.Trust(), clock: newClock(), log: &buffer{},
		handshakes: make(chan edge.Handshake, 1000), done: make(chan error, 1),
	}
	ca, err := devca.New(devca.Options{CommonName: "Edge CA", Now: f.clock.peek})
	if err != nil {
		tb.Fatal(err)
	}
	f.roots = ca.Pool()
	issued, err := ca.Issue(devca.Leaf{DNS: []string{serverName}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	if err != nil {
		tb.Fatal(err)
	}
	certificate := issued.TLS()
	site := &edge.Site{
		Certificate: func() *tls.Certificate { return &certificate },
		Trust:       f.trust,
		Drain:       10 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			peer, ok := edge.PeerFromContext(r.Context())
			if !ok {
				http.Error(w, "no peer", http.StatusInternalServerError)
				return
			}
			verdict, refusal := peer.Verdict()
			if refusal != nil {
				http.Error(w, string(refusal.Reason), http.StatusForbidden)
				return
			}
			_, _ = io.WriteString(w, strings.Join(verdict.Profiles(), ","))
		}),
	}
	config := edge.Config{
		Listen:  "127.0.0.1:0",
		Site:    func() *edge.Site { return site },
		Limits:  limits(),
		Logger:  slog.New(slog.NewJSONHandler(f.log, nil)),
		Now:     f.clock.Now,
		Observe: func(h edge.Handshake) { f.handshakes <- h },
	}
	if change != nil {
		change(&config)
	}
	inner := site.Handler
	site.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.hits.Add(1)
		inner.ServeHTTP(w, r)
	})
	if f.Server, err = edge.New(config); err != nil {
		tb.Fatal(err)
	}
	ctx, stop := context.WithCancel(tb.Context())
	f.stop = stop
	go func() { f.done <- f.Serve(ctx) }()
	tb.Cleanup(func() {
		stop()
		if f.done != nil {
			<-f.done
		}
	})
	return f
}

func limits() edge.Limits {
	return edge.Limits{
		HeaderBytes: 32 << 10, HandshakeTimeout: 20 * time.Second, HeaderTimeout: 20 * time.Second,
		ReadTimeout: 20 * time.Second, IdleTimeout: time.Minute, Handshakes: 64, Connections: 256,
	}
}

// wait waits for the end of Serve.
func (f *fixture) wait() error {
	f.t.Helper()
	select {
	case err := <-f.done:
		f.done = nil
		return err
	case <-time.After(30 * time.Second):
		f.t.Fatal("Serve does not end")
		return nil
	}
}

// handshake returns what was reported of the next handshake.
func (f *fixture) handshake() edge.Handshake {
	f.t.Helper()
	select {
	case h := <-f.handshakes:
		return h
	case <-time.After(30 * time.Second):
		f.t.Fatal("no handshake was reported")
		return edge.Handshake{}
	}
}

// clientConfig presents the certificate, whatever the server asks for.
func (f *fixture) clientConfig(certificate tls.Certificate) *tls.Config {
	return &tls.Config{
		RootCAs:    f.roots,
		ServerName: serverName,
		Time:       f.clock.peek,
		MinVersion: tls.VersionTLS12,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &certificate, nil
		},
	}
}

// client speaks HTTP/1.1, or HTTP/2 where http2 says so.
func (f *fixture) client(config *tls.Config, http2 bool) *http.Client {
	protocols := &http.Protocols{}
	protocols.SetHTTP1(!http2)
	protocols.SetHTTP2(http2)
	transport := &http.Transport{TLSClientConfig: config, Protocols: protocols}
	f.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}
}

func (f *fixture) url() string {
	host := f.Addr().String()
	if f.Addr().Network() == "unix" {
		host = serverName
	}
	return "https://" + host + "/dialogflow/es"
}

// post sends an empty object.
func (f *fixture) post(client *http.Client) (status int, body string, err error) {
	f.t.Helper()
	request, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, f.url(), strings.NewReader("{}"))
	if err != nil {
		f.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	return response.StatusCode, string(answer), err
}

// dial opens a TCP connection that is closed when the test ends.
func (f *fixture) dial() net.Conn {
	f.t.Helper()
	tcp, err := (&net.Dialer{}).DialContext(f.t.Context(), "tcp", f.Addr().String())
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = tcp.Close() })
	return tcp
}

// clock stands still until it is told otherwise. It counts how often the server asks.
type clock struct {
	mu    sync.Mutex
	asks  *sync.Cond
	now   time.Time
	count int
}

func newClock() *clock {
	c := &clock{now: authntest.Now}
	c.asks = sync.NewCond(&c.mu)
	return c
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count++
	c.asks.Broadcast()
	return c.now
}

// peek is not counted.
func (c *clock) peek() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(by)
}

func (c *clock) asked() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count
}

func (c *clock) waitUntilAsked(times int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.count < times {
		c.asks.Wait()
	}
}

// buffer is a log that several goroutines write.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
