package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/intentgate/intentgate/gateway/pki"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

// options are what the command line says.
type options struct {
	length  time.Duration // of the faults; a round of them is always finished
	rate    int           // turns a second
	talkers int           // turns at a time
	seed    uint64
	only    []string // faults; empty: all
	logs    bool
	binary  string // a gateway that is built already
}

// soak is a run.
type soak struct {
	options  options
	progress io.Writer
	folder   string
	random   *rand.Rand // of the faults

	pki      *pki.PKI
	internal *devca.Authority // who issues the certificates of the hop now
	webhooks []webhook
	binary   string

	network  *network
	balancer *balancer
	reloads  int      // of the configuration
	steady   *gateway // the replica that lives from the beginning to the end
	rolled   *gateway // the one that comes and goes
	service  *process
	machine  *machine

	numbers atomic.Uint64 // of turns
	load    atomic.Bool   // there are turns
	spoil   atomic.Bool   // more of them are odd
	busy    atomic.Int64  // turns under way
	now     atomic.Pointer[phase]
	lastBad atomic.Int64 // when a turn that began after the last fault was not answered by the service; Unix nanoseconds

	tally  *tally
	claims struct {
		sync.Mutex
		numbers []uint64
	}
	ledger *ledger
	tokens tokens
}

// phase is a stretch of time in which one thing is tried.
type phase struct {
	name  string
	fair  bool // all turns are to be answered by the service
	since time.Time
}

func (s *soak) phase() *phase { return s.now.Load() }

// enter begins a phase.
func (s *soak) enter(name string, fair bool) {
	s.now.Store(&phase{name: name, fair: fair, since: time.Now()})
	s.tally.enter(name)
}

// run soaks, and returns what was seen.
func (s *soak) run(ctx context.Context) (*report, error) {
	began := time.Now()
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	defer s.end()
	ctx, stop := context.WithCancel(ctx)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer stop()
	memory := &memory{}
	beside.Go(func() { s.machine.watch(ctx) })
	beside.Go(func() { s.balancer.watch(ctx) })
	beside.Go(func() { s.tell(ctx, began) })
	beside.Go(func() { memory.watch(ctx, s) })
	for i := range s.options.talkers {
		every := time.Second * time.Duration(s.options.talkers) / time.Duration(s.options.rate)
		t := s.newTalker(i)
		beside.Go(func() { t.talk(ctx, every) })
	}

	s.enter("warm-up", false)
	s.load.Store(true)
	wait(ctx, 3*time.Second)
	s.recovered(ctx, began)
	before := s.quiet(ctx, nil)
	s.load.Store(true)
	s.enter("calm", true)
	wait(ctx, time.Second)
	memory.from()
	if err := s.trouble(ctx); err != nil {
		return nil, err
	}
	s.enter("calm", true)
	wait(ctx, 5*time.Second)
	memory.judge(s)
	after := s.quiet(ctx, before)
	s.enter("stop", true)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	s.audit()
	s.covered()
	for _, g := range s.balancer.all() {
		if err := g.stop(ctx, stopping); err != nil {
			s.broken(ruleStop, fmt.Sprintf("%s: %v; it said:\n%s", g.name, err, g.Said()))
		}
	}
	return s.report(ctx, time.Since(began), before, after, memory), nil
}

const stopping = 25 * time.Second // more than drain and drain_delay

// covered wants that what the rules are about has happened: a soak of nothing would pass. A share of it proves nothing.
func (s *soak) covered() {
	for what, n := range map[string]int{
		"an answer of the service":        s.tally.sum("service"),
		"a side effect":                   len(s.ledger.turns),
		"a fallback":                      s.tally.sum("fallback"),
		"a try that was given up":         s.tally.sum("left"),
		"a turn that joined another call": s.tally.joinedInAll(),
		"a turn that was continued":       s.tally.sum("continues"),
	} {
		if n == 0 && len(s.options.only) == 0 {
			s.broken(ruleCoverage, "there was not "+what)
		}
	}
}

