package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
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
