package edge_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/authntest"
	"github.com/intentgate/intentgate/gateway/edge"
)

const (
	viaV4    = "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\xfe\x30\x39\x01\xbb" // 192.0.2.1:12345
	viaOther = "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x02\xc0\x00\x02\xfe\x30\x39\x01\xbb" // 192.0.2.2:12345
	viaLocal = "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"
)

// behind is an edge that has proxies, and answers with the peer's address.
func behind(t *testing.T, pki *authntest.PKI, change func(*edge.Config), networks ...string) *fixture {
	t.Helper()
	return start(t, pki, func(c *edge.Config) {
		for _, network := range networks {
			c.Site().ProxyPeers = append(c.Site().ProxyPeers, netip.MustParsePrefix(network))
		}
		c.Site().Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			peer, _ := edge.PeerFromContext(r.Context())
			_, _ = io.WriteString(w, peer.Addr)
		})
		if change != nil {
			change(c)
		}
	})
}

// via is a client whose connections begin with a header, sent in two pieces.
func (f *fixture) via(header string) *http.Client {
	client := f.client(f.clientConfig(f.pki.Client().TLS()), false)
	transport, _ := client.Transport.(*http.Transport)
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		tcp, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err == nil {
			_, err = io.WriteString(tcp, header[:len(header)/2])
		}
		if err == nil {
			_, err = io.WriteString(tcp, header[len(header)/2:])
		}
		return tcp, err
	}
	return client
}

// The client's address is what the handler, the report and the log have; a proxy's own calls are its own.
func TestProxyProtocol(t *testing.T) {
	pki := authntest.New(t)
	f := behind(t, pki, nil, "198.51.100.0/24", "127.0.0.1/32")
	for sent, want := range map[string]string{viaV4: "192.0.2.1:12345", viaLocal: "127.0.0.1:"} {
		status, body, err := f.post(f.via(sent))
		if status != 200 || !strings.HasPrefix(body, want) {
			t.Errorf("answer %d %q, %v; want %s", status, body, err, want)
		}
		if h := f.handshake(); h.Peer.String() != body || h.Proxy.IsValid() == (sent == viaLocal) || h.Proxy.IsValid() && !h.Proxy.Addr().IsLoopback() {
			t.Errorf("reported %+v", h)
		}
	}
	if _, _, err := f.post(f.via(viaV4 + "SSH-2.0-x")); err == nil {
		t.Error("an answer to what is no TLS")
	}
	if h := f.handshake(); h.Refusal == nil || h.Refusal.Reason != authn.NotTLS || h.Peer.String() != "192.0.2.1:12345" {
		t.Errorf("reported %+v", h)
	}
	if log := f.log.String(); !strings.Contains(log, `"peer":"192.0.2.1:12345","proxy":"127.0.0.1:`) {
		t.Errorf("log %s", log)
	}
}

// Who is listed must send it, version 2; nobody else may, any version. It is told from what is no TLS at all.
func TestProxyProtocolOfStrangers(t *testing.T) {
	pki := authntest.New(t)
	const v1 = "PROXY TCP4 192.0.2.1 192.0.2.254 12345 443\r\n"
	for name, c := range map[string]struct {
		peers, sent string
		reason      authn.Reason
		saw         string
	}{
		"listed, nothing":     {"127.0.0.0/8", "", authn.ProxyHeader, "none of its headers"},
		"listed, version 1":   {"127.0.0.0/8", v1, authn.ProxyHeader, "version 1"},
		"listed, twice":       {"127.0.0.0/8", viaV4 + viaV4, authn.ProxyUnlisted, "the PROXY protocol"},
		"unlisted":            {"198.51.100.0/24", viaV4, authn.ProxyUnlisted, "the PROXY protocol"},
		"unlisted, local":     {"198.51.100.0/24", viaLocal, authn.ProxyUnlisted, "the PROXY protocol"},
		"unlisted, version 1": {"198.51.100.0/24", v1, authn.ProxyUnlisted, "the PROXY protocol"},
		"nobody is listed":    {"", viaV4, authn.ProxyUnlisted, "the PROXY protocol"},
	} {
		t.Run(name, func(t *testing.T) {
			f := behind(t, pki, nil, strings.Fields(c.peers)...)
			if status, body, err := f.post(f.via(c.sent)); err == nil {
				t.Errorf("answer %d %q", status, body)
			}
			h := f.handshake()
			if h.Refusal == nil || h.Refusal.Reason != c.reason || h.Refusal.Saw != c.saw || h.Verdict != nil {
				t.Errorf("reported %+v: %v", h, h.Refusal)
			}
			if f.hits.Load() != 0 {
				t.Error("a handler ran")
			}
			if _, handshakes := f.Load(); handshakes != 0 {
				t.Errorf("%d handshakes are in flight", handshakes)
			}
		})
	}
}

