package mtls

import (
	"crypto/x509"
	"net"
	"slices"
	"sync"
	"time"
)

// live are the connections that clients made and have not closed.
type live struct {
	mu    sync.Mutex
	conns map[*liveConn]bool
}

// liveConn is such a connection, below its TLS.
type liveConn struct {
	net.Conn

	live  *live
	certs []*x509.Certificate // the client's, leaf first
	roots *x509.CertPool      // that they were judged by
	until time.Time           // to which that holds
}

func (l *live) add(c *liveConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conns == nil {
		l.conns = map[*liveConn]bool{}
	}
	l.conns[c] = true
}

// Close closes the connection, which is live no longer.
func (c *liveConn) Close() error {
	c.live.mu.Lock()
	delete(c.live.conns, c)
	c.live.mu.Unlock()
	return c.Conn.Close()
}

// judge finds out whether a handshake would accept the client's certificate now.
func (c *liveConn) judge(roots *x509.CertPool, now time.Time) error {
	if c.roots == roots && !now.After(c.until) {
		return nil
	}
	chains, err := c.certs[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: Pool(c.certs[1:]), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return err
	}
	c.accepted(roots, chains)
	return nil
}

// accepted keeps by what the certificate was accepted, and for how long that holds.
func (c *liveConn) accepted(roots *x509.CertPool, chains [][]*x509.Certificate) {
	c.roots, c.until = roots, chains[0][0].NotAfter
	for _, cert := range chains[0] {
		if cert.NotAfter.Before(c.until) {
			c.until = cert.NotAfter
		}
	}
}

// endUntrusted closes the connections of clients whose certificates are no longer good, with the calls that they carry:
// an authority was withdrawn, or a date has passed.
func (id *Identity) endUntrusted() {
	roots, now := id.roots.Pool(), id.options.Now()
	ended := map[*liveConn]error{}
	id.live.mu.Lock()
	for c := range id.live.conns {
		if err := c.judge(roots, now); err != nil {
			ended[c] = err
		}
	}
	id.live.mu.Unlock()
	for c, err := range ended {
		_ = c.Close() // it is gone, one way or the other
		id.options.Logger.Warn("Connection ended, its certificate is no longer good",
			"peer", c.RemoteAddr().String(), "names", slices.Collect(SANs(c.certs[0])), "error", err)
	}
}
