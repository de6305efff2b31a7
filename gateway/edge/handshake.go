package edge

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
)

// Lingering: what a client has already sent must be read before the connection is closed, or the kernel resets it and
// the client may never see the alert that says why.
const (
	lingerTime  = 250 * time.Millisecond
	lingerBytes = 64 << 10
)

var errPanicked = errors.New("the handshake panicked; the log has the stack")

const httpsOnly = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nThis port speaks HTTPS only.\n"

// tlsConfig requests any certificate and judges it itself. crypto/tls would verify against one pool, with one key
// usage, and would not say what it saw.
func (s *Server) tlsConfig() *tls.Config {
	base := &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		ClientAuth: tls.RequestClientCert,
		Time:       s.config.Now,
	}
	judging := base.Clone()
	// The config of a connection knows that connection. Session tickets go by the keys of the config that is asked here.
	judging.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		c, ok := hello.Conn.(*conn)
		if !ok {
			return nil, errors.New("not a connection of this listener")
		}
		c.sni, c.versions = hello.ServerName, hello.SupportedVersions
		site := s.config.Site()
		if asksChallenge(hello) {
			return c.challenge(site)
		}
		certificate := site.Certificate()
		if certificate == nil {
			c.refusal = &authn.Refusal{Reason: authn.NoServerCertificate, Saw: "a client", Wanted: "a certificate to show it"}
			return nil, c.refusal
		}
		config := base.Clone()
		config.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return certificate, nil }
		config.VerifyConnection = func(state tls.ConnectionState) error { return c.judge(site, state) }
		if site.SendCANames {
			config.ClientCAs = roots(site.Trust.Profiles())
		}
		return config, nil
	}
	return judging
}

// judge is called in every handshake, resumed ones too, before possession of the key is proven.
func (c *conn) judge(site *Site, state tls.ConnectionState) error {
	verdict, refusal := site.Trust.Judge(state.PeerCertificates, c.server.config.Now())
	if refusal != nil {
		c.refusal = refusal
		return refusal
	}
	c.verdict.Store(verdict)
	return nil
}

func roots(profiles []*authn.Profile) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, profile := range profiles {
		for _, chain := range profile.Chains {
			for _, root := range chain.Roots {
				pool.AddCert(root)
			}
		}
	}
	return pool
}

// accept accepts connections until the listener is closed; ctx ends their handshakes.
func (s *Server) accept(ctx context.Context) {
	for {
		select {
		case s.slots <- struct{}{}:
		case <-s.stopping:
			return
		}
		tcp, err := s.tcp.Accept()
		if err != nil {
			<-s.slots
			if errors.Is(err, net.ErrClosed) {
				return
			}
			// No file descriptor is free, most likely: some will be.
			s.config.Logger.ErrorContext(ctx, "Accept failed", "error", err)
			select {
			case <-time.After(100 * time.Millisecond):
				continue
			case <-s.stopping:
				return
			}
		}
		c := &conn{Conn: tcp, server: s, accepted: s.config.Now()}
		if addr, ok := tcp.RemoteAddr().(*net.TCPAddr); ok {
			c.addr = addr.AddrPort()
			c.addr = netip.AddrPortFrom(c.addr.Addr().Unmap(), c.addr.Port())
		}
		begin := s.shake
		if s.local() {
			begin = s.welcome
		}
		s.shaking.Go(func() { begin(ctx, c) })
	}
}

// shake sees a connection through its handshake and hands it over. Success is reported only now that the handshake has
// returned: until then the client has proven nothing.
func (s *Server) shake(ctx context.Context, c *conn) {
	secured := tls.Server(c, s.tls)
	err := s.handshake(ctx, c, secured)
	if ctx.Err() != nil { // stopping: nobody's fault
		_ = c.Close()
		return
	}
	c.shaken = s.config.Now()
	c.await(c.shaken)
	state := secured.ConnectionState()
	c.http2 = state.NegotiatedProtocol == "h2"
	report := Handshake{
		Time: c.accepted, Took: c.shaken.Sub(c.accepted), Peer: c.addr, Proxy: c.proxy, SNI: authn.Printable(c.sni),
		Version: state.Version, Resumed: state.DidResume, Verdict: c.verdict.Load(), Err: err,
	}
	if err != nil {
		if report.Verdict, report.Challenge = nil, errors.Is(err, errChallenge); !report.Challenge {
			report.Refusal = c.explain(err)
		}
		s.report(ctx, report)
		c.turnAway(err)
		return
	}
	s.report(ctx, report)
	s.handOver(ctx, c, secured)
}

// handOver hands a connection over to net/http.
func (s *Server) handOver(ctx context.Context, c *conn, nc net.Conn) {
	c.name = c.peer()
	select {
	case s.ready <- nc:
	case <-ctx.Done():
		_ = c.Close()
	}
}

