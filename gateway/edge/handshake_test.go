package edge_test

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/authntest"
	"github.com/intentgate/intentgate/gateway/edge"
)

var tlsVersions = []uint16{tls.VersionTLS12, tls.VersionTLS13}

// Every certificate, by both versions of TLS: what is right comes to the handler, fresh and resumed; what is wrong never
// does, and is reported with its reason.
func TestHandshakes(t *testing.T) {
	pki := authntest.New(t)
	for _, version := range tlsVersions {
		for _, c := range pki.Cases() {
			t.Run(tls.VersionName(version)+"/"+c.Name, func(t *testing.T) {
				t.Parallel()
				f := start(t, pki, nil)
				config := f.clientConfig(c.Certificate)
				config.MinVersion, config.MaxVersion = version, version
				config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
				if c.Reason != "" {
					f.refused(config, c.Reason)
					return
				}
				for _, resumed := range []bool{false, true} {
					client := f.client(config.Clone(), false)
					status, body, err := f.post(client)
					if err != nil || status != 200 || body != "dev" {
						t.Fatalf("answer %d %q, %v", status, body, err)
					}
					client.CloseIdleConnections()
					h := f.handshake()
					if h.Refusal != nil || h.Verdict == nil || h.Err != nil || h.Verdict.Accepted[0].Chain != c.Chain ||
						h.Resumed != resumed || h.Version != version || h.SNI != serverName || !h.Peer.Addr().IsLoopback() {
						t.Errorf("resumed %t: reported %+v", resumed, h)
					}
				}
			})
		}
	}
}

// refused plays a handshake and a request, and demands that nothing comes of it.
func (f *fixture) refused(config *tls.Config, reason authn.Reason) edge.Handshake {
	f.t.Helper()
	status, body, err := f.post(f.client(config, false))
	if err == nil {
		f.t.Fatalf("answer %d %q", status, body)
	}
	if !strings.Contains(err.Error(), "remote error: tls:") {
		f.t.Errorf("the client did not see the alert: %v", err)
	}
	h := f.handshake()
	if h.Verdict != nil || h.Refusal == nil || h.Refusal.Reason != reason || h.Err == nil {
		f.t.Errorf("reported %+v, %v, want %s", h, h.Refusal, reason)
	}
	if n := f.hits.Load(); n != 0 {
		f.t.Errorf("%d requests came to the handler", n)
	}
	return h
}

