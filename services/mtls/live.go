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
	trust any                 // the mark of the one that they were judged by
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

// trust is by what clients' certificates are judged.
type trust struct {
	mark   any // another one where the verdict may be another
	verify func(certs []*x509.Certificate, now time.Time) ([][]*x509.Certificate, error)
}

// trust returns that which is in force.
func (id *Identity) trust() trust {
	if id.issued != nil {
		issued := id.issued()
		return trust{issued.Version, issued.Verify}
	}
	roots := id.roots.Pool()
	return trust{roots, func(certs []*x509.Certificate, now time.Time) ([][]*x509.Certificate, error) {
		return certs[0].Verify(x509.VerifyOptions{
			Roots: roots, Intermediates: Pool(certs[1:]), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		})
	}}
}

// judge finds out whether a handshake would accept the client's certificate now.
func (c *liveConn) judge(by trust, now time.Time) error {
	if c.trust == by.mark && !now.After(c.until) {
		return nil
	}
	chains, err := by.verify(c.certs, now)
	if err != nil {
		return err
	}
	c.accepted(by.mark, chains)
	return nil
}

// accepted keeps by what the certificate was accepted, and for how long that holds.
func (c *liveConn) accepted(mark any, chains [][]*x509.Certificate) {
	c.trust, c.until = mark, chains[0][0].NotAfter
	for _, cert := range chains[0] {
		if cert.NotAfter.Before(c.until) {
			c.until = cert.NotAfter
		}
	}
}

// endUntrusted closes the connections of clients whose certificates are no longer good, with the calls that they carry:
// an authority was withdrawn, or a date has passed.
func (id *Identity) endUntrusted() {
	by, now := id.trust(), id.options.Now()
	ended := map[*liveConn]error{}
	id.live.mu.Lock()
	for c := range id.live.conns {
		if err := c.judge(by, now); err != nil {
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
