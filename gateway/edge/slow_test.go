package edge_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/authn/authntest"
	"github.com/intentgate/intentgate/gateway/edge"
)

// connect makes a connection that was accepted, and gives it up after a while.
func (f *fixture) connect(config *tls.Config) *tls.Conn {
	f.t.Helper()
	secured := tls.Client(f.dial(), config)
	_ = secured.SetDeadline(time.Now().Add(10 * time.Second))
	if err := secured.HandshakeContext(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	return secured
}

// A header has its time, though the client goes on sending.
func TestSlowHeader(t *testing.T) {
	pki := authntest.New(t)
	f := start(t, pki, func(c *edge.Config) { c.Limits.HeaderTimeout = 100 * time.Millisecond })
	config := f.clientConfig(pki.Client().TLS())
	for _, sent := range []string{"", "POST /dialogflow/es HTTP/1.1\r\nHost: x\r\nX-Slow: "} {
		secured := f.connect(config.Clone())
		if _, err := io.WriteString(secured, sent); err != nil {
			t.Fatal(err)
		}
		if answer, err := io.ReadAll(secured); err != nil {
			t.Errorf("sent %q: the connection stays: %q, %v", sent, answer, err)
		}
	}
	if n := f.hits.Load(); n != 0 {
		t.Errorf("%d requests came to the handler", n)
	}
}

// A connection that brings no further request is closed.
func TestIdleConnectionsEnd(t *testing.T) {
	pki := authntest.New(t)
	f := start(t, pki, func(c *edge.Config) { c.Limits.IdleTimeout = 100 * time.Millisecond })
	secured := f.connect(f.clientConfig(pki.Client().TLS()))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url(), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if err := request.Write(secured); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(secured)
	response, err := http.ReadResponse(in, request)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil || response.Close {
		t.Errorf("closed at once: %t, %v", response.Close, err)
	}
	if more, err := io.ReadAll(in); err != nil || len(more) > 0 {
		t.Errorf("the connection stays: %q, %v", more, err)
	}
}

// Who states a body that is too large is answered before it comes.
func TestStatedSize(t *testing.T) {
	pki := authntest.New(t)
	f := start(t, pki, func(c *edge.Config) {
		c.Site().Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := edge.ReadBody(r.Context(), w, r, 1000, nil)
			copyAnswer(w, write(t, err))
		})
	})
	secured := f.connect(f.clientConfig(pki.Client().TLS()))
	if _, err := fmt.Fprintf(secured, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", 1001); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(secured), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusRequestEntityTooLarge || !response.Close {
		t.Errorf("answer %d, close %t", response.StatusCode, response.Close)
	}
}
