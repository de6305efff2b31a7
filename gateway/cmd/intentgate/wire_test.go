package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"
)

// wire is a connection to the edge, as its client sees it.
type wire struct {
	conn *tls.Conn
	in   *bufio.Reader
	peer string // by which the gateway knows it
	err  error  // why the handshake failed

	turns, refused int // so far, of those who count
}

// connect makes a connection, with its handshake unless the server refuses that.
func (g *gate) connect(t *testing.T, config *tls.Config) *wire {
	t.Helper()
	// From an address of its own: a port alone is soon another's, and the log goes by both.
	n := g.wires.Add(1)
	from := &net.TCPAddr{IP: net.IPv4(127, 1, byte(n>>8&0xff), byte(n&0xff))}
	tcp, err := (&net.Dialer{LocalAddr: from}).DialContext(t.Context(), "tcp", g.hostPort())
	if errors.Is(err, syscall.EADDRNOTAVAIL) { // on machines with one loopback address
		tcp, err = (&net.Dialer{}).DialContext(t.Context(), "tcp", g.hostPort())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tcp.Close() })
	if err := tcp.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if config.ServerName == "" {
		config.ServerName = "wire.gate.test"
	}
	conn := tls.Client(tcp, config)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err = conn.HandshakeContext(ctx)
	w := newWire(conn)
	w.err = err
	return w
}

func newWire(conn *tls.Conn) *wire {
	return &wire{conn: conn, in: bufio.NewReader(conn), peer: conn.LocalAddr().String()}
}

// ask sends a request and reads the answer.
func (w *wire) ask(t *testing.T, request *http.Request) answer {
	t.Helper()
	if err := errors.Join(w.err, request.Write(w.conn)); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(w.in, request)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return answer{response, string(body)}
}

// try sends a request that nobody may answer, and returns the status of the answer, or 0.
func (w *wire) try(t *testing.T, request *http.Request) int {
	t.Helper()
	if w.err != nil {
		return 0
	}
	_ = request.Write(w.conn) // under TLS 1.3 the client learns of it when it reads
	response, err := http.ReadResponse(w.in, request)
	if err != nil {
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}
