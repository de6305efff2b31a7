package edge

import (
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/forwarded"
)

// Forwarded is what came of a certificate that a proxy was to hand on with a request.
type Forwarded struct {
	Peer    string
	Proxy   string         // its name
	Verdict *authn.Verdict // who the request is of; nil where it is refused
	Refusal *authn.Refusal // nil where it is not
	Fresh   bool           // the verdict was not remembered from an earlier request
}

// Verdict returns who a request is of, as of now: trust may have been withdrawn, and certificates may have expired, since the
// handshake. A proxy's own certificate says who the proxy is, and the request is of whom the proxy names, or of nobody: one
// connection carries many clients' requests.
func (p *Peer) Verdict() (*authn.Verdict, *authn.Refusal) {
	now := p.conn.server.config.Now()
	own, refusal := p.conn.current(p.site.Trust, now)
	if p.withdrawn = refusal != nil; p.withdrawn {
		return nil, refusal
	}
	proxy, refusal := p.site.proxy(own)
	if refusal != nil || proxy == nil {
		return own, refusal
	}
	p.proxy = proxy.Name
	if p.verdict != nil { // the request was judged before its body came, and is once more after it
		return p.site.Trust.Current(p.verdict, now)
	}
	verdict, fresh, refusal := proxy.Verdict(p.handed, p.site.Trust, now)
	p.verdict = verdict
	if observe := p.conn.server.config.ObserveForwarded; observe != nil {
		observe(Forwarded{Peer: p.Addr, Proxy: proxy.Name, Verdict: verdict, Refusal: refusal, Fresh: fresh})
	}
	return verdict, refusal
}

// ForwardedBy names the proxy that the request came through, once there is a Verdict; empty: none.
func (p *Peer) ForwardedBy() string { return p.proxy }

// current returns the verdict on the connection's own certificate; none on a unix socket.
func (c *conn) current(trust *authn.Trust, now time.Time) (*authn.Verdict, *authn.Refusal) {
	if c.server.local() {
		return nil, nil
	}
	before := c.verdict.Load()
	verdict, refusal := trust.Current(before, now)
	if refusal == nil && verdict != before {
		c.verdict.Store(verdict)
	}
	return verdict, refusal
}

// proxy returns the one that has proven itself; nil: it is a client. Without a verdict it is the unix socket's.
func (s *Site) proxy(own *authn.Verdict) (*forwarded.Proxy, *authn.Refusal) {
	if own == nil {
		return s.Proxies[0], nil
	}
	return forwarded.Of(s.Proxies, own)
}