// prepare builds and starts everything.
func (s *soak) prepare(ctx context.Context) (err error) {
	s.webhooks, s.tally, s.machine, s.balancer = webhooks(), newTally(), &machine{}, &balancer{}
	s.enter("start", false)
	if s.binary = s.options.binary; s.binary == "" {
		if s.binary, err = build(ctx, s.folder); err != nil {
			return err
		}
	}
	if s.pki, err = pki.New(pki.Options{RSABits: 2048}); err != nil {
		return err
	}
	if _, err = s.pki.Write(s.file("certs")); err != nil {
		return err
	}
	s.internal, s.tokens.issuer = s.pki.InternalCA, s.pki.Issuer
	if err := runService(ctx, []string{"--descriptors", s.file("soak.binpb")}); err != nil {
		return err
	}
	if s.ledger, err = openLedger(s.file("journal.jsonl")); err != nil {
		return err
	}
	if s.network, err = newNetwork(ctx); err != nil {
		return err
	}
	if err := s.startService(ctx); err != nil {
		return errors.Join(err, s.close())
	}
	for _, replica := range []struct {
		name string
		into **gateway
	}{{"steady", &s.steady}, {"rolled", &s.rolled}} {
		if *replica.into, err = s.startGateway(ctx, replica.name); err != nil {
			s.end()
			return err
		}
	}
	return nil
}

func (s *soak) file(name string) string { return filepath.Join(s.folder, name) }

// startService starts the service, and leads the network to it.
func (s *soak) startService(ctx context.Context) (err error) {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	s.service, err = launch(ctx, "service", "Listening", s.overhear("service"), s.died, self, serviceCommand,
		"--listen", "127.0.0.1:0", "--cert", s.file("certs/orders.pem"), "--key", s.file("certs/orders.key"),
		"--ca", s.file("certs/internal-ca.pem"), "--assert", "dns:"+pki.GatewayName, "--log-format", "json",
		"--journal", s.file("journal.jsonl"))
	if err != nil {
		return err
	}
	address := s.service.address()
	s.network.target.Store(&address)
	return nil
}

// configured is the configuration of a replica: one learns the intents from a file, the other one asks the service.
func (s *soak) configured(name string) configuration {
	target := s.network.listener.Addr().String()
	if s.reloads%2 == 1 {
		target = "dns:///" + target // the same, over other connections
	}
	return configuration{service: target, reflection: name == "rolled", turns: 1000 + s.reloads}
}

// startGateway starts a replica, and has it get connections once it is ready.
func (s *soak) startGateway(ctx context.Context, name string) (*gateway, error) {
	path := s.file(name + ".yaml")
	if err := s.configured(name).write(path); err != nil {
		return nil, err
	}
	g, err := startGateway(ctx, name, s.binary, path, s.overhear(name), s.died)
	if err != nil {
		return nil, err
	}
	if err := g.reachable(ctx); err != nil {
		g.kill()
		return nil, err
	}
	g.look(ctx)
	s.balancer.add(g)
	return g, nil
}

// overhear counts what a process logs, and finds panics in it.
func (s *soak) overhear(name string) func(map[string]any) {
	return func(line map[string]any) {
		message, _ := line["msg"].(string)
		s.tally.logged(name, message)
		took, _ := line["duration"].(float64) // nanoseconds
		if message == "Turn" {
			s.tally.turned(s.phase().name, line)
		}
		if s.options.logs && (message != "Turn" && message != "Call" || took > float64(clock-reserve/2)) {
			text, _ := json.Marshal(line) // it was JSON
			_, _ = fmt.Fprintf(s.progress, "%s: %s\n", name, text)
		}
		if reason, _ := line["reason"].(string); isPanic(message) || reason == "panic" {
			s.broken(ruleProcess, fmt.Sprintf("%s: %v", name, line))
		}
	}
}

func (s *soak) died(how string) { s.broken(ruleProcess, how) }

// end ends the processes that are left.
func (s *soak) end() {
	for _, g := range s.balancer.all() {
		g.kill()
	}
	s.service.kill()
	_ = s.close()
}

func (s *soak) close() error {
	s.network.close()
	return s.ledger.file.Close()
}

// trouble makes one fault after the other, in rounds of all of them, until the time is up.
func (s *soak) trouble(ctx context.Context) error {
	until := time.Now().Add(s.options.length)
	all := s.faults()
	if len(s.options.only) > 0 {
		all = slices.DeleteFunc(all, func(f fault) bool { return !slices.Contains(s.options.only, f.name) })
	}
	for round := 0; round == 0 || time.Now().Before(until); round++ {
		s.random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for _, f := range all {
			if ctx.Err() != nil || round > 0 && time.Now().After(until) {
				return ctx.Err()
			}
			if err := s.endure(ctx, f); err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
			s.audit()
		}
	}
	return nil
}

