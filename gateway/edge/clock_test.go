package edge_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/authn/authntest"
	"github.com/intentgate/intentgate/gateway/edge"
)

// The clock of the request that a connection was opened for starts at Accept, that of a later one at its first byte.
func TestStart(t *testing.T) {
	pki := authntest.New(t)
	starts := make(chan time.Time, 1)
	f := start(t, pki, func(c *edge.Config) {
		c.Site().Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			peer, _ := edge.PeerFromContext(r.Context())
			starts <- peer.Start
			_, _ = edge.ReadBody(r.Context(), w, r, 100, nil)
			_, _ = io.WriteString(w, "ok")
		})
	})
	expect := func(what string, want time.Time) {
		t.Helper()
		if got := <-starts; !got.Equal(want) {
			t.Errorf("%s started %s after the first Accept, want %s", what, got.Sub(authntest.Now), want.Sub(authntest.Now))
		}
	}

	const rest = "Host: x\r\nContent-Length: 2\r\n\r\n{}"
	for _, late := range []bool{false, true} {
		accepted := f.clock.peek()
		secured := tls.Client(f.dial(), f.clientConfig(pki.Client().TLS()))
		if err := secured.HandshakeContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.handshake() // accepted by now
		asked := f.clock.asked()
		write := func(s string) {
			t.Helper()
			if _, err := io.WriteString(secured, s); err != nil {
				t.Fatal(err)
			}
		}
		readAnswer := func() {
			t.Helper()
			var answer strings.Builder
			for b := make([]byte, 512); !strings.HasSuffix(answer.String(), "ok"); {
				n, err := secured.Read(b)
				if err != nil {
					t.Fatal(err)
				}
				answer.Write(b[:n])
			}
		}
		f.clock.pass(time.Second)
		if late { // a connection to spare
			f.clock.pass(time.Minute)
			accepted = f.clock.peek()
		}
		write("POST / HTTP/1.1\r\n" + rest)
		expect("the first request", accepted)
		readAnswer()
		f.clock.waitUntilAsked(asked + 2) // first byte, idle

		f.clock.pass(time.Second)
		first := f.clock.peek()
		write("POST / HT")
		f.clock.waitUntilAsked(asked + 3) // the first byte was read
		f.clock.pass(time.Second)
		write("TP/1.1\r\n" + rest)
		expect("the second request", first)
		readAnswer()
		f.clock.waitUntilAsked(asked + 4) // idle
	}
}

// On HTTP/2 a connection has bytes of its own before there is a request.
func TestStartOnHTTP2(t *testing.T) {
	pki := authntest.New(t)
	starts := make(chan time.Time, 1)
	f := start(t, pki, func(c *edge.Config) {
		c.Site().Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			peer, _ := edge.PeerFromContext(r.Context())
			starts <- peer.Start
		})
	})
	for _, wait := range []time.Duration{0, time.Second, 6 * time.Second} {
		protocols := &http.Protocols{}
		protocols.SetHTTP2(true)
		transport := &http.Transport{TLSClientConfig: f.clientConfig(pki.Client().TLS()), Protocols: protocols}
		accepted := f.clock.peek()
		connection, err := transport.NewClientConn(t.Context(), "https", f.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		f.handshake()
		for i := range 2 {
			f.clock.pass(wait)
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url(), http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			response, err := connection.RoundTrip(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			want := f.clock.peek()
			if i == 0 && wait <= time.Second {
				want = accepted
			}
			if got := <-starts; !got.Equal(want) {
				t.Errorf("request %d, each after %s, started %s after Accept, want %s", i+1, wait, got.Sub(accepted), want.Sub(accepted))
			}
		}
		_ = connection.Close()
	}
}