// handshake returns nil for an accepted and proven certificate only, and errChallenge for a CA's. A stranger's bytes that make something panic cost
// them their connection, not everybody theirs.
func (s *Server) handshake(ctx context.Context, c *conn, secured *tls.Conn) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = errPanicked
			s.panicked(ctx, c, v)
		}
	}()
	timeout := s.config.Limits.HandshakeTimeout
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if s.config.Site().sendsProxy(c.addr.Addr()) {
		if err := c.unwrap(ctx); err != nil {
			return err
		}
	}
	leave, hurry, err := s.gate.enter(ctx, network(c.addr.Addr()))
	if err != nil {
		return err
	}
	defer leave()
	if hurry { // a slow client must not stand in the way of those who wait
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout/5)
		defer cancel()
	}
	if err := secured.HandshakeContext(ctx); err != nil {
		return err
	}
	if c.challenged {
		return errChallenge
	}
	if c.verdict.Load() == nil {
		return errors.New("the certificate was not judged")
	}
	return nil
}

// panicked logs a panic with its stack, at most one a minute: whoever found out how to bring it about will do so again.
func (s *Server) panicked(ctx context.Context, c *conn, v any) {
	if suppressed, ok := s.failures.allow(netip.Prefix{}, "panic"); ok {
		s.config.Logger.LogAttrs(ctx, slog.LevelError, "Handshake panicked",
			append(Panic(v), slog.String("peer", c.addr.String()), slog.Int("suppressed", suppressed))...)
	}
}

// explain finds out why a handshake failed. What crypto/tls says is text only, so it goes by what had happened.
func (c *conn) explain(err error) *authn.Refusal {
	var record tls.RecordHeaderError
	var op *net.OpError
	var refusal *authn.Refusal
	switch {
	case errors.Is(err, errPanicked):
		return &authn.Refusal{Reason: authn.HandshakeFailed, Saw: "a panic", Wanted: "a handshake"}
	case c.refusal != nil:
		return c.refusal
	case errors.As(err, &refusal):
		return refusal
	case errors.Is(err, errOverload):
		return &authn.Refusal{Reason: authn.Overload, Saw: "too many handshakes at a time", Wanted: "fewer"}
	case errors.As(err, &record) && strayProxy(record.RecordHeader):
		return &authn.Refusal{Reason: authn.ProxyUnlisted, Saw: "the PROXY protocol", Wanted: "TLS from the first byte on"}
	case errors.As(err, &record):
		saw := "bytes that are no TLS"
		if looksLikeHTTP(record.RecordHeader) {
			saw = "HTTP without TLS"
		}
		return &authn.Refusal{Reason: authn.NotTLS, Saw: saw, Wanted: "TLS"}
	case errors.Is(err, context.DeadlineExceeded):
		return &authn.Refusal{Reason: authn.Timeout, Saw: "no end of the handshake", Wanted: "one in time"}
	case len(c.versions) > 0 && tooOld(c.versions):
		return &authn.Refusal{Reason: authn.ProtocolVersion, Saw: versions(c.versions), Wanted: "TLS 1.2 or 1.3"}
	case c.verdict.Load() == nil && strings.Contains(err.Error(), "bad record MAC"):
		// OpenSSL's alert, sent before it has the keys to encrypt it.
		return &authn.Refusal{Reason: authn.ClientRefused, Saw: "an alert in the clear", Wanted: "no alert"}
	case errors.As(err, &op) && op.Op == "remote error":
		return &authn.Refusal{Reason: authn.ClientRefused, Saw: "alert: " + op.Err.Error(), Wanted: "no alert"}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return &authn.Refusal{Reason: authn.HungUp, Saw: "the end of the connection", Wanted: "the rest of the handshake"}
	case c.verdict.Load() != nil:
		saw := "the certificate of " + c.verdict.Load().Leaf().Subject.String() + " without its key"
		return &authn.Refusal{Reason: authn.KeyNotProven, Saw: authn.Printable(saw), Wanted: "a signature by the certificate's key"}
	default:
		return &authn.Refusal{Reason: authn.HandshakeFailed, Saw: authn.Printable(err.Error()), Wanted: "a handshake"}
	}
}

func looksLikeHTTP(header [5]byte) bool {
	switch string(header[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "PRI *":
		return true
	}
	return false
}

func tooOld(offered []uint16) bool {
	for _, version := range offered {
		if version == tls.VersionTLS12 || version == tls.VersionTLS13 {
			return false
		}
	}
	return true
}

func versions(offered []uint16) string {
	var names []string
	for _, version := range offered[:min(len(offered), 8)] {
		names = append(names, tls.VersionName(version))
	}
	return strings.Join(names, ", ")
}

// turnAway closes the connection so that the client sees the alert, or an answer if it spoke HTTP.
func (c *conn) turnAway(err error) {
	defer func() { _ = c.Close() }()
	if errors.Is(err, errOverload) {
		return
	}
	var record tls.RecordHeaderError
	if errors.As(err, &record) && looksLikeHTTP(record.RecordHeader) {
		_, _ = io.WriteString(c, httpsOnly)
	}
	if tcp, ok := c.Conn.(*net.TCPConn); ok && tcp.CloseWrite() == nil {
		_ = tcp.SetReadDeadline(time.Now().Add(lingerTime))
		_, _ = io.CopyN(io.Discard, tcp, lingerBytes)
	}
}
