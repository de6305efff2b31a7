package main

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// network is what is between the gateways and the service: a proxy of TCP connections, which can be bad.
type network struct {
	listener net.Listener
	target   atomic.Pointer[string] // where the service is
	weather  atomic.Pointer[weather]

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	work  sync.WaitGroup
}

// weather is the state of the network. The zero weather is a good one.
type weather struct {
	delay   time.Duration // of each piece that is read
	gone    bool          // connections are closed, new ones too
	silent  bool          // nothing gets through any more, and nothing tells
	garbage bool          // bytes are others than those that were sent
	over    chan struct{} // closed when it is
}

func newNetwork(ctx context.Context) (*network, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	n := &network{listener: listener, conns: map[net.Conn]struct{}{}}
	n.turn(weather{})
	n.work.Go(n.accept)
	return n, nil
}

// turn changes the weather.
func (n *network) turn(w weather) {
	w.over = make(chan struct{})
	if old := n.weather.Swap(&w); old != nil {
		close(old.over)
	}
	if w.gone {
		n.cut()
	}
}

// cut closes all connections.
func (n *network) cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for conn := range n.conns {
		_ = conn.Close()
	}
}

// close ends the proxy.
func (n *network) close() {
	n.turn(weather{gone: true})
	_ = n.listener.Close()
	n.work.Wait()
}

// keep notes a connection, so that it can be cut.
func (n *network) keep(conn net.Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conns[conn] = struct{}{}
}

func (n *network) forget(conn net.Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.conns, conn)
	_ = conn.Close()
}

func (n *network) accept() {
	for {
		conn, err := n.listener.Accept()
		if err != nil {
			return
		}
		n.work.Go(func() { n.serve(conn) })
	}
}

func (n *network) serve(conn net.Conn) {
	n.keep(conn)
	defer n.forget(conn)
	if n.weather.Load().gone {
		return
	}
	service, err := dial(context.Background(), *n.target.Load())
	if err != nil {
		return // as if it were refused
	}
	n.keep(service)
	defer n.forget(service)
	var both sync.WaitGroup
	both.Go(func() { n.copy(service, conn) })
	both.Go(func() { n.copy(conn, service) })
	both.Wait()
}

// copy hands on what it reads as the weather allows, until one of the two is closed, and closes the other.
func (n *network) copy(to, from net.Conn) {
	defer func() { _ = to.Close() }()
	piece := make([]byte, 32<<10)
	for {
		read, err := from.Read(piece)
		w := n.weather.Load()
		if w.silent {
			<-w.over
		}
		if w.garbage {
			for i := range piece[:read] {
				piece[i] = byte(rand.Uint32()) //nolint:gosec // any will do
			}
		}
		time.Sleep(w.delay)
		if _, err := to.Write(piece[:read]); err != nil {
			return
		}
		if err != nil {
			return
		}
	}
}

// balancer is what Dialogflow's connections come to: it chooses among the replicas that say they are ready.
type balancer struct {
	mu       sync.Mutex
	replicas []*gateway
	next     int
}

func (b *balancer) add(g *gateway) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.replicas = append(b.replicas, g)
}

func (b *balancer) remove(g *gateway) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, one := range b.replicas {
		if one == g {
			b.replicas = append(b.replicas[:i:i], b.replicas[i+1:]...)
			return
		}
	}
}

func (b *balancer) all() []*gateway {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next++
	turned := append([]*gateway{}, b.replicas...)
	for range b.next % max(len(turned), 1) {
		turned = append(turned[1:], turned[0])
	}
	return turned
}

// watch asks the replicas whether they are ready, five times a second.
func (b *balancer) watch(ctx context.Context) {
	for ctx.Err() == nil {
		for _, g := range b.all() {
			g.look(ctx)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// dial connects to a replica that is ready, or to another one where that is refused.
func (b *balancer) dial(ctx context.Context) (conn net.Conn, g *gateway, err error) {
	err = errNoReplica
	for _, g := range b.all() {
		if !g.ready.Load() {
			continue
		}
		if conn, err = dial(ctx, g.edge); err == nil {
			return conn, g, nil
		}
	}
	return nil, nil, err
}
