package edge_test

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/authn/authntest"
	"github.com/intentgate/intentgate/gateway/edge"
)

// ok answers, once it has read the body.
func ok(w http.ResponseWriter, r *http.Request) {
	_, _ = edge.ReadBody(r.Context(), w, r, 100, nil)
	_, _ = io.WriteString(w, "ok")
}

// draining waits until the server ends connections with their answers.
func (f *fixture) draining(client *http.Client) {
	f.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if f.closes(client) {
			return
		}
	}
	f.t.Fatal("connections stay")
}

// closes posts, and says whether that was the connection's last answer.
func (f *fixture) closes(client *http.Client) bool {
	f.t.Helper()
	request, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, f.url(), http.NoBody)
	if err != nil {
		f.t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		f.t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return response.Close
}

// While a server stops, who comes is served, over a connection that ends: one that was there before, a new one, and one whose
// request was in work already.
func TestDrainDelay(t *testing.T) {
	pki := authntest.New(t)
	entered, finish := make(chan struct{}), make(chan struct{})
	f := start(t, pki, func(c *edge.Config) {
		c.Site().DrainDelay = 2 * time.Second
		c.Site().Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				close(entered)
				<-finish
			}
			if peer, ok := edge.PeerFromContext(r.Context()); ok {
				peer.Answering(w.Header())
			}
			_, _ = io.WriteString(w, "ok")
		})
	})
	config := f.clientConfig(pki.Client().TLS())
	kept, in := f.connect(config.Clone()), make(chan bool, 1)
	if f.closes(f.client(config.Clone(), false)) {
		t.Error("a connection ends before the server does")
	}
	ends := func(path string) bool {
		t.Helper()
		if _, err := io.WriteString(kept, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(bufio.NewReader(kept), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response.Close
	}
	if ends("/") {
		t.Error("a connection ends before the server does")
	}
	go func() { in <- ends("/slow") }()
	<-entered
	began := time.Now()
	f.stop()
	comer := f.client(config.Clone(), false)
	f.draining(comer)
	close(finish)
	if !<-in {
		t.Error("the connection of the request in work stays")
	}
	if status, body, err := f.post(f.client(config.Clone(), true)); status != http.StatusOK {
		t.Errorf("on HTTP/2: answer %d %q, %v", status, body, err)
	}
	if took := time.Since(began); took > 1900*time.Millisecond {
		t.Skipf("this machine is too slow: %s", took)
	}
	refusesConnections(t, f)
	if took := time.Since(began); took < 2*time.Second {
		t.Errorf("connections were refused after %s", took)
	}
	if err := f.wait(); err != nil {
		t.Error(err)
	}
}

// A connection of HTTP/2 whose stream ends while the server stops takes no further one.
func TestDrainDelayOnHTTP2(t *testing.T) {
	pki := authntest.New(t)
	f := start(t, pki, func(c *edge.Config) { c.Site().DrainDelay = time.Second })
	client, other := f.client(f.clientConfig(pki.Client().TLS()), true), f.client(f.clientConfig(pki.Client().TLS()), false)
	for range 2 {
		if status, _, err := f.post(client); status != http.StatusOK {
			t.Fatal(err)
		}
	}
	f.handshake()
	f.stop()
	f.draining(other)
	for range 2 {
		if status, _, err := f.post(client); status != http.StatusOK {
			t.Fatal(err)
		}
	}
	for range 2 { // other's, client's second one
		f.handshake()
	}
	if err := f.wait(); err != nil {
		t.Error(err)
	}
}

// A request that has begun is answered, however late the rest of it comes; a connection without one ends without a word.
func TestStopInTheMiddleOfARequest(t *testing.T) {
	pki := authntest.New(t)
	f := start(t, pki, func(c *edge.Config) { c.Site().Handler = http.HandlerFunc(ok) })
	const half, rest = "POST / HTTP/1.1\r\nHo", "st: x\r\nContent-Length: 2\r\n\r\n{}"
	config := f.clientConfig(pki.Client().TLS())
	first, later, idle := f.connect(config.Clone()), f.connect(config.Clone()), f.connect(config.Clone())
	in := map[io.Writer]*bufio.Reader{first: bufio.NewReader(first), later: bufio.NewReader(later), idle: bufio.NewReader(idle)}
	write := func(to io.Writer, text string) {
		t.Helper()
		if _, err := io.WriteString(to, text); err != nil {
			t.Fatal(err)
		}
	}
	read := func(from io.Writer, closes bool) {
		t.Helper()
		response, err := http.ReadResponse(in[from], nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		if err := response.Body.Close(); err != nil || string(body) != "ok" || response.Close != closes {
			t.Errorf("answer %q, closes: %t, want %t", body, response.Close, closes)
		}
	}
	for range 3 { // whose end asks for the time, too
		f.handshake()
	}
	asked := f.clock.asked()
	for _, conn := range []io.Writer{later, idle} {
		write(conn, half+rest)
		read(conn, false)
	}
	f.clock.waitUntilAsked(asked + 4) // first byte, idle; twice
	write(first, half)
	write(later, half)
	f.clock.waitUntilAsked(asked + 6)
	f.stop()
	refusesConnections(t, f)
	if _, err := in[idle].ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the idle connection: %v", err)
	}
	for _, conn := range []io.Writer{first, later} {
		write(conn, rest)
		read(conn, true)
	}
	if err := f.wait(); err != nil {
		t.Error(err)
	}
}

// Who has connected at the last moment can still bring a request.
func TestStopRightAfterTheHandshake(t *testing.T) {
	pki := authntest.New(t)
	f := start(t, pki, func(c *edge.Config) {
		c.Site().DrainDelay = 300 * time.Millisecond
		c.Site().Handler = http.HandlerFunc(ok)
	})
	f.stop()
	comer := f.connect(f.clientConfig(pki.Client().TLS()))
	refusesConnections(t, f)
	if _, err := io.WriteString(comer, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(comer), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil || !response.Close {
		t.Errorf("closes: %t, %v", response.Close, err)
	}
	if err := f.wait(); err != nil {
		t.Error(err)
	}
}

// Requests that come without waiting for answers are each timed from the end of the one before.
func TestStartOfPipelinedRequests(t *testing.T) {
	pki := authntest.New(t)
	starts, next := make(chan time.Time, 2), make(chan struct{})
	f := start(t, pki, func(c *edge.Config) {
		c.Site().Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			peer, _ := edge.PeerFromContext(r.Context())
			starts <- peer.Start
			<-next
			ok(w, r)
		})
	})
	accepted := f.clock.peek()
	const request = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
	conn := f.connect(f.clientConfig(pki.Client().TLS()))
	if _, err := io.WriteString(conn, request+request); err != nil {
		t.Fatal(err)
	}
	for _, want := range []time.Time{accepted, accepted.Add(time.Second)} {
		if got := <-starts; !got.Equal(want) {
			t.Errorf("started %s after Accept, want %s", got.Sub(accepted), want.Sub(accepted))
		}
		f.clock.pass(time.Second)
		next <- struct{}{}
	}
	in := bufio.NewReader(conn)
	for range 2 {
		response, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
	}
}
