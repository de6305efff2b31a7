// Package admission bounds what turns in work take of the gateway: how many there are, how much of their bodies is held, and how
// much of both one project has. Who is turned away is told at once, since waiting would cost Dialogflow's time.
package admission

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Limits are what there is. Turns and HeldBytes must be given.
type Limits struct {
	Turns     int   // in work at a time
	HeldBytes int64 // of their bodies
	// Shared says that several projects come: none of them has more than three quarters of Turns.
	Shared bool
	// PerSecond bounds the turns of one project, with room for those of one second at once; 0: nothing does.
	PerSecond int
}

func (l *Limits) share() int64 { return max(1, int64(l.Turns)*3/4) }

// Reason is why a turn is turned away, as the log and the metrics name it; None: it is not.
type Reason string

// The reasons.
const (
	None  Reason = ""
	Turns Reason = "overloaded_turns" // there are as many as there may be
	Bytes Reason = "overloaded_bytes" // their bodies take what there is
	Share Reason = "project_share"    // the turn's project has its share
	Rate  Reason = "project_rate"     // it comes too often
)

// Control counts the turns of a process. It is safe for concurrent use; nil admits everything.
type Control struct {
	now          func() time.Time
	limits       atomic.Pointer[Limits]
	turns, bytes atomic.Int64

	mu       sync.Mutex
	projects map[string]*project
}

// project is one whose turns are counted, under the Control's mutex; that of no name are all that nothing proves.
type project struct {
	turns int64
	rate  *rate.Limiter // nil: it was not asked for yet
}

// maxProjects bounds the projects that are remembered. What is more counts as proven by nothing.
const maxProjects = 1024

// New returns a Control with limits, which are counted by a clock.
func New(limits Limits, now func() time.Time) (*Control, error) {
	if now == nil {
		return nil, errors.New("admission: the clock is missing")
	}
	c := &Control{now: now, projects: map[string]*project{}}
	return c, c.Set(limits)
}

// Set puts other limits in force. Turns that were admitted stay.
func (c *Control) Set(limits Limits) error {
	if limits.Turns <= 0 || limits.HeldBytes <= 0 || limits.PerSecond < 0 {
		return errors.New("admission: Turns and HeldBytes are needed, and PerSecond is 0 or more")
	}
	c.limits.Store(&limits)
	return nil
}

// InUse returns the number of turns in work, and the bytes that are held for them.
func (c *Control) InUse() (turns, bytes int64) { return c.turns.Load(), c.bytes.Load() }

// Limits returns those in force.
func (c *Control) Limits() Limits { return *c.limits.Load() }

// Place is what a turn takes. It belongs to one goroutine; its zero value takes nothing.
type Place struct {
	control *Control
	project *project
	held    int64
}

// Enter takes the place of a turn, for a project that is proven; empty: none is, or not yet. After Reason None it must be given
// back.
func (c *Control) Enter(project string) (Place, Reason) {
	if c == nil {
		return Place{}, None
	}
	p := Place{control: c}
	if c.turns.Add(1) > int64(c.limits.Load().Turns) {
		c.turns.Add(-1)
		return Place{}, Turns
	}
	if reason := p.Claim(project); reason != None {
		p.Leave()
		return Place{}, reason
	}
	return p, None
}

// Claim has the turn count for a project, now that it is proven. After another Reason than None it counts for what it did before.
func (p *Place) Claim(name string) Reason {
	if p.control == nil {
		return None
	}
	limits := p.control.limits.Load()
	if !limits.Shared && limits.PerSecond == 0 {
		return None
	}
	p.control.mu.Lock()
	defer p.control.mu.Unlock()
	to := p.control.project(name)
	switch {
	case to == p.project:
		return None
	case limits.Shared && to.turns >= limits.share():
		return Share
	case limits.PerSecond > 0 && name != "" && !to.allow(limits.PerSecond, p.control.now()):
		return Rate
	}
	if p.project != nil {
		p.project.turns--
	}
	to.turns++
	p.project = to
	return None
}

// project returns one by its name.
func (c *Control) project(name string) *project {
	if p := c.projects[name]; p != nil {
		return p
	}
	if len(c.projects) >= maxProjects {
		for other, p := range c.projects {
			if p.turns == 0 {
				delete(c.projects, other)
			}
		}
		if len(c.projects) >= maxProjects && name != "" {
			return c.project("")
		}
	}
	p := &project{}
	c.projects[name] = p
	return p
}

// allow says whether one turn more is within the rate.
func (p *project) allow(perSecond int, now time.Time) bool {
	if p.rate == nil || p.rate.Burst() != perSecond {
		p.rate = rate.NewLimiter(rate.Limit(perSecond), perSecond)
	}
	return p.rate.AllowN(now, 1)
}

// Hold takes bytes more, and says whether there are so many.
func (p *Place) Hold(bytes int64) bool {
	if p.control == nil {
		return true
	}
	if p.control.bytes.Add(bytes) > p.control.limits.Load().HeldBytes {
		p.control.bytes.Add(-bytes)
		return false
	}
	p.held += bytes
	return true
}

// Leave gives everything back. More than once does no harm.
func (p *Place) Leave() {
	if p.control == nil {
		return
	}
	p.control.bytes.Add(-p.held)
	p.control.turns.Add(-1)
	if p.project != nil {
		p.control.mu.Lock()
		p.project.turns--
		p.control.mu.Unlock()
	}
	*p = Place{}
}