// A header has the handshake's time.
func TestProxyProtocolIsSlow(t *testing.T) {
	f := behind(t, authntest.New(t), func(c *edge.Config) { c.Limits.HandshakeTimeout = 100 * time.Millisecond }, "127.0.0.1/32")
	for _, sent := range []string{"", viaV4[:14], viaV4[:20]} {
		tcp := f.dial()
		if _, err := io.WriteString(tcp, sent); err != nil {
			t.Fatal(err)
		}
		if h := f.handshake(); h.Refusal == nil || h.Refusal.Reason != authn.Timeout {
			t.Errorf("sent %q: reported %+v", sent, h.Refusal)
		}
	}
	tcp := f.dial()
	_ = tcp.Close()
	if h := f.handshake(); h.Refusal == nil || h.Refusal.Reason != authn.HungUp {
		t.Errorf("nothing: reported %+v", h.Refusal)
	}
}

// Silent clients behind a proxy have the share of their address, and not the proxy's; proxies that say nothing have no place.
func TestProxyProtocolShares(t *testing.T) {
	f := behind(t, authntest.New(t), func(c *edge.Config) { c.Limits.Handshakes = 8 }, "127.0.0.1/32")
	for range 20 {
		f.dial()
	}
	for range 10 { // two of them in flight, eight waiting
		if _, err := io.WriteString(f.dial(), viaV4); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.WriteString(f.dial(), viaV4); err != nil {
		t.Fatal(err)
	}
	if h := f.handshake(); h.Refusal == nil || h.Refusal.Reason != authn.Overload || h.Peer.Addr().String() != "192.0.2.1" {
		t.Errorf("one too many: reported %+v", h.Refusal)
	}
	if status, body, err := f.post(f.via(viaOther)); status != 200 || body != "192.0.2.2:12345" {
		t.Errorf("another client of the proxy's: answer %d %q, %v", status, body, err)
	}
}

// Another configuration has other proxies, from the next connection on.
func TestProxyPeersAreReplaced(t *testing.T) {
	var current atomic.Pointer[edge.Site]
	f := behind(t, authntest.New(t), func(c *edge.Config) {
		current.Store(c.Site())
		c.Site = current.Load
	})
	before := current.Load()
	kept := f.client(f.clientConfig(f.pki.Client().TLS()), false)
	if status, _, err := f.post(kept); status != 200 {
		t.Fatal(err)
	}
	f.handshake()
	current.Store(&edge.Site{
		Certificate: func() *tls.Certificate { return before.Certificate() }, Trust: before.Trust, Handler: before.Handler,
		ProxyPeers: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
	})
	if status, body, err := f.post(f.via(viaV4)); status != 200 || body != "192.0.2.1:12345" {
		t.Errorf("a new connection: answer %d %q, %v", status, body, err)
	}
	if status, body, err := f.post(kept); status != 200 || !strings.HasPrefix(body, "127.0.0.1:") {
		t.Errorf("the old connection: answer %d %q, %v", status, body, err)
	}
}
