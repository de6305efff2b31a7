package edge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// Serve accepts and serves connections until ctx ends. From then on each answer ends its connection, on HTTP/2 as soon as the
// streams on it are done; connections are accepted for Site.DrainDelay more, until those that send them here have noticed. What
// has come by then is finished within Site.Drain. It returns an error if turns had to be cut off. A Server serves once.
//
// No request whose first byte has been read is left without an answer: net/http would close a connection while it reads one.
func (s *Server) Serve(ctx context.Context) error {
	// Turns in flight outlive ctx, and so do handshakes: a turn is to follow.
	turns := context.WithoutCancel(ctx)
	s.http.BaseContext = func(net.Listener) context.Context { return turns }
	shaking, cut := context.WithCancel(turns)
	defer cut()
	s.shaking.Go(func() { s.accept(shaking) })
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(handover{s}) }()
	select {
	case <-ctx.Done():
	case <-s.stopping:
	}
	s.draining.Store(true)
	site := s.config.Site()
	select {
	case <-time.After(site.DrainDelay):
	case <-s.stopping:
	}
	_ = s.Close()

	ending, cancel := context.WithTimeout(turns, site.Drain)
	defer cancel()
	// Who has connected at the last moment has a moment for the request, unless nobody is to be waited for.
	last := time.Now().Add(min(prompt, site.DrainDelay))
	s.until(ending, func() bool { return len(s.slots) == 0 || !time.Now().Before(last) })
	cut()
	s.shaking.Wait()
	close(s.over)
	err := <-served
	s.until(ending, func() bool { return s.endQuiet() == 0 })
	if s.http.Shutdown(ending) != nil {
		if cut := s.turns.Load(); cut > 0 {
			err = fmt.Errorf("edge: turns in flight were cut off after %s: %d", site.Drain, cut)
		}
		_ = s.http.Close()
	}
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// until looks again and again whether something is so, at least once, until ctx ends.
func (s *Server) until(ctx context.Context, so func() bool) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// endQuiet ends the connections that bring no request, and returns how many are left, without those of HTTP/2: net/http tells
// their clients which of their requests will have an answer.
func (s *Server) endQuiet() (left int) {
	s.live.Range(func(_, value any) bool {
		if c, _ := value.(*conn); !c.http2 || !c.started.Load() {
			c.endIfQuiet()
			left++
		}
		return true
	})
	return left
}

// endIfQuiet has net/http close the connection if nothing of a request has been read: what it waits for does not come in time.
func (c *conn) endIfQuiet() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.awaiting.Load() {
		c.ending = true
		_ = c.SetReadDeadline(time.Unix(1, 0))
	}
}

// begun notes that a request is on its way, which has its time even if the connection was about to end.
func (c *conn) begun(at time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.awaiting.Swap(false) {
		return
	}
	c.first.Store(int64(at))
	if c.ending {
		c.ending = false
		var deadline time.Time // HTTP/2 has times of its own
		if !c.http2 {
			deadline = time.Now().Add(c.server.config.Limits.ReadTimeout)
		}
		_ = c.SetReadDeadline(deadline)
	}
}

// Close closes the listener. It may be called more than once.
func (s *Server) Close() error {
	var err error
	s.stop.Do(func() {
		close(s.stopping)
		err = s.tcp.Close()
	})
	return err
}

// handover is the listener that http.Server knows: what it accepts has been judged.
type handover struct{ s *Server }

func (h handover) Accept() (net.Conn, error) {
	select {
	case conn := <-h.s.ready:
		return conn, nil
	case <-h.s.over:
		return nil, net.ErrClosed
	}
}

func (h handover) Close() error   { return h.s.Close() }
func (h handover) Addr() net.Addr { return h.s.Addr() }