// endure makes a fault, and waits until all is well again.
func (s *soak) endure(ctx context.Context, f fault) error {
	s.enter(f.name, f.fair)
	lasts := max(time.Second, f.least) + s.atMost(min(s.options.length/40, 5*time.Second))
	if err := f.make(ctx, lasts); err != nil {
		return err
	}
	s.recovered(ctx, time.Now())
	if !f.fair {
		s.enter("calm", true)
	}
	wait(ctx, 300*time.Millisecond+s.atMost(min(s.options.length/60, 2*time.Second)))
	return nil
}

func (s *soak) atMost(d time.Duration) time.Duration {
	return time.Duration(s.random.Int64N(int64(d) + 1))
}

// recovered waits until the turns that began after a fault have been good for a while, or breaks the rule.
func (s *soak) recovered(ctx context.Context, fault time.Time) {
	const good, patience = 600 * time.Millisecond, 10 * time.Second
	s.lastBad.Store(fault.UnixNano())
	for ctx.Err() == nil {
		wait(ctx, 20*time.Millisecond)
		last := time.Unix(0, s.lastBad.Load())
		if time.Since(last) > good {
			s.tally.recovered(s.phase().name, last.Sub(fault))
			return
		}
		if time.Since(fault) > patience {
			s.broken(ruleWell, fmt.Sprintf("not %s after %s", patience, s.phase().name))
			return
		}
	}
}

// quiet ends the load, and returns what the processes hold then: without before when they have settled, else when they hold
// no more than before, or not for a long time.
func (s *soak) quiet(ctx context.Context, before map[string]usage) map[string]usage {
	s.enter("quiet", false)
	s.load.Store(false)
	wait(ctx, time.Second)
	for s.busy.Load() > 0 && ctx.Err() == nil {
		wait(ctx, 20*time.Millisecond)
	}
	const settle, patience = time.Second, 15 * time.Second
	wait(ctx, settle)
	for began := time.Now(); ; wait(ctx, 200*time.Millisecond) {
		held := map[string]usage{}
		var problems []string
		for name, look := range map[string]func() (usage, error){
			"steady":  func() (usage, error) { return s.steady.holds(ctx) },
			"rolled":  func() (usage, error) { return s.rolled.holds(ctx) },
			"service": s.service.usage,
		} {
			u, err := look()
			if err != nil && ctx.Err() == nil {
				s.broken(ruleLeak, fmt.Sprintf("%s cannot be looked at: %v", name, err))
			}
			if held[name] = u; before != nil {
				problems = append(problems, leaked(name, before[name], u)...)
			}
		}
		if len(problems) == 0 || ctx.Err() != nil {
			return held
		}
		if time.Since(began) > patience {
			for _, problem := range problems {
				s.broken(ruleLeak, problem)
			}
			return held
		}
	}
}

// leaked tells what a process holds more of than it did, some noise apart.
func leaked(name string, before, after usage) (problems []string) {
	const descriptors, goroutines = 5, 10
	if after.Descriptors > before.Descriptors+descriptors {
		problems = append(problems, fmt.Sprintf("%s: %d descriptors at rest, %d before", name, after.Descriptors, before.Descriptors))
	}
	if after.Goroutines > before.Goroutines+goroutines {
		problems = append(problems, fmt.Sprintf("%s: %d goroutines at rest, %d before", name, after.Goroutines, before.Goroutines))
	}
	return problems
}

// claim notes that a user was told that something was done.
func (s *soak) claim(number uint64) {
	s.claims.Lock()
	defer s.claims.Unlock()
	s.claims.numbers = append(s.claims.numbers, number)
}

// audit reads the service's journal, and compares it with the claims.
func (s *soak) audit() {
	s.claims.Lock()
	claimed := s.claims.numbers
	s.claims.numbers = nil
	s.claims.Unlock()
	if err := s.ledger.read(s.broken); err != nil {
		s.broken(ruleClaim, fmt.Sprintf("the journal cannot be read: %v", err))
	}
	for _, number := range claimed {
		if !s.ledger.has(number) {
			s.broken(ruleClaim, fmt.Sprintf("turn %d", number))
		}
	}
}

// wait returns after a time, or when the context ends.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
