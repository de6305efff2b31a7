package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/child"
)

// TestProxyProtocol has a load balancer say whose connection it is, and takes it off the list while the gateway runs.
func TestProxyProtocol(t *testing.T) {
	t.Parallel()
	g := start(t, edit{"drain_delay: 0s", "drain_delay: 0s\n  proxy_protocol: {peers: [127.0.0.1/32]}"})
	client := g.dialogflow(t)
	transport, _ := client.Transport.(*http.Transport)
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		tcp, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err == nil {
			_, err = io.WriteString(tcp, "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\xfe\x30\x39\x01\xbb")
		}
		return tcp, err
	}
	wantES(t, g.post(t, client, esPath, esTurn("told")), "heard told")
	g.log.await(t, 1, entry{"msg": "Turn", "peer": "192.0.2.1:12345"})
	if by := g.audit.await(t, 1, entry{"msg": "Connection accepted", "peer": "192.0.2.1:12345"})[0].text("proxy"); !strings.HasPrefix(by, "127.0.0.1:") {
		t.Errorf("the proxy is %q", by)
	}
	plain := g.dialogflow(t)
	if got, err := send(plain, g.request(t.Context(), t, esPath, esTurn("silent"))); err == nil {
		t.Errorf("an answer to who says nothing: %+v", got)
	}
	g.log.await(t, 1, entry{"msg": "Handshake refused", "reason": "proxy_header"})
	g.measures(t, `intentgate_handshakes_total{profile="",reason="proxy_header",result="refused"} 1`)

	g.reconfigure(t, edited(t, edit{"127.0.0.1:1\n", g.service.addr + "\n"}))
	g.log.await(t, 1, reloaded)
	wantES(t, g.post(t, plain, esPath, esTurn("plain")), "heard plain")
	transport.CloseIdleConnections()
	if got, err := send(client, g.request(t.Context(), t, esPath, esTurn("unlisted"))); err == nil {
		t.Errorf("an answer to who is not listed: %+v", got)
	}
	g.log.await(t, 1, entry{"msg": "Handshake refused", "reason": "proxy_unlisted"})
}

// TestProxyProtocolOfHAProxy has a real load balancer pass TLS through, and tell who calls; it checks now and then whether the gateway is there.
func TestProxyProtocolOfHAProxy(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("haproxy"); err != nil {
		if os.Getenv("CI") != "" {
			t.Error(err)
		}
		t.Skip("haproxy is not installed")
	}
	g := start(t, edit{"drain_delay: 0s", "drain_delay: 0s\n  proxy_protocol: {peers: [127.0.0.1/32]}"})
	front := freeAddress(t)
	file := filepath.Join(g.dir, "haproxy.cfg")
	write(t, file, []byte(fmt.Sprintf(`defaults
  mode tcp
  timeout connect 5s
  timeout client 1m
  timeout server 1m
listen front
  bind %s
  server gate %s send-proxy-v2 check inter 200ms
`, front, g.hostPort())))
	process, err := child.Start(g.dir, nil, "haproxy", "-f", file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(process.Close)
	g.log.await(t, 1, entry{"msg": "Handshake refused", "reason": "hung_up"}) // its first check: it is there
	var peer string
	client := g.dialogflow(t)
	transport, _ := client.Transport.(*http.Transport)
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		tcp, err := (&net.Dialer{}).DialContext(ctx, network, front)
		for deadline := time.Now().Add(patience); err != nil && time.Now().Before(deadline); { // it may take a moment more to listen
			time.Sleep(5 * time.Millisecond)
			tcp, err = (&net.Dialer{}).DialContext(ctx, network, front)
		}
		if err == nil {
			peer = tcp.LocalAddr().String()
		}
		return tcp, err
	}
	wantES(t, g.post(t, client, esPath, esTurn("passed through")), "heard passed through")
	g.log.await(t, 1, entry{"msg": "Turn", "peer": peer})
	if by := g.audit.await(t, 1, entry{"msg": "Connection accepted", "peer": peer})[0].text("proxy"); by == "" || by == peer {
		t.Errorf("the proxy is %q", by)
	}
	if lines := g.log.now(entry{"reason": "proxy_header"}); len(lines) > 0 {
		t.Errorf("its checks are refused: %v", lines)
	}
}
