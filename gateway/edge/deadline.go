package edge

import (
	"errors"
	"sync"
	"time"
)

// deadline is that of reading. It comes to the runtime's timers only where something is read: net/http and ReadBody set seven for a
// request that has come in one piece, most of which no reading ever sees.
type deadline struct {
	mu      sync.Mutex
	at      time.Time
	due     bool // at is not set yet
	reading bool
}

// SetReadDeadline ends a reading that is under way, and all later ones, at a time; zero: never.
func (c *conn) SetReadDeadline(at time.Time) error {
	d := &c.deadline
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at, d.due = at, true
	if d.reading {
		return c.setDue()
	}
	return nil
}

// SetDeadline is SetReadDeadline and SetWriteDeadline.
func (c *conn) SetDeadline(at time.Time) error {
	return errors.Join(c.SetReadDeadline(at), c.SetWriteDeadline(at))
}

// setDue is called with the mutex held.
func (c *conn) setDue() error {
	c.deadline.due = false
	return c.Conn.SetReadDeadline(c.deadline.at)
}

// readInTime reads until the deadline. No two read at once.
func (c *conn) readInTime(b []byte) (int, error) {
	d := &c.deadline
	d.mu.Lock()
	d.reading = true
	var err error
	if d.due {
		err = c.setDue()
	}
	d.mu.Unlock()
	n := 0
	if err == nil {
		n, err = c.Conn.Read(b)
	}
	d.mu.Lock()
	d.reading = false
	d.mu.Unlock()
	return n, err
}
