package backend

import (
	"context"
	"math"
	"strconv"

	"google.golang.org/grpc/balancer"
	"google.golang.org/grpc/balancer/endpointsharding"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/metadata"
)

// sessionHash is the metadata by which a control plane's route may hash a call of an xds target: there the instance is its choice.
// A session itself is in the call's reference, whose key ends in -bin, and such keys are not hashed.
const sessionHash = "intentgate-session-hash"

// asking is the context of one try. The balancer, which there is one of for each connection, learns from it whose call it picks an
// instance for, and nothing of that goes out.
type asking struct {
	context.Context

	client  *Client
	session uint64 // by which its instance is chosen; zero: instances take turns
	try     int    // from 1
}

type askingKey struct{}

// Value returns what is known by a key, which is the try itself for its own.
func (a *asking) Value(key any) any {
	if key == (askingKey{}) {
		return a
	}
	return a.Context.Value(key)
}

// asks makes the context of a try.
func (c *Client) asks(ctx context.Context, call *Call) context.Context {
	by := &asking{Context: ctx, client: c, try: call.Tries}
	if !c.affinity || call.Session == "" {
		return by
	}
	if by.session = hash(call.Session); c.xds {
		by.Context = metadata.AppendToOutgoingContext(ctx, sessionHash, strconv.FormatUint(by.session, 16))
	}
	return by
}

// hash is FNV-1a, the same in every process, so that all gateways send a session to the same instance. It is never zero.
func hash(text string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * 1099511628211
	}
	return max(h, 1)
}

// weight is how much a session is an instance's. It spreads its bits (the end of splitmix64): FNV of names that differ at their
// ends does not.
func weight(session, instance uint64) uint64 {
	h := session ^ instance
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// candidate is an instance that can be called.
type candidate struct {
	balancer.Picker

	of   *instance
	hash uint64
}

// candidates are the instances that round robin would pick from, were it asked.
func (i *instances) candidates(picker balancer.Picker) (ready []candidate) {
	for _, child := range endpointsharding.ChildStatesFromPicker(picker) {
		if child.State.ConnectivityState != connectivity.Ready {
			continue
		}
		if of := i.known[child.Endpoint.Addresses[0].Addr]; of != nil {
			ready = append(ready, candidate{child.State.Picker, of, hash(of.address)})
		}
	}
	return ready
}

// prefer picks by rendezvous: a session is that instance's of those not left out for which it weighs most. Whoever comes takes
// only what weighs more there, whoever goes leaves each of its sessions to that one's next, and further tries go to the
// next, too. It returns nil where no instance can be called.
//
// grpc's ring_hash would hash, too, but has its calls wait while their instance is being connected to, connects to none before it is
// asked for, and knows nothing of those that are left out.
func (p *instancesPicker) prefer(by *asking) (picked balancer.Picker) {
	now, below := p.all.now(), uint64(math.MaxUint64)
	for range by.try {
		var next *candidate
		var most uint64
		for i := range p.ready {
			one := &p.ready[i]
			if w := weight(by.session, one.hash); w >= most && w < below && !one.of.left(now) {
				next, most = one, w
			}
		}
		if next == nil { // more tries than instances
			break
		}
		picked, below = next.Picker, most
	}
	return picked
}
