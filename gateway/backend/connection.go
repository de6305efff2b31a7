package backend

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
)

// maxRetire bounds how long calls may hold a connection that was replaced: longer than any call lasts, be it one that goes on
// after its turn.
const maxRetire = 150 * time.Second

// connection is what a Client calls over until it is replaced.
type connection struct {
	*grpc.ClientConn

	// calls is held for reading by each call, and for writing by who closes the connection when they are done.
	calls sync.RWMutex
	// unwatch ends the watch of its state.
	unwatch context.CancelFunc
}

// connect makes a connection and puts it in the place of the one that there is, if any.
func (c *Client) connect() error {
	conn, err := c.dial()
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.life.Err() != nil {
		return conn.Close()
	}
	ctx, unwatch := context.WithCancel(c.life)
	next := &connection{ClientConn: conn, unwatch: unwatch}
	c.told = connectivity.Idle // how the new one fares is news
	if old := c.current.Swap(next); old != nil {
		old.unwatch()
		c.running.Go(func() { old.retire(c.life) })
	}
	c.running.Go(func() { c.watch(ctx, next) })
	return nil
}

// Redial connects anew, by the credentials of now: calls that begin from now on wait for that connection and never use the
// old one, which is closed when its calls are done, within two and a half minutes at most. It does not wait for any of it.
func (c *Client) Redial() {
	if err := c.connect(); err != nil { // as before, it was good for the first one
		c.logger.Error("Service not redialled", "service", c.name, "target", c.target, "error", err)
	}
}

// hold returns the connection of now, which is not closed before its calls.RUnlock.
func (c *Client) hold() *connection {
	for {
		conn := c.current.Load()
		if conn.calls.TryRLock() { // else it has just been replaced
			return conn
		}
	}
}

// retire closes a connection when its calls are done. Those of them that take too long are cut off, and all when ctx
// ends.
func (c *connection) retire(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, maxRetire)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	c.calls.Lock() // and never given back: nobody is to hold a closed connection
	_ = c.Close()  // the only error is that of a second call
}
