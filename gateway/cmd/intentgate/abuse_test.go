package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// siege is what clients do all at once to keep others out, from addresses of their own.
type siege struct {
	*gate
	ctx   context.Context
	crowd sync.WaitGroup
}

// dial connects from one of the loopback addresses 127.0.N.1 to 127.0.N.254, which are different customers to the gateway.
func (s *siege) dial(network byte, host int) (net.Conn, error) {
	from := &net.TCPAddr{IP: net.IPv4(127, 0, network, byte(1+host%254))} //nolint:gosec // host is no negative number
	return (&net.Dialer{LocalAddr: from}).DialContext(s.ctx, "tcp", s.hostPort())
}

// keep has n clients that come again and again, as often as they are sent away.
func (s *siege) keep(n int, come func(i int)) {
	for i := range n {
		s.crowd.Go(func() {
			for s.ctx.Err() == nil {
				come(i)
			}
		})
	}
}

// drip writes a text, a byte at a time, until it may not any more.
func (s *siege) drip(conn io.Writer, text string) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := range text {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
		if _, err := io.WriteString(conn, text[i:i+1]); err != nil {
			return
		}
	}
}

// TestSieges has the clients of one siege after the other stay, and a good caller come over new connections all the while.
func TestSieges(t *testing.T) { // not parallel: it takes most of the files that this process may open
	g := start(t, edit{"webhooks:", "  limits: {header_timeout: 60s, handshake_timeout: " + patientHandshake + "}\nwebhooks:"})
	ctx, lift := context.WithCancel(t.Context())
	s := &siege{gate: g, ctx: ctx}
	defer s.crowd.Wait()
	defer lift()
	if probe, err := s.dial(2, 0); err != nil {
		t.Skipf("this machine has one loopback address only: %v", err)
	} else if err := probe.Close(); err != nil {
		t.Fatal(err)
	}
	accepted := g.clientTLS(g.pki.GTS.TLS())
	accepted.ServerName = "siege.gate.test"

	comer := func(version uint16, http2 bool) *http.Client {
		client := g.client(t, g.pki.SSLCom.TLS(), http2)
		if transport, ok := client.Transport.(*http.Transport); ok {
			transport.TLSClientConfig.MinVersion, transport.TLSClientConfig.MaxVersion = version, version
		}
		return client
	}
	answered := func(t *testing.T) {
		t.Helper()
		for version, http2 := range map[uint16]bool{tls.VersionTLS12: false, tls.VersionTLS13: true} {
			id := fmt.Sprintf("%s %s", t.Name(), tls.VersionName(version))
			client := comer(version, http2)
			for range tries - 1 { // Dialogflow tries again when a connection breaks
				response, err := client.Do(g.request(t.Context(), t, esPath, esTurn(id)))
				if err == nil {
					_ = response.Body.Close()
					continue
				}
				t.Logf("the first try: %v", err)
			}
			wantES(t, g.post(t, client, esPath, esTurn(id)), "heard "+id)
		}
	}
	t.Run("peace", answered)

	t.Run("idle connections", func(t *testing.T) {
		idle := s.idle(t, accepted)
		answered(t)
		for i := 0; i < len(idle); i += len(idle) / 20 { // they were there all the time
			w, id := idle[i], fmt.Sprintf("idle %d", i)
			wantES(t, w.ask(t, g.request(ctx, t, esPath, esTurn(id))), "heard "+id)
		}
	})

	t.Run("slow headers", func(t *testing.T) {
		const crowd = 200
		var standing atomic.Int64
		s.keep(crowd, func(i int) {
			tcp, err := s.dial(3, i)
			if err != nil {
				return
			}
			defer func() { _ = tcp.Close() }()
			conn := tls.Client(tcp, accepted.Clone())
			if conn.HandshakeContext(ctx) == nil {
				standing.Add(1)
				s.drip(conn, "POST "+esPath+" HTTP/1.1\r\nHost: x\r\nX-Slow: "+strings.Repeat("x", 30<<10))
				standing.Add(-1)
			}
		})
		until(t, "all stand", func() bool { return standing.Load() == crowd })
		answered(t)
		if n := standing.Load(); n < crowd {
			t.Errorf("%d of %d stand yet: nothing is proven", n, crowd)
		}
	})

	t.Run("long chains", func(t *testing.T) {
		chain := g.pki.GTS.TLS()
		for len(chain.Certificate) < 100 {
			chain.Certificate = append(chain.Certificate, chain.Certificate[1])
		}
		config := accepted.Clone()
		config.Certificates = []tls.Certificate{chain}
		s.keep(20, func(i int) {
			tcp, err := s.dial(4, i)
			if err != nil {
				return
			}
			defer func() { _ = tcp.Close() }()
			conn := tls.Client(tcp, config.Clone())
			if conn.HandshakeContext(ctx) == nil {
				_, _ = conn.Read(make([]byte, 1)) // where TLS 1.3 puts the alert
			}
		})
		g.audit.await(t, 1, entry{"msg": "Connection refused", "reason": "too_many_certificates"})
		answered(t)
	})

	t.Run("slow handshakes", func(t *testing.T) {
		const addresses, each = 6, 100 // more than all slots of the gateway
		hello := "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x00", 500)
		var waiting atomic.Int64
		s.keep(addresses*each, func(i int) {
			tcp, err := s.dial(5, i%addresses)
			if err != nil {
				return
			}
			defer func() { _ = tcp.Close() }()
			waiting.Add(1)
			defer waiting.Add(-1)
			if i%2 == 0 { // and the others say nothing at all
				go s.drip(tcp, hello)
			}
			defer context.AfterFunc(ctx, func() { _ = tcp.Close() })()
			_, _ = io.Copy(io.Discard, tcp)
		})
		until(t, "most wait", func() bool { return waiting.Load() > addresses*each*3/4 })
		answered(t)
	})
}

// idle makes as many connections as this process may, up to crowd, and leaves them alone. Each was accepted.
func (s *siege) idle(t *testing.T, config *tls.Config) []*wire {
	t.Helper()
	const perConnection, rest = 2, 3000 // files: both ends are here, as are other tests
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	n := crowd
	if room := (int(min(limit.Cur, 1<<20)) - rest) / perConnection; room < n { //nolint:gosec // bounded
		n = room
	}
	if n < 1000 {
		t.Fatalf("this process may open %d files, which is too few: raise it, for example with ulimit -n 20000", limit.Cur)
	}
	idle := make([]*wire, n)
	config = config.Clone()
	// Sessions of TLS 1.2 are had from the handshake on, and cost a tenth of a new one.
	config.MaxVersion, config.ClientSessionCache = tls.VersionTLS12, tls.NewLRUClientSessionCache(1)
	var group errgroup.Group
	group.SetLimit(16)
	for i := range idle {
		group.Go(func() error {
			tcp, err := s.dial(2, i)
			if err != nil {
				return err
			}
			idle[i] = newWire(tls.Client(tcp, config))
			return idle[i].conn.HandshakeContext(s.ctx)
		})
	}
	t.Cleanup(func() {
		for _, w := range idle {
			if w != nil {
				_ = w.conn.Close()
			}
		}
	})
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d idle connections", n)
	return idle
}
