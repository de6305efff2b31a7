package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/intentgate/intentgate/gateway/simulator"
)

// errNoReplica is that of a balancer without replicas.
var errNoReplica = errors.New("no replica is ready")

// try is one request and what came of it.
type try struct {
	began    time.Time
	took     time.Duration // to the last byte of the answer
	patience time.Duration // the clock
	status   int           // HTTP; 0: no answer
	body     []byte
	err      error
	left     bool     // the clock was made shorter on purpose: that there is no answer is nobody's fault
	gateway  *gateway // who was asked; nil: nobody
}

// line is one connection of Dialogflow's at a time. It is for one goroutine. It never sends a request twice by itself: who writes
// and reads here knows of each byte.
type line struct {
	balancer *balancer
	tls      *tls.Config

	conn    *tls.Conn
	reader  *bufio.Reader
	gateway *gateway
}

// send sends a request and reads its answer, within a time.
func (l *line) send(ctx context.Context, path, token string, body []byte, patience time.Duration) (t try) {
	t = try{began: time.Now(), patience: patience}
	ctx, cancel := context.WithDeadline(ctx, t.began.Add(patience))
	defer cancel()
	t.status, t.body, t.err = l.exchange(ctx, path, token, body)
	t.took, t.gateway = time.Since(t.began), l.gateway
	if t.err != nil {
		l.close()
	}
	return t
}

func (l *line) exchange(ctx context.Context, path, token string, body []byte) (status int, answer []byte, err error) {
	if err := l.connect(ctx); err != nil {
		return 0, nil, fmt.Errorf("connect: %w", err)
	}
	deadline, _ := ctx.Deadline()
	if err := l.conn.SetDeadline(deadline); err != nil {
		return 0, nil, err
	}
	var request bytes.Buffer
	fmt.Fprintf(&request, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nUser-Agent: Google-Dialogflow\r\n"+
		"Accept: */*\r\nAccept-Encoding: gzip, deflate, br\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", path, token, len(body), body)
	if _, err := l.conn.Write(request.Bytes()); err != nil {
		return 0, nil, fmt.Errorf("write: %w", err)
	}
	response, err := http.ReadResponse(l.reader, nil)
	if err != nil {
		return 0, nil, fmt.Errorf("read: %w", err)
	}
	answer, err = io.ReadAll(io.LimitReader(response.Body, simulator.MaxAnswer+1))
	err = errors.Join(err, response.Body.Close())
	switch {
	case err != nil:
		return 0, nil, fmt.Errorf("read: %w", err)
	case l.reader.Buffered() > 0:
		return 0, nil, errors.New("read: bytes behind the answer")
	case response.Close:
		l.close()
	}
	return response.StatusCode, answer, nil
}

func (l *line) connect(ctx context.Context) error {
	if l.conn != nil && idle(l.conn.NetConn()) {
		return nil
	}
	l.close()
	conn, gateway, err := l.balancer.dial(ctx)
	l.gateway = gateway
	if err != nil {
		return err
	}
	secured := tls.Client(conn, l.tls)
	if err := secured.HandshakeContext(ctx); err != nil {
		return errors.Join(err, conn.Close())
	}
	l.conn, l.reader = secured, bufio.NewReader(secured)
	return nil
}

// idle reports whether nothing has come on a connection since the last answer: neither its end nor a farewell. Whoever keeps
// connections looks before they use one.
func idle(conn net.Conn) (quiet bool) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return false
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return false
	}
	err = raw.Read(func(fd uintptr) bool {
		_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = errors.Is(err, syscall.EAGAIN)
		return true
	})
	return quiet && err == nil
}

// close hangs up. The next request makes a new connection.
func (l *line) close() {
	if l.conn != nil {
		_ = l.conn.NetConn().Close() // without a farewell, for which a dead peer would be waited
	}
	l.conn, l.reader = nil, nil
}
