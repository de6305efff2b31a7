package backend

import "strings"

// Load is how much a service has to do, and how it fares, at a moment.
type Load struct {
	Circuit  string // closed, open or half_open
	Limit    int    // of calls at once
	InFlight int    // calls
	Queued   int    // calls
	Retries  uint64 // tries beyond the first of a call, so far

	// Ejections is how often an instance was left out, so far. In and Out count the instances that take calls and those that do not,
	// of the connection of the last call. On xds targets all of that is the control plane's, and zero.
	Ejections uint64
	In, Out   int
}

// Circuits are all states of a circuit, as Load has them.
func Circuits() []string { return []string{"closed", "open", "half_open"} }

// Load returns the load of now.
func (c *Client) Load() Load {
	load := Load{
		Circuit: strings.ReplaceAll(c.circuit.breaker.State().String(), "-", "_"),
		Limit:   c.limit.limiter.Limit(), InFlight: c.limit.limiter.Inflight(), Queued: int(c.limit.waiting.Load()),
		Retries: c.retries.made.Load(), Ejections: c.ejections.Load(),
	}
	if over := c.over.Load(); over != nil {
		load.In, load.Out = over.count()
	}
	return load
}