// A session that was made under trust is judged again: by the profiles and the time of its resumption.
func TestResumptionIsJudged(t *testing.T) {
	pki := authntest.New(t)
	for _, version := range tlsVersions {
		for name, c := range map[string]struct {
			change func(*fixture)
			reason authn.Reason
		}{
			"trust withdrawn": {func(f *fixture) {
				if err := f.trust.Replace(authntest.New(f.t).Profile("dev")); err != nil {
					f.t.Fatal(err)
				}
			}, authn.UnknownAuthority},
			"expired": {func(f *fixture) { f.clock.pass(2 * time.Hour) }, authn.Expired},
		} {
			t.Run(tls.VersionName(version)+"/"+name, func(t *testing.T) {
				f := start(t, pki, nil)
				config := f.clientConfig(pki.ClientUntil(authntest.Now.Add(time.Hour)).TLS())
				config.MinVersion, config.MaxVersion = version, version
				config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
				client := f.client(config.Clone(), false)
				if status, body, err := f.post(client); status != 200 {
					t.Fatalf("answer %d %q, %v", status, body, err)
				}
				client.CloseIdleConnections()
				f.handshake()
				f.hits.Store(0)
				c.change(f)
				f.refused(config, c.reason)
			})
		}
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	pki := authntest.New(t)
	f := start(t, pki, nil)
	config := f.clientConfig(pki.Client().TLS())
	config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	h := f.refused(config, authn.ProtocolVersion)
	if h.Refusal.Saw != "TLS 1.1, TLS 1.0" {
		t.Errorf("saw %q", h.Refusal.Saw)
	}
}

func TestClientThatDistrustsTheServer(t *testing.T) {
	pki := authntest.New(t)
	for _, version := range tlsVersions {
		f := start(t, pki, nil)
		config := f.clientConfig(pki.Client().TLS())
		config.MinVersion, config.MaxVersion = version, version
		config.RootCAs = pki.GTS.Pool()
		if _, _, err := f.post(f.client(config, false)); err == nil {
			t.Fatal("the client trusts anybody")
		}
		if h := f.handshake(); h.Refusal == nil || h.Refusal.Reason != authn.ClientRefused {
			t.Errorf("%s: reported %+v", tls.VersionName(version), h.Refusal)
		}
	}
}

func TestNotTLS(t *testing.T) {
	f := start(t, authntest.New(t), nil)
	for sent, want := range map[string]struct{ answer, saw string }{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n": {"HTTP/1.1 400 Bad Request", "HTTP without TLS"},
		"SSH-2.0-OpenSSH_9.9\r\n":           {"", "bytes that are no TLS"},
	} {
		tcp := f.dial()
		if _, err := io.WriteString(tcp, sent); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(tcp)
		if err != nil || !strings.HasPrefix(string(answer), want.answer) {
			t.Errorf("%q: answer %q, %v", sent, answer, err)
		}
		if h := f.handshake(); h.Refusal == nil || h.Refusal.Reason != authn.NotTLS || h.Refusal.Saw != want.saw {
			t.Errorf("%q: reported %+v", sent, h.Refusal)
		}
	}
	if f.hits.Load() != 0 {
		t.Error("a handler ran")
	}
}

func TestHungUp(t *testing.T) {
	f := start(t, authntest.New(t), nil)
	_ = f.dial().Close()
	if h := f.handshake(); h.Refusal == nil || h.Refusal.Reason != authn.HungUp {
		t.Errorf("reported %+v", h.Refusal)
	}
}

// CA names are sent only where somebody wants it.
func TestCANames(t *testing.T) {
	pki := authntest.New(t)
	for _, send := range []bool{false, true} {
		f := start(t, pki, func(c *edge.Config) { c.Site().SendCANames = send })
		config := f.clientConfig(pki.Client().TLS())
		var names [][]byte
		present := config.GetClientCertificate
		config.GetClientCertificate = func(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			names = info.AcceptableCAs
			return present(info)
		}
		if status, body, err := f.post(f.client(config, false)); status != 200 {
			t.Fatalf("answer %d %q, %v", status, body, err)
		}
		contains := slices.ContainsFunc(names, func(name []byte) bool { return string(name) == string(pki.SSLCom.Certificate().RawSubject) })
		if contains != send || !send && len(names) > 0 {
			t.Errorf("send %t: %d names", send, len(names))
		}
	}
}

// A slow client has its time and no more, whatever it sends.
func TestSlowHandshake(t *testing.T) {
	pki := authntest.New(t)
	f := start(t, pki, func(c *edge.Config) {
		c.Limits.HandshakeTimeout = 100 * time.Millisecond
	})
	for _, sent := range []string{"", "\x16\x03\x01\x02\x00"} { // nothing; a record's header
		tcp := f.dial()
		if _, err := io.WriteString(tcp, sent); err != nil {
			t.Fatal(err)
		}
		if h := f.handshake(); h.Refusal == nil || h.Refusal.Reason != authn.Timeout {
			t.Errorf("sent %q: reported %+v", sent, h.Refusal)
		}
		if _, err := io.ReadAll(tcp); err != nil {
			t.Errorf("sent %q: %v", sent, err)
		}
	}
	if status, body, err := f.post(f.client(f.clientConfig(pki.Client().TLS()), false)); status != 200 {
		t.Errorf("then: answer %d %q, %v", status, body, err)
	}
}

// Silent clients of one address hold all that one address can; another address does not notice.
func TestFloodOfOneAddress(t *testing.T) {
	pki := authntest.New(t)
	f := start(t, pki, func(c *edge.Config) { c.Limits.Handshakes = 8 })
	for range 10 { // two of them in flight, eight waiting
		f.dial()
	}
	_ = f.dial().SetReadDeadline(time.Now().Add(30 * time.Second))
	if h := f.handshake(); h.Refusal == nil || h.Refusal.Reason != authn.Overload {
		t.Errorf("one too many: reported %+v", h.Refusal)
	}
	elsewhere := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	tcp, err := elsewhere.DialContext(t.Context(), "tcp", f.Addr().String())
	if err != nil {
		t.Skipf("this machine has one loopback address only: %v", err)
	}
	defer func() { _ = tcp.Close() }()
	if err := tls.Client(tcp, f.clientConfig(pki.Client().TLS())).HandshakeContext(t.Context()); err != nil {
		t.Errorf("from another address: %v", err)
	}
	if h := f.handshake(); h.Refusal != nil {
		t.Errorf("from another address: reported %+v", h.Refusal)
	}
}

// While slots are scarce, a slow client has a fifth of the time, so that who waits for it is served within its own.
func TestSlowClientsMustHurry(t *testing.T) {
	pki := authntest.New(t)
	f := start(t, pki, func(c *edge.Config) {
		c.Limits.HandshakeTimeout = 15 * time.Second
		c.Limits.Handshakes = 1
	})
	// It has the only slot, as the server's part of the handshake shows, and does not go on.
	stuck := make(chan struct{})
	slow := f.clientConfig(tls.Certificate{})
	slow.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		close(stuck)
		<-t.Context().Done()
		return nil, t.Context().Err()
	}
	tcp := f.dial()
	go func() { _ = tls.Client(tcp, slow).HandshakeContext(t.Context()) }()
	<-stuck
	client := f.client(f.clientConfig(pki.Client().TLS()), false)
	client.Timeout = 10 * time.Second
	if status, body, err := f.post(client); status != 200 {
		t.Errorf("answer %d %q, %v", status, body, err)
	}
}

