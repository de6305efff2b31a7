package edge

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/forwarded"
)

// conn is a TCP connection with what is known of it. crypto/tls reads and writes through it, so that it can be found
// again from a *tls.Conn.
type conn struct {
	net.Conn

	server   *Server
	addr     netip.AddrPort
	proxy    netip.AddrPort // that said so, of whom; zero: nobody did
	accepted time.Time
	shaken   time.Time // the end of the handshake
	closed   sync.Once

	// Written by the handshake's goroutine alone, before anybody else knows the connection.
	name     string // how the log calls who connected
	sni      string
	versions []uint16
	refusal  *authn.Refusal

	challenged bool // likewise: it is an ACME CA's, for which there is no more than the handshake

	verdict atomic.Pointer[authn.Verdict]

	http2   bool        // likewise
	started atomic.Bool // net/http has read something of it

	// The clock of the next request, as time since accepted.
	used     atomic.Bool
	awaiting atomic.Bool // no byte of the next request has been read yet
	first    atomic.Int64

	listened atomic.Bool
	heard    atomic.Int64 // since it is listened to: when something was last read, or the end of it, likewise

	mu     sync.Mutex // makes what follows one with the end of awaiting
	ending bool       // reading has no more time

	deadline deadline
}

// prompt is how soon after the handshake a request is the one that the connection was opened for. Clients also open
// connections to spare.
const prompt = time.Second

// Read notes when the first byte of a request comes in.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.readInTime(b)
	if c.listened.Load() {
		c.heard.Store(int64(c.server.config.Now().Sub(c.accepted)))
	}
	if n > 0 && c.awaiting.Load() {
		c.begun(c.server.config.Now().Sub(c.accepted))
	}
	return n, err
}

// peer is how the log calls who connected.
func (c *conn) peer() string {
	if c.server.local() {
		return "unix"
	}
	return c.addr.String()
}

// Close gives the connection's slot back, once.
func (c *conn) Close() error {
	c.closed.Do(func() { <-c.server.slots })
	return c.Conn.Close()
}

// await starts the wait for a request. Should its first bytes have been read already, with the end of the handshake or
// from a client that does not wait for an answer, this moment is its start.
func (c *conn) await(now time.Time) {
	c.first.Store(int64(now.Sub(c.accepted)))
	c.awaiting.Store(true)
}

// track is told by net/http what becomes of a connection.
func (s *Server) track(nc net.Conn, state http.ConnState) {
	c := connOf(nc)
	if c == nil {
		return
	}
	switch state {
	case http.StateNew:
		s.live.Store(nc, c)
		return
	case http.StateActive:
		if c.awaiting.Load() { // its bytes had come before the last answer
			c.begun(time.Duration(c.first.Load()))
		}
	case http.StateIdle:
		c.await(s.config.Now())
	case http.StateClosed, http.StateHijacked:
		s.live.Delete(nc)
	}
	c.started.Store(true)
}

// start is when Dialogflow's clock began to run for a request that has just arrived.
func (c *conn) start(r *http.Request) time.Time {
	start := c.accepted.Add(time.Duration(c.first.Load()))
	if r.ProtoMajor > 1 { // streams share the connection's bytes
		start = c.server.config.Now()
	}
	if c.used.CompareAndSwap(false, true) && start.Sub(c.shaken) <= prompt {
		return c.accepted
	}
	return start
}

func connOf(nc net.Conn) *conn {
	if secured, ok := nc.(*tls.Conn); ok {
		nc = secured.NetConn()
	}
	c, _ := nc.(*conn)
	return c
}

type connKey struct{}

func withConn(ctx context.Context, nc net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, connOf(nc))
}

// Peer is who sent a request.
type Peer struct {
	Addr string // address and port, or unix
	// Start is when Dialogflow's clock began to run: at Accept for a request that a connection was opened for, which
	// follows on the handshake within a second; else at the request's first byte, or on HTTP/2, when it had arrived.
	Start time.Time

	conn *conn
	site *Site

	handed    forwarded.Fields
	proxy     string
	verdict   *authn.Verdict // of what was handed on
	withdrawn bool           // the connection itself is no longer trusted
}

// Listen has noted from now on when the peer is heard of.
func (p *Peer) Listen() { p.conn.listened.Store(true) }

// Heard returns when that was last; if it has hung up since, when it did.
func (p *Peer) Heard() time.Time { return p.conn.accepted.Add(time.Duration(p.conn.heard.Load())) }

// Answering is called before an answer is written: while the gateway stops, and where the connection is no longer trusted, it ends
// the connection.
func (p *Peer) Answering(header http.Header) {
	if p.withdrawn || p.conn.server.draining.Load() {
		header.Set("Connection", "close")
	}
}

type peerKey struct{}

// request is the context of a request, with its peer.
type request struct {
	context.Context //nolint:containedctx // it is one

	peer Peer
}

// Value returns what a key stands for.
func (r *request) Value(key any) any {
	if key == (peerKey{}) {
		return &r.peer
	}
	return r.Context.Value(key)
}

// PeerFromContext returns the peer of the request that the context belongs to, and false where it is none of the edge.
func PeerFromContext(ctx context.Context) (*Peer, bool) {
	peer, ok := ctx.Value(peerKey{}).(*Peer)
	return peer, ok
}

// serve hands a request on, with its peer, without what only the gateway may say, and without trailers, which nobody
// here reads.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	c, _ := r.Context().Value(connKey{}).(*conn)
	if c == nil || c.verdict.Load() == nil && !s.local() {
		panic(http.ErrAbortHandler) // cannot happen; if it does, nobody gets through
	}
	s.turns.Add(1)
	defer s.turns.Add(-1)
	site := s.hold()
	defer site.Release()
	ctx := &request{Context: r.Context(), peer: Peer{Addr: c.name, Start: c.start(r), conn: c, site: site}}
	peer := &ctx.peer
	defer s.recovered(r.Context(), c)
	if r.ContentLength < 0 || r.Trailer != nil {
		r = r.WithContext(ctx) //nolint:contextcheck // it is the request's, with the peer. A copy: net/http puts the trailers into its own
	} else {
		*r = *r.WithContext(ctx) //nolint:contextcheck // likewise; which allocates none; nobody else has the request
	}
	r.Trailer = nil
	StripReserved(r.Header)
	peer.handed = forwarded.Take(r.Header)
	peer.Answering(w.Header())
	site.Handler.ServeHTTP(w, r)
}

// recovered logs a handler's panic with its stack, and has net/http end the request without a word more.
func (s *Server) recovered(ctx context.Context, c *conn) {
	v := recover()
	if v == nil {
		return
	}
	//nolint:errorlint // a panic's value, compared as net/http does
	if v != http.ErrAbortHandler {
		s.config.Logger.LogAttrs(ctx, slog.LevelError, "Handler panicked", append(Panic(v), slog.String("peer", c.peer()))...)
	}
	panic(http.ErrAbortHandler)
}
