package edge

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

var errOverload = errors.New("too many handshakes at a time")

// gate bounds the handshakes in flight, and gives no single address more than its share of them: the others of that
// address wait for each other, not in everybody's way. One address can have as many waiting as there are slots.
type gate struct {
	size, share int64
	slots       *semaphore.Weighted
	inFlight    atomic.Int64

	mu      sync.Mutex
	origins map[netip.Prefix]*origin // those with a handshake waiting or in flight
}

type origin struct {
	pending int64
	slots   *semaphore.Weighted
}

func newGate(size int) *gate {
	return &gate{
		size:    int64(size),
		share:   max(1, int64(size)/4),
		slots:   semaphore.NewWeighted(int64(size)),
		origins: map[netip.Prefix]*origin{},
	}
}

// enter waits for a slot until ctx ends; its only error is errOverload. Where more than half of the slots are taken, the
// handshake is asked to hurry. leave must be called once.
func (g *gate) enter(ctx context.Context, from netip.Prefix) (leave func(), hurry bool, err error) {
	o := g.join(from)
	if o == nil {
		return nil, false, errOverload
	}
	if o.slots.Acquire(ctx, 1) != nil {
		g.part(from, o)
		return nil, false, errOverload
	}
	if g.slots.Acquire(ctx, 1) != nil {
		o.slots.Release(1)
		g.part(from, o)
		return nil, false, errOverload
	}
	hurry = 2*g.inFlight.Add(1) > g.size
	return func() {
		g.inFlight.Add(-1)
		g.slots.Release(1)
		o.slots.Release(1)
		g.part(from, o)
	}, hurry, nil
}

func (g *gate) join(from netip.Prefix) *origin {
	g.mu.Lock()
	defer g.mu.Unlock()
	o := g.origins[from]
	if o == nil {
		o = &origin{slots: semaphore.NewWeighted(g.share)}
		g.origins[from] = o
	}
	if o.pending == g.share+g.size {
		return nil
	}
	o.pending++
	return o
}

func (g *gate) part(from netip.Prefix, o *origin) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if o.pending--; o.pending == 0 {
		delete(g.origins, from)
	}
}

// network is what is counted as one address: a /64 of IPv6 is a single customer's.
func network(addr netip.Addr) netip.Prefix {
	bits := 64
	if addr = addr.Unmap().WithZone(""); addr.Is4() {
		bits = 32
	}
	prefix, _ := addr.Prefix(bits) // the zero prefix for no address
	return prefix
}
