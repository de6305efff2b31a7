package edge_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/authntest"
	"github.com/intentgate/intentgate/gateway/edge"
)

func TestProtocols(t *testing.T) {
	pki := authntest.New(t)
	f := start(t, pki, func(c *edge.Config) {
		c.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, map[int]string{1: "HTTP/1.1", 2: "HTTP/2.0"}[r.ProtoMajor])
		})
	})
	for http2, want := range map[bool]string{false: "HTTP/1.1", true: "HTTP/2.0"} {
		for _, version := range tlsVersions {
			config := f.clientConfig(pki.Client().TLS())
			config.MinVersion, config.MaxVersion = version, version
			status, body, err := f.post(f.client(config, http2))
			if err != nil || status != 200 || body != want {
				t.Errorf("%s, %s: answer %d %q, %v", want, tls.VersionName(version), status, body, err)
			}
		}
	}
}

// Trust that is withdrawn, and time that passes, end connections that live.
func TestLiveConnectionsAreJudged(t *testing.T) {
	pki := authntest.New(t)
	for _, http2 := range []bool{false, true} {
		f := start(t, pki, nil)
		client := f.client(f.clientConfig(pki.ClientUntil(authntest.Now.Add(time.Hour)).TLS()), http2)
		expect := func(wantStatus int, wantBody string) {
			t.Helper()
			status, body, err := f.post(client)
			if err != nil || status != wantStatus || strings.TrimSpace(body) != wantBody {
				t.Errorf("answer %d %q, %v, want %d %q", status, body, err, wantStatus, wantBody)
			}
		}
		replace := func(profile *authn.Profile) {
			t.Helper()
			if err := f.trust.Replace(profile); err != nil {
				t.Fatal(err)
			}
		}
		expect(200, "dev")
		replace(pki.Profile("renamed"))
		expect(200, "renamed")
		replace(authntest.New(t).Profile("dev"))
		expect(403, "unknown_authority")
		replace(pki.Profile("dev"))
		expect(200, "dev")
		f.clock.pass(2 * time.Hour)
		expect(403, "expired")
		f.handshake()
		select {
		case h := <-f.handshakes:
			t.Errorf("another connection was made: %+v", h)
		default:
		}
	}
}

func TestReservedHeadersAreDropped(t *testing.T) {
	pki := authntest.New(t)
	seen := make(chan http.Header, 1)
	f := start(t, pki, func(c *edge.Config) {
		c.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := edge.ReadBody(r.Context(), w, r, 100); err != nil {
				t.Error(err)
			}
			header := r.Header.Clone()
			for name, values := range r.Trailer {
				header[name] = values
			}
			seen <- header
		})
	})
	for _, http2 := range []bool{false, true} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url(), io.MultiReader(strings.NewReader("{}")))
		if err != nil {
			t.Fatal(err)
		}
		reserved := []string{"Intentgate-Caller-Bin", "intentgate-x", "INTENTGATE-CALL-BIN"}
		for _, name := range reserved {
			request.Header[name] = []string{"forged"}
		}
		request.Header.Set("X-Other", "kept")
		request.Trailer = http.Header{"Intentgate-Caller-Bin": {"forged"}}
		response, err := f.client(f.clientConfig(pki.Client().TLS()), http2).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		header := <-seen
		if header.Get("X-Other") != "kept" {
			t.Error("more was dropped than what is reserved")
		}
		for name, values := range header {
			if values[0] == "forged" {
				t.Errorf("%s came through", name)
			}
		}
	}
}

// The clock of the request that a connection was opened for starts at Accept, that of a later one at its first byte.
func TestStart(t *testing.T) {
	pki := authntest.New(t)
	starts := make(chan time.Time, 1)
	f := start(t, pki, func(c *edge.Config) {
		c.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			peer, _ := edge.PeerFromContext(r.Context())
			starts <- peer.Start
			_, _ = edge.ReadBody(r.Context(), w, r, 100)
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
		c.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
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

// The time for reading a request must not end the turn that comes of it.
func TestReadTimeoutEndsWithTheBody(t *testing.T) {
	pki := authntest.New(t)
	for _, http2 := range []bool{false, true} {
		f := start(t, pki, func(c *edge.Config) {
			c.Limits.ReadTimeout = 100 * time.Millisecond
			c.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if _, err := edge.ReadBody(r.Context(), w, r, 100); err != nil {
					t.Error(err)
				}
				select {
				case <-r.Context().Done():
					t.Error("the turn was cancelled")
				case <-time.After(300 * time.Millisecond):
				}
				_, _ = io.WriteString(w, "ok")
			})
		})
		if status, body, err := f.post(f.client(f.clientConfig(pki.Client().TLS()), http2)); body != "ok" {
			t.Errorf("answer %d %q, %v", status, body, err)
		}
	}
}

func TestDrain(t *testing.T) {
	pki := authntest.New(t)
	for _, http2 := range []bool{false, true} {
		entered, finish := make(chan struct{}), make(chan struct{})
		f := start(t, pki, func(c *edge.Config) {
			c.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				close(entered)
				<-finish
				if r.Context().Err() != nil {
					t.Error("the turn in flight was cancelled")
				}
				_, _ = io.WriteString(w, "finished")
			})
		})
		answers := make(chan string, 1)
		go func() {
			_, body, err := f.post(f.client(f.clientConfig(pki.Client().TLS()), http2))
			if err != nil {
				body = err.Error()
			}
			answers <- body
		}()
		<-entered
		f.stop()
		refusesConnections(t, f)
		close(finish)
		if body := <-answers; body != "finished" {
			t.Errorf("answer %q", body)
		}
		if err := f.wait(); err != nil {
			t.Error(err)
		}
	}
}

