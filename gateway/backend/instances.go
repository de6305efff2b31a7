package backend

import (
	"cmp"
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
	ready []candidate
}

// instance is what is known of one.
type instance struct {
	address string
	out     atomic.Int64 // until when it is left out; zero: it is not

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
			i.known[address] = &instance{address: address}
		}
	}
}

// done counts a call, and leaves its instance out where that is due, for the time that it returns. At most half of the instances
// are, rounded up, and the only one never: what most of them do is no fault of theirs, and the rest would have all the calls.
func (i *instances) done(of *instance, err error) (out time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.now()
	if of.left(now) {
		return 0 // the call began before that, or there was no other instance
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded:
	case codes.Canceled:
		return 0 // the caller has left
	default:
		of.failed, of.times = 0, 0
		return 0
	}
	if of.failed++; of.failed < ejectAfter {
		return 0
	}
	count := 1
	for _, other := range i.known {
		if other.left(now) {
			count++
		}
	}
	if len(i.known) > 1 && 2*count <= len(i.known)+1 {
		of.failed, of.times = 0, of.times+1
		out = min(of.times*ejectFirst, ejectMost)
		of.out.Store(int64(now + out))
	}
	return out
}

// count returns how many instances take calls now, and how many do not: those that are left out, and those that cannot be reached
// or say that they are not healthy.
func (i *instances) count() (in, out int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, one := range i.ready {
		if !one.of.left(i.now()) {
			in++
		}
	}
	return in, len(i.known) - in
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
		of = &instance{address: addresses[0].Addr}
	}
	return &subConn{conn, of}, nil
}

// UpdateState passes the state on.
func (i *instances) UpdateState(state balancer.State) {
	i.mu.Lock()
	i.ready = i.candidates(state.Picker)
	state.Picker = &instancesPicker{state.Picker, i, len(i.known), i.ready}
	i.mu.Unlock()
	i.ClientConn.UpdateState(state)
}

type instancesPicker struct {
	balancer.Picker

	all   *instances
	count int // of them
	ready []candidate
}

// Pick picks the next instance that is not left out, or the session's. Where there is none, since the others cannot be reached, it
// is another one.
func (p *instancesPicker) Pick(info balancer.PickInfo) (balancer.PickResult, error) {
	by, _ := info.Ctx.Value(askingKey{}).(*asking) // nil: a call of grpc's own
	picker := p.Picker
	if by != nil {
		by.client.over.Store(p.all)
	}
	if by != nil && by.session != 0 {
		picker = cmp.Or(p.prefer(by), picker)
	}
	for tries := 0; ; tries++ {
		picked, err := picker.Pick(info)
		conn, ok := picked.SubConn.(*subConn)
		if err != nil || !ok {
			return picked, err
		}
		if tries < p.count && conn.of.left(p.all.now()) {
			continue
		}
		picked.SubConn = conn.SubConn
		picked.Done = func(end balancer.DoneInfo) {
			if out := p.all.done(conn.of, end.Err); out > 0 && by != nil {
				by.client.ejected(conn.of.address, out, end.Err)
			}
		}
		return picked, nil
	}
}
