package edge

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/intentgate/intentgate/gateway/authn/authntest"
)

// A peer that is let in and then reads nothing does not keep its slot.
func TestStalledPeerLosesItsSlot(t *testing.T) {
	pki := authntest.New(t)
	leaf := authntest.Leaf()
	leaf.DNS, leaf.ExtKeyUsage = []string{"edge.example"}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	issued, err := pki.SSLCom.Issue(leaf)
	if err != nil {
		t.Fatal(err)
	}
	own := issued.TLS()
	site := &Site{
		Certificate: func() *tls.Certificate { return &own }, Trust: pki.Trust(),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for b := make([]byte, 1<<20); ; {
				if _, err := w.Write(b); err != nil {
					return
				}
			}
		}),
	}
	s, err := New(Config{
		Listen: "127.0.0.1:0", Site: func() *Site { return site },
		Limits: Limits{
			HeaderBytes: 32 << 10, HandshakeTimeout: time.Minute, HeaderTimeout: time.Minute, ReadTimeout: time.Minute,
			IdleTimeout: time.Minute, Handshakes: 4, Connections: 1,
		},
		Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return authntest.Now },
	})
	if err != nil {
		t.Fatal(err)
	}
	limits := s.http.HTTP2
	if limits.WriteByteTimeout <= 0 || limits.WriteByteTimeout > writeTimeout || limits.SendPingTimeout <= 0 {
		t.Fatalf("HTTP/2 without limits: %+v", limits)
	}
	limits.WriteByteTimeout = 100 * time.Millisecond
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	defer func() { stop(); <-done }()

	connect := func() *tls.Conn {
		t.Helper()
		tcp, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = tcp.Close() })
		_ = tcp.SetDeadline(time.Now().Add(20 * time.Second))
		secured := tls.Client(tcp, &tls.Config{
			MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pki.Client().TLS()}, NextProtos: []string{"h2"},
			RootCAs: pki.SSLCom.Pool(), ServerName: "edge.example", Time: func() time.Time { return authntest.Now },
		})
		if err := secured.HandshakeContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		return secured
	}
	stalled := connect()
	var request bytes.Buffer
	request.WriteString(http2.ClientPreface)
	frames := http2.NewFramer(&request, nil)
	var header bytes.Buffer
	fields := hpack.NewEncoder(&header)
	for _, f := range [][2]string{{":method", "POST"}, {":scheme", "https"}, {":authority", "edge.example"}, {":path", "/"}} {
		_ = fields.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	_ = frames.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: math.MaxInt32})
	_ = frames.WriteWindowUpdate(0, math.MaxInt32-65535)
	_ = frames.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: header.Bytes(), EndHeaders: true, EndStream: true})
	if _, err := io.Copy(stalled, &request); err != nil {
		t.Fatal(err)
	}
	connect() // takes the only slot, as soon as it is free
}
