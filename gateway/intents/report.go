package intents

import (
	"slices"
	"time"
)

// Report is what is known of a service, for people.
type Report struct {
	Service, Source string
	Loaded          time.Time // when the descriptors that are in force came; zero: never
	Read            time.Time // when the service's descriptors were last read well, be they new or not
	Err             error     // why they could not be read since
	Methods         []*Method // that answer intents, by name; not to be changed
	Problems        []Problem // why something that it claims is not served
}

// Report returns what is known of each service, in the order of precedence.
func (c *Catalog) Report() []Report {
	reports := make([]Report, len(c.config.Services))
	for i, service := range c.config.Services {
		reports[i], _ = c.ReportOf(service.Name)
	}
	return reports
}

// ReportOf returns what is known of a service; false: it may claim nothing.
func (c *Catalog) ReportOf(name string) (Report, bool) {
	i := c.index(name)
	if i < 0 {
		return Report{}, false
	}
	known := c.snapshot(i)
	return Report{
		Service: name, Source: c.config.Services[i].Source, Loaded: known.loaded, Read: known.read, Err: known.err,
		Methods: known.methods, Problems: slices.Concat(known.problems, known.taken),
	}, true
}

// Problem is why something that a service claims is not served.
type Problem struct {
	Kind    Kind
	Element string // the method, message or field, with the file that declares it
	Text    string // what was seen, and what to do
}

// Kind is the kind of a Problem.
type Kind string

// The kinds of problems. All but the first may be what is wanted.
const (
	Broken  Kind = "broken"  // the method cannot be bound
	Refused Kind = "refused" // the claim is not allowed
	Taken   Kind = "taken"   // an earlier claim has the name
)
