package admission

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

func control(t *testing.T, limits Limits) (*Control, *time.Time) {
	t.Helper()
	now := time.Unix(1e9, 0)
	c, err := New(limits, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	return c, &now
}

// enter enters for a project, and wants a reason.
func enter(t *testing.T, c *Control, project string, want Reason) *Place {
	t.Helper()
	p, reason := c.Enter(project)
	if reason != want {
		t.Fatalf("%q enters: %q, want %q", project, reason, want)
	}
	return &p
}

func inUse(t *testing.T, c *Control, wantTurns, wantBytes int64) {
	t.Helper()
	if turns, bytes := c.InUse(); turns != wantTurns || bytes != wantBytes {
		t.Errorf("%d turns and %d bytes in use, want %d and %d", turns, bytes, wantTurns, wantBytes)
	}
}

func TestTurns(t *testing.T) {
	c, _ := control(t, Limits{Turns: 2, HeldBytes: 100})
	first, second := enter(t, c, "", None), enter(t, c, "shop", None)
	enter(t, c, "bank", Turns)
	first.Leave()
	first.Leave() // twice is once
	enter(t, c, "shop", None).Leave()
	second.Leave()
	inUse(t, c, 0, 0)
	if err := c.Set(Limits{Turns: 1, HeldBytes: 100}); err != nil {
		t.Fatal(err)
	}
	enter(t, c, "", None)
	enter(t, c, "", Turns)
}

func TestHeldBytes(t *testing.T) {
	c, _ := control(t, Limits{Turns: 10, HeldBytes: 100})
	a, b := enter(t, c, "", None), enter(t, c, "", None)
	if !a.Hold(60) || b.Hold(41) || !b.Hold(30) || a.Hold(11) || !a.Hold(10) {
		t.Error("bytes are counted otherwise")
	}
	inUse(t, c, 2, 100)
	a.Leave()
	inUse(t, c, 1, 30)
	b.Leave()
	inUse(t, c, 0, 0)
}

// No project has more than three quarters, nor have all together that nothing proves.
func TestShare(t *testing.T) {
	for _, noisy := range []string{"shop", ""} {
		c, _ := control(t, Limits{Turns: 8, HeldBytes: 1, Shared: true})
		for range 6 {
			enter(t, c, noisy, None)
		}
		enter(t, c, noisy, Share)
		inUse(t, c, 6, 0)
		bank := enter(t, c, "bank", None)
		enter(t, c, "bank", None)
		enter(t, c, "bank", Turns)
		bank.Leave()
		enter(t, c, noisy, Share)
	}
	c, _ := control(t, Limits{Turns: 8, HeldBytes: 1}) // one project alone
	for range 8 {
		enter(t, c, "shop", None)
	}
	c, _ = control(t, Limits{Turns: 1, HeldBytes: 1, Shared: true})
	enter(t, c, "shop", None)
}

// A project that is proven later takes its turn over.
func TestClaim(t *testing.T) {
	c, _ := control(t, Limits{Turns: 4, HeldBytes: 1, Shared: true})
	var places []*Place
	for range 3 {
		p := enter(t, c, "", None)
		if reason := p.Claim("shop"); reason != None {
			t.Fatal(reason)
		}
		places = append(places, p)
	}
	late := enter(t, c, "", None)
	if reason := late.Claim("shop"); reason != Share {
		t.Errorf("claimed: %q", reason)
	}
	places[0].Leave()
	for range 2 { // the second time it has it already
		if reason := late.Claim("shop"); reason != None {
			t.Error(reason)
		}
	}
	for _, p := range append(places, late) {
		p.Leave()
	}
	inUse(t, c, 0, 0)
	for name, p := range c.projects {
		if p.turns != 0 {
			t.Errorf("project %q has %d turns left", name, p.turns)
		}
	}
}

func TestRate(t *testing.T) {
	c, now := control(t, Limits{Turns: 100, HeldBytes: 1, PerSecond: 2})
	for range 10 {
		enter(t, c, "", None) // nobody is proven
	}
	spend := func(n int) {
		t.Helper()
		for range n {
			enter(t, c, "shop", None).Leave()
		}
		enter(t, c, "shop", Rate)
	}
	spend(2)
	enter(t, c, "bank", None)
	*now = now.Add(500 * time.Millisecond)
	spend(1)
	*now = now.Add(time.Hour)
	spend(2)
	if err := c.Set(Limits{Turns: 100, HeldBytes: 1, PerSecond: 5}); err != nil {
		t.Fatal(err)
	}
	spend(5)
	inUse(t, c, 11, 0)
}

// What callers are called does not make it grow.
func TestProjectsAreBounded(t *testing.T) {
	c, _ := control(t, Limits{Turns: 1 << 20, HeldBytes: 1, Shared: true})
	for i := range 5 * maxProjects {
		enter(t, c, fmt.Sprint("left-", i), None).Leave()
	}
	var places []*Place
	for i := range 2 * maxProjects {
		places = append(places, enter(t, c, fmt.Sprint("here-", i), None))
	}
	if n := len(c.projects); n > maxProjects+1 {
		t.Errorf("%d projects are remembered", n)
	}
	for _, p := range places {
		p.Leave()
	}
	inUse(t, c, 0, 0)
}

func TestNothingIsBounded(t *testing.T) {
	var c *Control
	p := enter(t, c, "shop", None)
	if !p.Hold(1<<40) || p.Claim("shop") != None {
		t.Error("bounded")
	}
	p.Leave()
}

func TestNewRefusesGaps(t *testing.T) {
	for _, limits := range []Limits{{}, {Turns: 1}, {HeldBytes: 1}, {Turns: 1, HeldBytes: 1, PerSecond: -1}} {
		if _, err := New(limits, time.Now); err == nil {
			t.Errorf("no error for %+v", limits)
		}
	}
	if _, err := New(Limits{Turns: 1, HeldBytes: 1}, nil); err == nil {
		t.Error("no error without a clock")
	}
}

// Whatever happens at a time, nothing is left at the end, and no bound is broken.
func TestCrowd(t *testing.T) {
	limits := Limits{Turns: 40, HeldBytes: 1000, Shared: true, PerSecond: 1e6}
	c, _ := control(t, limits)
	var group sync.WaitGroup
	for worker := range 64 {
		group.Go(func() {
			for i := range 500 {
				p, reason := c.Enter([]string{"", "shop", "bank"}[(worker+i)%3])
				if reason != None {
					continue
				}
				for range i % 4 {
					p.Hold(int64(i % 100))
				}
				_ = p.Claim([]string{"shop", "bank"}[i%2])
				if turns, bytes := c.InUse(); turns > 64 || bytes > 1000+64*100 { // some on their way to be refused
					t.Errorf("%d turns, %d bytes", turns, bytes)
				}
				p.Leave()
			}
		})
	}
	group.Wait()
	inUse(t, c, 0, 0)
}
