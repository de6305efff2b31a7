package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// noticing is how long the balancer goes on sending connections to a gateway that is not ready any more.
const noticing = 100 * time.Millisecond

// balancer is one address before several gateways. It hands on bytes, of connections that go to those that were ready.
type balancer struct {
	listener net.Listener
	group    sync.WaitGroup

	mu   sync.Mutex
	next int
	all  []*gate
}

// balance starts a balancer that ends with the test.
func balance(t *testing.T) *balancer {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{listener: listener}
	b.group.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			b.group.Go(func() { b.carry(t, conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		b.group.Wait()
	})
	return b
}

// add sends connections to a gateway until it has not been ready for a while.
func (b *balancer) add(t *testing.T, g *gate) {
	t.Helper()
	b.mu.Lock()
	b.all = append(b.all, g)
	b.mu.Unlock()
	b.group.Go(func() {
		for ready := true; ready; time.Sleep(10 * time.Millisecond) {
			response, err := http.Get(g.Status + "/readyz") //nolint:noctx // it ends with the gateway
			ready = err == nil && response.StatusCode == http.StatusOK
			if err == nil {
				_ = response.Body.Close()
			}
		}
		time.Sleep(noticing)
		b.mu.Lock()
		b.all = slices.DeleteFunc(b.all, func(other *gate) bool { return other == g })
		b.mu.Unlock()
	})
}

// carry carries a connection's bytes to the next gateway and back.
func (b *balancer) carry(t *testing.T, conn net.Conn) {
	t.Helper()
	defer func() { _ = conn.Close() }()
	behind, err := (&net.Dialer{}).DialContext(context.WithoutCancel(t.Context()), "tcp", b.choose().hostPort())
	if err != nil {
		t.Errorf("a gateway that is to be sent connections takes none: %v", err)
		return
	}
	defer func() { _ = behind.Close() }()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(behind, conn)
		_ = behind.(*net.TCPConn).CloseWrite() //nolint:errcheck,forcetypeassert // it was dialed as TCP
	}()
	_, _ = io.Copy(conn, behind)
	_ = conn.(*net.TCPConn).CloseWrite() //nolint:errcheck,forcetypeassert // it was accepted as TCP
	<-done
}

// choose returns the next gateway. One that is killed is known to be at once: how long that takes is not a gateway's to say.
func (b *balancer) choose() *gate {
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		b.next++
		if to := b.all[b.next%len(b.all)]; !to.killed.Load() {
			return to
		}
	}
}

// raw is a client that sends nothing twice and opens a connection when it was told that the last one ends.
type raw struct {
	config *tls.Config
	to     string
	conn   *tls.Conn
	in     *bufio.Reader
}

// turn plays one turn.
func (r *raw) turn(ctx context.Context) error {
	if r.conn == nil {
		tcp, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.to)
		if err != nil {
			return err
		}
		r.conn = tls.Client(tcp, r.config)
		r.in = bufio.NewReader(r.conn)
		if err := r.conn.HandshakeContext(ctx); err != nil {
			return err
		}
	}
	body := esTurn("raw")
	if _, err := fmt.Fprintf(r.conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", esPath, len(body), body); err != nil {
		return err
	}
	response, err := http.ReadResponse(r.in, nil)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close(), good(response.StatusCode, string(answer))); err != nil {
		return err
	}
	if response.Close {
		return r.hangUp()
	}
	return nil
}

func (r *raw) hangUp() error {
	if r.conn == nil {
		return nil
	}
	err := r.conn.Close()
	r.conn = nil
	return err
}

// good says what is wrong with an answer.
func good(status int, body string) error {
	if status != http.StatusOK || !strings.Contains(body, "always here") {
		return fmt.Errorf("answer %d %s", status, body)
	}
	return nil
}

// TestRolling replaces one gateway after the other behind one address, and no caller notices.
func TestRolling(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := startService(t, dir, "127.0.0.1:0", nil)
	s.answers(func(context.Context, *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
		return says("always here"), nil
	})
	configure(t, dir, edit{"127.0.0.1:1\n", s.addr + "\n"}, edit{"drain_delay: 0s", "drain_delay: 500ms"})
	b := balance(t)
	begin := func() *gate {
		t.Helper()
		g := serveFolder(t, dir)
		g.log.await(t, 1, entry{"msg": "Service reachable"})
		b.add(t, g)
		return g
	}
	gates := []*gate{begin(), begin()}

	ctx, enough := context.WithCancel(t.Context())
	var playing sync.WaitGroup
	var turns atomic.Int64
	play := func(name string, turn func() error) {
		playing.Go(func() {
			for ctx.Err() == nil {
				if err := turn(); err != nil {
					t.Errorf("%s: a turn is lost: %v", name, err)
					return
				}
				time.Sleep(time.Duration(turns.Add(1)%5) * time.Millisecond) // as people do
			}
		})
	}
	for range 3 {
		for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
			client := gates[0].client(t, gates[0].pki.SSLCom.TLS(), http2)
			play(name, func() error {
				request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+b.listener.Addr().String()+esPath, strings.NewReader(esTurn("x")))
				if err != nil {
					return err
				}
				request.Header.Set("Content-Type", "application/json")
				got, err := send(client, request)
				if err != nil {
					return err
				}
				return good(got.StatusCode, got.body)
			})
		}
		config := gates[0].clientTLS(gates[0].pki.SSLCom.TLS())
		config.ServerName = "raw.gate.test"
		r := &raw{config: config, to: b.listener.Addr().String()}
		t.Cleanup(func() { _ = r.hangUp() })
		play("raw", func() error { return r.turn(t.Context()) })
	}
	const wanted = 2000
	for replaced := 0; replaced < 4 || turns.Load() < wanted && replaced < 12 && !t.Failed(); replaced++ {
		fresh := begin()
		if err := gates[replaced%2].wait(t); err != nil {
			t.Error(err)
		}
		gates[replaced%2] = fresh
	}
	enough()
	playing.Wait()
}