func TestDrainHasAnEnd(t *testing.T) {
	pki := authntest.New(t)
	for _, drain := range []time.Duration{0, 50 * time.Millisecond} {
		entered := make(chan struct{})
		f := start(t, pki, func(c *edge.Config) {
			c.Drain = drain
			c.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				close(entered)
				<-r.Context().Done()
			})
		})
		go func() { _, _, _ = f.post(f.client(f.clientConfig(pki.Client().TLS()), false)) }()
		<-entered
		f.stop()
		if err := f.wait(); err == nil || !strings.Contains(err.Error(), "turns in flight were cut off after "+drain.String()+": 1") {
			t.Errorf("Serve returned %v", err)
		}
	}
}

// A connection that has brought no request is no turn in flight, and nothing to wait for.
func TestDrainOfSpareConnections(t *testing.T) {
	pki := authntest.New(t)
	for _, drain := range []time.Duration{0, 4 * time.Second} {
		f := start(t, pki, func(c *edge.Config) { c.Drain = drain })
		for _, protocol := range []string{"h2", "http/1.1"} {
			config := f.clientConfig(pki.Client().TLS())
			config.NextProtos = []string{protocol}
			if err := tls.Client(f.dial(), config).HandshakeContext(t.Context()); err != nil {
				t.Fatal(err)
			}
			f.handshake()
		}
		began := time.Now()
		f.stop()
		if err := f.wait(); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("a stop took %s", took)
		}
	}
}

func TestHandlerPanicIsLoggedOnce(t *testing.T) {
	pki := authntest.New(t)
	f := start(t, pki, func(c *edge.Config) {
		c.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("oops") })
	})
	if status, body, err := f.post(f.client(f.clientConfig(pki.Client().TLS()), false)); err == nil {
		t.Errorf("answer %d %q", status, body)
	}
	if log := f.log.String(); strings.Count(log, "Handler panicked") != 1 || !strings.Contains(log, "oops") {
		t.Errorf("log %s", log)
	}
}

func TestHeaderIsBounded(t *testing.T) {
	pki := authntest.New(t)
	for _, http2 := range []bool{false, true} {
		f := start(t, pki, nil)
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url(), http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Large", strings.Repeat("x", 64<<10))
		response, err := f.client(f.clientConfig(pki.Client().TLS()), http2).Do(request)
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
				t.Errorf("status %d", response.StatusCode)
			}
		}
		if f.hits.Load() != 0 {
			t.Error("a handler ran")
		}
	}
}

func TestNewRefusesGaps(t *testing.T) {
	_, err := edge.New(edge.Config{})
	if err == nil {
		t.Fatal("no error")
	}
	for _, name := range []string{"Listen", "Certificate", "Trust", "Handler", "Logger", "Now", "Limits.Handshakes"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("nothing about %s in %v", name, err)
		}
	}
}

func TestNegativeDrain(t *testing.T) {
	if _, err := edge.New(edge.Config{}); strings.Contains(err.Error(), "Drain") {
		t.Errorf("no drain at all: %v", err)
	}
	if _, err := edge.New(edge.Config{Drain: -time.Second}); !strings.Contains(err.Error(), "Drain is -1s") {
		t.Errorf("error %v", err)
	}
}

func TestPortInUse(t *testing.T) {
	pki := authntest.New(t)
	f := start(t, pki, nil)
	_, err := edge.New(edge.Config{
		Listen: f.Addr().String(), Certificate: func() *tls.Certificate { return nil }, Trust: pki.Trust(), Limits: limits(),
		Drain: time.Second, Handler: http.NotFoundHandler(), Logger: discard(), Now: time.Now,
	})
	if err == nil || !strings.Contains(err.Error(), f.Addr().String()) {
		t.Errorf("error %v", err)
	}
}

func TestCloseWithoutServe(t *testing.T) {
	pki := authntest.New(t)
	s, err := edge.New(edge.Config{
		Listen: "127.0.0.1:0", Certificate: func() *tls.Certificate { return nil }, Trust: pki.Trust(), Limits: limits(),
		Drain: time.Second, Handler: http.NotFoundHandler(), Logger: discard(), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := s.Serve(t.Context()); err != nil {
		t.Error(err)
	}
}

// refusesConnections waits until nobody accepts any more.
func refusesConnections(t *testing.T, f *fixture) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		tcp, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", f.Addr().String())
		if err != nil {
			return
		}
		_ = tcp.Close()
	}
	t.Error("connections are still accepted")
}
