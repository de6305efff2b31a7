package edge_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/authntest"
	"github.com/intentgate/intentgate/gateway/authn/forwarded"
	"github.com/intentgate/intentgate/gateway/edge"
)

// socketPath is one that is short enough.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "edge") //nolint:usetesting // the test's folder has a long name
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

// On a unix socket everybody is the proxy, and a client is who the proxy says, by its certificate.
func TestUnixSocket(t *testing.T) {
	pki := authntest.New(t)
	proxy, err := forwarded.New(forwarded.Config{Name: "nginx", Header: "XFCC"})
	if err != nil {
		t.Fatal(err)
	}
	path := socketPath(t)
	b := &balanced{fixture: start(t, pki, func(c *edge.Config) {
		c.Listen = "unix:" + path
		site := c.Site()
		site.Certificate, site.Proxies, site.Handler = nil, []*forwarded.Proxy{proxy}, http.HandlerFunc(serveDev)
	})}
	if info, err := os.Stat(path); err != nil || info.Mode() != os.ModeSocket|0o660 {
		t.Errorf("the socket: %v, %v", info.Mode(), err)
	}
	dials := 0
	transport := &http.Transport{DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		dials++
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	chain := authntest.Forward("XFCC", pki.Client().Chain)
	for range 2 {
		if got := b.ask(client, chain); got != "ssl.com by nginx" {
			t.Errorf("answer %q", got)
		}
		for _, header := range []http.Header{{}, authntest.Forward("GOOGLE", pki.Client().Chain), authntest.Forward("CLIENT_CERT", pki.Client().Chain)} {
			if got := b.ask(client, header); got != string(authn.ForwardedMissing) {
				t.Errorf("answer %q to %v", got, header)
			}
		}
	}
	if dials != 1 {
		t.Errorf("%d connections; a refusal ended one", dials)
	}
}

// A socket that nobody listens at any more is removed; nothing else is.
func TestUnixSocketsThatAreThere(t *testing.T) {
	pki := authntest.New(t)
	open := func(path string) error {
		proxy, err := forwarded.New(forwarded.Config{Name: "nginx", Header: "XFCC"})
		if err != nil {
			t.Fatal(err)
		}
		var config edge.Config
		start(t, pki, func(c *edge.Config) { config = *c })
		site := &edge.Site{Trust: pki.Trust(), Proxies: []*forwarded.Proxy{proxy}, Handler: http.NotFoundHandler()}
		config.Listen, config.Site = "unix:"+path, func() *edge.Site { return site }
		server, err := edge.New(config)
		if err != nil {
			return err
		}
		return server.Close()
	}
	stale := socketPath(t)
	socket, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", stale)
	if err != nil {
		t.Fatal(err)
	}
	if err := open(stale); err == nil || !strings.Contains(err.Error(), "another process listens") {
		t.Errorf("one that lives: %v", err)
	}
	left, ok := socket.(*net.UnixListener)
	if !ok {
		t.Fatal("no unix socket")
	}
	left.SetUnlinkOnClose(false)
	if err := left.Close(); err != nil {
		t.Fatal(err)
	}
	if err := open(stale); err != nil {
		t.Errorf("one of a dead process: %v", err)
	}
	if _, err := os.Lstat(stale); !os.IsNotExist(err) {
		t.Errorf("it is left behind: %v", err)
	}
	file := socketPath(t)
	if err := os.WriteFile(file, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := open(file); err == nil || !strings.Contains(err.Error(), "is no socket") {
		t.Errorf("a file: %v", err)
	}
	if kept, err := os.ReadFile(file); err != nil || string(kept) != "kept" { //nolint:gosec // the test's own
		t.Errorf("the file is now %q, %v", kept, err)
	}
	if err := open(filepath.Join(file, "nothere")); err == nil {
		t.Error("a folder that is no folder")
	}
}
