package edge

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/forwarded"
)

// Site is what is served by the configuration of a time, and whom. Another one may take its place while the Server runs: each
// handshake and each request goes by one Site from its beginning to its end. All but Challenge, Proxies, ProxyPeers,
// SendCANames, DrainDelay and Drain is required, and no Certificate on a unix socket.
type Site struct {
	Certificate func() *tls.Certificate // the server's certificate of the moment, with its full chain; nil: there is none yet
	Trust       *authn.Trust
	// Challenge returns the answer to the ACME challenge that is pending for a name; nil: none is. It may be nil.
	Challenge   func(name string) *tls.Certificate
	Proxies     []*forwarded.Proxy // who hand on certificates; on a unix socket exactly one, which all connections are of
	ProxyPeers  []netip.Prefix     // whose connections begin with the PROXY protocol, version 2; nobody else's may
	SendCANames bool               // tell clients which roots are trusted: a hint, which makes some send nothing at all
	DrainDelay  time.Duration      // how long connections are accepted at a stop; 0: no longer
	Drain       time.Duration      // what turns in flight get then; 0: nothing
	Handler     http.Handler

	users   atomic.Int64 // gone: nobody will ever use it again
	retired atomic.Bool
	unused  chan struct{}
}

// gone is the number of users of a Site whose time is over.
const gone = -1

// Hold keeps the Site in use until Release, and returns false if its time is over. Whoever holds it may hold it again.
func (s *Site) Hold() bool {
	for {
		n := s.users.Load()
		if n == gone {
			return false
		}
		if s.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Release is called once for each Hold.
func (s *Site) Release() {
	if s.users.Add(-1) == 0 && s.retired.Load() {
		s.end()
	}
}

// Retire is called once, when another Site has taken the place of this one. What it returns is closed when nobody uses it.
func (s *Site) Retire() (unused <-chan struct{}) {
	s.unused = make(chan struct{})
	s.retired.Store(true)
	s.end()
	return s.unused
}

func (s *Site) end() {
	if s.users.CompareAndSwap(0, gone) {
		close(s.unused)
	}
}

func (s *Site) check(local bool) error {
	switch {
	case s == nil || s.Certificate == nil && !local || s.Trust == nil || s.Handler == nil:
		return errors.New("edge: a Site needs Certificate, Trust and Handler")
	case local && len(s.Proxies) != 1:
		return fmt.Errorf("edge: a unix socket has %d proxies, want one", len(s.Proxies))
	case s.Drain < 0 || s.DrainDelay < 0:
		return fmt.Errorf("edge: Drain is %s and DrainDelay %s, want 0 or more", s.Drain, s.DrainDelay)
	}
	return nil
}

// hold returns the Site of now, held.
func (s *Server) hold() *Site {
	for {
		if site := s.config.Site(); site.Hold() {
			return site
		} // else it has just been replaced
	}
}
