package backend

import (
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/balancer"
	"google.golang.org/grpc/balancer/roundrobin"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/status"
)

// instancesPolicy is the name of the load balancing policy below.
const instancesPolicy = "intentgate_instances"

// An instance is left out when so many calls in a row failed, for a while, and for longer when it goes on failing.
const (
	ejectAfter = 4
	ejectFirst = 10 * time.Second
	ejectMost  = time.Minute
)

// Policies have to be registered before the first connection is made, and for the whole program.
func init() { balancer.Register(instancesBuilder{}) }

// instancesBuilder builds round robin without the instances of which calls fail while others answer. grpc's own outlier
// detection would do, but that it counts every status as a failure, forgets that an instance it has left out is gone, so that
// after a few of them no other is left out any more, and brings all of xDS into the program.
type instancesBuilder struct{}

// Name is what the service config calls the policy.
func (instancesBuilder) Name() string { return instancesPolicy }

// Build makes the policy of one connection.
func (instancesBuilder) Build(cc balancer.ClientConn, options balancer.BuildOptions) balancer.Balancer {
	all := &instances{ClientConn: cc, start: time.Now(), known: map[string]*instance{}}
	return &instancesBalancer{balancer.Get(roundrobin.Name).Build(all, options), all}
}

type instancesBalancer struct {
	balancer.Balancer

	all *instances
}

// UpdateClientConnState passes addresses on. What is known of those that have gone is forgotten.
func (b *instancesBalancer) UpdateClientConnState(state balancer.ClientConnState) error {
	there := map[string]bool{}
	for _, endpoint := range state.ResolverState.Endpoints {
		for _, address := range endpoint.Addresses {
			there[address.Addr] = true
		}
	}
	b.all.keep(there)
	return b.Balancer.UpdateClientConnState(state)
}

// instances are those of one name, as round robin sees them. It is safe for concurrent use.
type instances struct {
	balancer.ClientConn

	start time.Time // of all times below

	mu    sync.Mutex
	known map[string]*instance // by address
}

// instance is what is known of one.
type instance struct {
	out atomic.Int64 // until when it is left out; zero: it is not

	// Under the lock of instances.
	failed int           // calls in a row
	times  time.Duration // that it was left out since it last answered
}

func (i *instances) now() time.Duration { return time.Since(i.start) }

func (i *instances) keep(there map[string]bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for address := range i.known {
		if !there[address] {
			delete(i.known, address)
		}
	}
	for address := range there {
		if i.known[address] == nil {
			i.known[address] = new(instance)
		}
	}
}

// done counts a call, and leaves its instance out where that is due. At most half of the instances are, rounded up, and the
// only one never: what most of them do is no fault of theirs, and the rest would have all the calls.
func (i *instances) done(of *instance, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.now()
	if of.left(now) {
		return // the call began before that, or there was no other instance
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded:
	case codes.Canceled:
		return // the caller has left
	default:
		of.failed, of.times = 0, 0
		return
	}
	if of.failed++; of.failed < ejectAfter {
		return
	}
	out := 1
	for _, other := range i.known {
		if other.left(now) {
			out++
		}
	}
	if len(i.known) > 1 && 2*out <= len(i.known)+1 {
		of.failed, of.times = 0, of.times+1
		of.out.Store(int64(now + min(of.times*ejectFirst, ejectMost)))
	}
}

// left reports whether the instance is left out.
func (i *instance) left(now time.Duration) bool { return time.Duration(i.out.Load()) > now }

// subConn is a connection to an instance.
type subConn struct {
	balancer.SubConn

	of *instance
}

// NewSubConn connects to an instance.
func (i *instances) NewSubConn(addresses []resolver.Address, options balancer.NewSubConnOptions) (balancer.SubConn, error) {
	conn, err := i.ClientConn.NewSubConn(addresses, options) //nolint:staticcheck // there is no other way yet to make one
	if err != nil || len(addresses) == 0 {
		return conn, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	of := i.known[addresses[0].Addr]
	if of == nil { // round robin connects to nothing that it was not told of
		of = new(instance)
	}
	return &subConn{conn, of}, nil
}

// UpdateState passes the state on.
func (i *instances) UpdateState(state balancer.State) {
	i.mu.Lock()
	state.Picker = &instancesPicker{state.Picker, i, len(i.known)}
	i.mu.Unlock()
	i.ClientConn.UpdateState(state)
}

type instancesPicker struct {
	balancer.Picker

	all   *instances
	count int // of them
}

// Pick picks the next instance that is not left out. Where there is none, since the others cannot be reached, it is another one.
func (p *instancesPicker) Pick(info balancer.PickInfo) (balancer.PickResult, error) {
	for tries := 0; ; tries++ {
		picked, err := p.Picker.Pick(info)
		conn, ok := picked.SubConn.(*subConn)
		if err != nil || !ok {
			return picked, err
		}
		if tries < p.count && conn.of.left(p.all.now()) {
			continue
		}
		picked.SubConn = conn.SubConn
		picked.Done = func(end balancer.DoneInfo) { p.all.done(conn.of, end.Err) }
		return picked, nil
	}
}
