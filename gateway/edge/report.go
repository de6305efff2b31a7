package edge

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
)

// Handshake is how a handshake went. Everything that comes from a stranger is escaped and cut.
type Handshake struct {
	Time    time.Time     // of Accept
	Took    time.Duration // from Accept on, waiting included
	Peer    netip.AddrPort
	Proxy   netip.AddrPort // that said by the PROXY protocol who the peer is; zero: nobody did
	SNI     string
	Version uint16 // of TLS; 0 if it did not come that far
	Resumed bool
	Verdict *authn.Verdict // who it is; nil where it failed
	Refusal *authn.Refusal // why it failed; nil where it succeeded
	Err     error          // what crypto/tls said to that

	// Challenge says that an ACME CA has seen the answer to its challenge: neither a verdict nor a refusal.
	Challenge bool
}

// By names the proxy, for the log; nothing where there is none.
func (h *Handshake) By() slog.Attr {
	if !h.Proxy.IsValid() {
		return slog.Attr{}
	}
	return slog.String("proxy", h.Proxy.String())
}

// report tells about a handshake, in one log line if it failed or was a CA's.
func (s *Server) report(ctx context.Context, h Handshake) {
	if s.config.Observe != nil {
		defer s.config.Observe(h)
	}
	if h.Refusal == nil && !h.Challenge {
		return
	}
	var reason authn.Reason = acmeProtocol
	if h.Refusal != nil {
		reason = h.Refusal.Reason
	}
	suppressed, ok := s.failures.allow(network(h.Peer.Addr()), reason)
	if !ok {
		return
	}
	if h.Challenge {
		s.config.Logger.LogAttrs(ctx, slog.LevelInfo, "ACME challenge answered", slog.String("peer", h.Peer.String()), h.By(), slog.String("sni", h.SNI))
		return
	}
	level := slog.LevelWarn
	if h.Refusal.Reason == authn.HungUp { // health checks do that all day
		level = slog.LevelInfo
	}
	attrs := []slog.Attr{
		slog.String("peer", h.Peer.String()),
		h.By(),
		slog.String("sni", h.SNI),
		slog.String("reason", string(h.Refusal.Reason)),
		slog.String("saw", h.Refusal.Saw),
		slog.String("wanted", h.Refusal.Wanted),
		slog.String("hint", h.Refusal.Reason.Hint()),
	}
	if text := h.Err.Error(); text != h.Refusal.Error() {
		attrs = append(attrs, slog.String("error", authn.Printable(text)))
	}
	if h.Version != 0 {
		attrs = append(attrs, slog.String("version", tls.VersionName(h.Version)), slog.Bool("resumed", h.Resumed))
	}
	if suppressed > 0 {
		attrs = append(attrs, slog.Int("suppressed", suppressed))
	}
	s.config.Logger.LogAttrs(ctx, level, "Handshake refused", attrs...)
}

const (
	logInterval = time.Minute
	logKeys     = 1024
)

// limiter lets the first failure of an address and reason through, and then one a minute. It remembers a bounded number
// of addresses: beyond that, those that it does not know share one line.
type limiter struct {
	now func() time.Time

	mu     sync.Mutex
	lines  map[lineKey]*line
	pruned time.Time
}

type lineKey struct {
	from   netip.Prefix
	reason authn.Reason
}

type line struct {
	last       time.Time
	suppressed int
}

func newLimiter(now func() time.Time) *limiter {
	return &limiter{now: now, lines: map[lineKey]*line{}}
}

// allow says whether to log, and how many were not logged since the last time.
func (l *limiter) allow(from netip.Prefix, reason authn.Reason) (suppressed int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	key := lineKey{from, reason}
	if l.lines[key] == nil && len(l.lines) >= logKeys {
		l.prune(now)
		if len(l.lines) >= logKeys {
			key.from = netip.Prefix{}
		}
	}
	known := l.lines[key]
	if known == nil {
		l.lines[key] = &line{last: now}
		return 0, true
	}
	if now.Sub(known.last) < logInterval {
		known.suppressed++
		return 0, false
	}
	suppressed = known.suppressed
	*known = line{last: now}
	return suppressed, true
}

// prune forgets what is old enough to be logged again, at most once a second: a flood must not make it the main work.
func (l *limiter) prune(now time.Time) {
	if now.Sub(l.pruned) < time.Second {
		return
	}
	l.pruned = now
	for key, known := range l.lines {
		if now.Sub(known.last) >= logInterval {
			delete(l.lines, key)
		}
	}
}