// Beyond the cap a connection waits in the kernel: it is accepted when another one has gone.
func TestConnectionsAreCapped(t *testing.T) {
	pki := authntest.New(t)
	f := start(t, pki, func(c *edge.Config) { c.Limits.Connections = 2 })
	config := f.clientConfig(pki.Client().TLS())
	first := f.client(config.Clone(), false)
	for _, client := range []*http.Client{first, f.client(config.Clone(), false)} {
		if status, body, err := f.post(client); status != 200 {
			t.Fatalf("answer %d %q, %v", status, body, err)
		}
		f.handshake()
	}
	third := make(chan error, 1)
	tcp := f.dial()
	go func() { third <- tls.Client(tcp, config.Clone()).HandshakeContext(t.Context()) }()
	for range 3 { // time enough for who does not obey
		if status, _, err := f.post(first); status != 200 {
			t.Fatal(err)
		}
	}
	f.clock.pass(time.Second)
	first.CloseIdleConnections()
	if err := <-third; err != nil {
		t.Error(err)
	}
	if h := f.handshake(); !h.Time.Equal(f.clock.peek()) {
		t.Errorf("accepted at %s, before another one was closed", h.Time)
	}
}

// One line for many failures of an address, fit for a log.
func TestRefusalsAreLogged(t *testing.T) {
	pki := authntest.New(t)
	f := start(t, pki, nil)
	config := f.clientConfig(tls.Certificate{})
	for range 5 {
		f.refused(config, authn.NoCertificate)
	}
	f.clock.pass(2 * time.Minute)
	f.refused(config, authn.NoCertificate)
	f.stop()
	if err := f.wait(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(f.log.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines:\n%s", len(lines), f.log)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(lines[1]), &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"msg": "Handshake refused", "level": "WARN", "sni": serverName, "reason": "no_certificate", "saw": "no certificate",
		"wanted": "a client certificate", "suppressed": 4.0, "version": "TLS 1.3",
	} {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
	if peer, _ := got["peer"].(string); !strings.HasPrefix(peer, "127.0.0.1:") || got["hint"] == "" {
		t.Errorf("line %s", lines[1])
	}
}
