package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// tally counts. It is safe for concurrent use.
type tally struct {
	mu     sync.Mutex
	order  []string
	rows   map[string]*row
	faults map[string]*breach // by rule
	logs   map[string]int     // messages, by process
}

// row is what came of the tries that began in phases of a name.
type row struct {
	times     int // the phase was entered
	tries     int
	again     int // second ones
	joined    int // turns that the gateway answered by a call of another one
	retried   int // calls that the gateway made more than once
	kinds     map[string]int
	took      []time.Duration // of those that were answered
	recovered []time.Duration
}

// breach is a rule that was broken.
type breach struct {
	Rule     string   `json:"rule"`
	Times    int      `json:"times"`
	Examples []string `json:"examples"`
}

func newTally() *tally {
	return &tally{rows: map[string]*row{}, faults: map[string]*breach{}, logs: map[string]int{}}
}

func (t *tally) enter(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rows[name] == nil {
		t.rows[name] = &row{kinds: map[string]int{}}
		t.order = append(t.order, name)
	}
	t.rows[name].times++
}

func (t *tally) logged(name, message string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if message = name + ": " + message; t.logs[message] > 0 || len(t.logs) < 1000 {
		t.logs[message]++
	}
}

// turned takes in what the gateway says of a turn.
func (t *tally) turned(phase string, line map[string]any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if joined, _ := line["joined"].(string); joined != "" {
		t.rows[phase].joined++
	}
	if tries, _ := line["tries"].(float64); tries > 1 {
		t.rows[phase].retried++
	}
}

func (t *tally) joinedInAll() (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.rows {
		n += r.joined
	}
	return n
}

// lines is how often a process has logged a message.
func (t *tally) lines(name, message string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.logs[name+": "+message]
}

func (t *tally) recovered(name string, after time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows[name].recovered = append(t.rows[name].recovered, after)
}

// broken notes that a rule was broken, and in which phase.
func (s *soak) broken(rule, what string) { s.tally.broken(rule, s.phase().name, what) }

func (t *tally) broken(rule, phase, what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.faults[rule]
	if b == nil {
		b = &breach{Rule: rule}
		t.faults[rule] = b
	}
	if b.Times++; b.Times <= 5 {
		b.Examples = append(b.Examples, fmt.Sprintf("%s, %s: %s", time.Now().Format(time.TimeOnly), phase, what))
	}
}

// count takes in what came of a try.
func (s *soak) count(began *phase, q question, got try, v verdict, tries int) {
	if v.rule != "" {
		s.tally.broken(v.rule, began.name, v.what)
	}
	odd := v.kind == "broken" || strings.HasPrefix(v.kind, "fallback") && !q.spoilt
	if odd && got.began.UnixNano() > s.lastBad.Load() {
		s.lastBad.Store(time.Now().UnixNano())
	}
	s.tally.count(began.name, got, v, tries)
}

func (t *tally) count(phase string, got try, v verdict, tries int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.rows[phase]
	r.tries++
	if tries > 1 {
		r.again++
	}
	r.kinds[v.kind]++
	if v.answered() {
		r.took = append(r.took, got.took)
	}
}

// sum adds up the tries of kinds, in all phases.
func (t *tally) sum(kinds ...string) (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.rows {
		for kind, times := range r.kinds {
			if len(kinds) == 0 || slices.Contains(kinds, strings.Fields(kind)[0]) {
				n += times
			}
		}
	}
	return n
}

// breaches are those rules, in the order of their names.
func (t *tally) breaches() (all []breach) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, rule := range slices.Sorted(maps.Keys(t.faults)) {
		all = append(all, *t.faults[rule])
	}
	return all
}

// tell writes a line every ten seconds.
func (s *soak) tell(ctx context.Context, began time.Time) {
	for {
		wait(ctx, 10*time.Second)
		if ctx.Err() != nil {
			return
		}
		broken := 0
		for _, b := range s.tally.breaches() {
			broken += b.Times
		}
		_, _ = fmt.Fprintf(s.progress, "%6s  %-20s %d tries: %d by the service, %d fallbacks, %d given up, %d cut; %d faults found\n",
			time.Since(began).Round(time.Second), s.phase().name, s.tally.sum(), s.tally.sum("service"), s.tally.sum("fallback"),
			s.tally.sum("left"), s.tally.sum("cut"), broken)
	}
}

// quantile returns the duration that a share of the sorted ones is not longer than.
func quantile(sorted []time.Duration, share float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}

// machine watches whether this program gets its time.
type machine struct {
	mu     sync.Mutex
	stalls []stall
}

type stall struct{ from, to time.Time }

const (
	tick  = 10 * time.Millisecond
	toler = 90 * time.Millisecond
)

func (m *machine) watch(ctx context.Context) {
	last := time.Now()
	for ctx.Err() == nil {
		time.Sleep(tick)
		now := time.Now()
		if now.Sub(last) > tick+toler {
			m.mu.Lock()
			m.stalls = append(m.stalls, stall{last, now})
			m.mu.Unlock()
		}
		last = now
	}
}

// stalled reports whether the machine stood still in a stretch of time.
func (m *machine) stalled(from, to time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.ContainsFunc(m.stalls, func(s stall) bool { return s.from.Before(to) && s.to.After(from) })
}

// memory watches how much the replica holds that lives from the beginning to the end.
type memory struct {
	mu      sync.Mutex
	samples []int // KiB, one a second
}

func (m *memory) watch(ctx context.Context, s *soak) {
	for {
		wait(ctx, time.Second)
		if ctx.Err() != nil {
			return
		}
		if u, err := s.steady.usage(); err == nil && s.load.Load() {
			m.mu.Lock()
			m.samples = append(m.samples, u.Resident)
			m.mu.Unlock()
		}
	}
}

// from forgets what was before.
func (m *memory) from() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.samples = nil
}

// ends are the medians of the third fifth, when all there is has been used, and of the last one.
func (m *memory) ends() (early, late int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	median := func(some []int) int {
		if len(some) == 0 {
			return 0
		}
		return slices.Sorted(slices.Values(some))[len(some)/2]
	}
	n := len(m.samples)
	return median(m.samples[n*2/5 : n*3/5]), median(m.samples[n*4/5:])
}

// judge allows for noise.
func (m *memory) judge(s *soak) {
	const share, more = 1.25, 16 << 10
	if early, late := m.ends(); float64(late) > share*float64(early)+more {
		s.broken(ruleMemory, fmt.Sprintf("%d MiB in the middle, %d MiB in the end", early>>10, late>>10))
	}
}
