package intents

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/router"
)

// Config is what a Catalog is made of. All of it is needed.
type Config struct {
	Services []Service // in the order of precedence
	Views    []View    // of all webhooks
	Logger   *slog.Logger
	Now      func() time.Time
}

// Service is a service that may claim intents.
type Service struct {
	Name  string
	Allow Allow
	// Bindings are the annotations of methods that have none, by the method: `shop.orders.v1.OrderService/TrackOrder`.
	Bindings map[string]*binding.Annotations
	// Source is where the descriptors come from, for people: a file's path or a target.
	Source string
	// Load returns the service's descriptors, a google.protobuf.FileDescriptorSet.
	Load func(ctx context.Context) ([]byte, error)
}

// Allow bounds what a service may claim. Every name may hold `*`.
type Allow struct {
	Intents, Actions, Tags []string // none: none
	Services               []string // full names of gRPC services; none: all
	Agents, Environments   []string // none: all
}

// View is what the plan of a method depends on beside its descriptor.
type View struct {
	Platform dialogflow.Platform
	TimeZone string // of the IANA database; empty: none
}

// Target is a method that answers a turn.
type Target struct {
	Service string
	Method  *binding.Method
}

// Catalog holds what services claim. It is safe for concurrent use.
type Catalog struct {
	config  Config
	zones   map[string]*time.Location // of the views, by name
	current atomic.Pointer[map[View]*router.Claims[*Target]]

	loading []sync.Mutex    // of each service, held while its descriptors are loaded
	asked   []chan struct{} // of each service, for who follows it

	mu        sync.Mutex
	known     []knowledge     // of each service
	conflicts map[Problem]int // claims that an earlier one has taken, with the service that loses
}

// knowledge is what is known of a service.
type knowledge struct {
	set      []byte // which it was made of
	methods  []*Method
	problems []Problem
	loaded   time.Time // when the descriptors that are in force came
	err      error     // why the last ones could not be read
}

// New returns a catalog that knows nothing yet: Load fills it.
func New(config Config) (*Catalog, error) {
	if config.Logger == nil || config.Now == nil {
		return nil, errors.New("intents: Logger and Now are needed")
	}
	for _, service := range config.Services {
		if service.Load == nil {
			return nil, fmt.Errorf("intents: service %s has no source of descriptors", service.Name)
		}
	}
	c := &Catalog{config: config, zones: map[string]*time.Location{}, loading: make([]sync.Mutex, len(config.Services)), known: make([]knowledge, len(config.Services))}
	for _, view := range config.Views {
		if view.TimeZone == "" {
			continue
		}
		zone, err := time.LoadLocation(view.TimeZone)
		if err != nil {
			return nil, fmt.Errorf("intents: time zone %q: %w", view.TimeZone, err)
		}
		c.zones[view.TimeZone] = zone
	}
	for range config.Services {
		c.asked = append(c.asked, make(chan struct{}, 1))
	}
	c.publish()
	return c, nil
}

// Find returns the method that answers a turn, seen from a webhook; false if no service claims it.
func (c *Catalog) Find(view View, turn *dialogflow.Turn) (*Target, bool) {
	claims := (*c.current.Load())[view]
	if claims == nil {
		return nil, false
	}
	return claims.Find(turn)
}

// Load learns what a service claims now, and tells whether that is something new. Where it returns an error, what was known
// stays in force.
func (c *Catalog) Load(ctx context.Context, name string) (changed bool, err error) {
	i := c.index(name)
	if i < 0 {
		return false, fmt.Errorf("intents: there is no service %q", name)
	}
	service := &c.config.Services[i]
	c.loading[i].Lock()
	defer c.loading[i].Unlock()
	set, err := service.Load(ctx)
	if err == nil && c.same(i, set) {
		return false, nil
	}
	var next knowledge
	if err == nil {
		next, err = c.learn(service, set)
	}
	if err != nil {
		err = fmt.Errorf("service %s: descriptors of %s: %w", name, service.Source, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.known[i].err = err
		return false, err
	}
	c.known[i] = next
	lost := c.publish()
	c.config.Logger.InfoContext(ctx, "Intents learnt", "service", name, "source", service.Source, "methods", len(next.methods))
	for _, problem := range next.problems {
		c.warn(ctx, name, problem)
	}
	for _, problem := range lost {
		c.warn(ctx, c.config.Services[c.conflicts[problem]].Name, problem)
	}
	return true, nil
}

func (c *Catalog) warn(ctx context.Context, service string, problem Problem) {
	c.config.Logger.WarnContext(ctx, "Intent not served", "service", service, "element", problem.Element, "problem", problem.Text)
}

func (c *Catalog) index(name string) int {
	return slices.IndexFunc(c.config.Services, func(s Service) bool { return s.Name == name })
}

// same says that nothing has changed, and forgets a failure.
func (c *Catalog) same(i int, set []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := &c.known[i]
	if known.loaded.IsZero() || !bytes.Equal(known.set, set) {
		return false
	}
	known.err = nil
	return true
}

// publish puts what is known in force, and returns which claims have lost theirs by that. The lock is held.
func (c *Catalog) publish() (lost []Problem) {
	views := map[View]*router.Claims[*Target]{}
	conflicts := map[Problem]int{}
	for _, view := range c.config.Views {
		all, services := c.claims(view)
		claims, losers := router.NewClaims(all)
		views[view] = claims
		for _, loser := range losers {
			claim, winner := &all[loser.Claim], all[loser.Earlier].Method
			problem := Problem{claim.Method.Method.Name, fmt.Sprintf("the %s %q is answered by %s of service %s, which stands earlier in the configuration",
				claim.Key, claim.Pattern, winner.Method.Name, winner.Service)}
			if _, known := c.conflicts[problem]; !known {
				lost = append(lost, problem)
			}
			conflicts[problem] = services[loser.Claim]
		}
	}
	c.conflicts = conflicts
	c.current.Store(&views)
	return lost
}

// claims returns the claims of all services on turns of a view, in the order of precedence, and the index of the service
// of each. The lock is held.
func (c *Catalog) claims(view View) (claims []router.Claim[*Target], services []int) {
	for i, service := range c.config.Services {
		for _, method := range c.known[i].methods {
			plan := method.Plans[view]
			if plan == nil {
				continue
			}
			target := &Target{Service: service.Name, Method: plan}
			for _, claim := range method.Claims {
				if claim.Key.Platform() != view.Platform {
					continue
				}
				services = append(services, i)
				claims = append(claims, router.Claim[*Target]{
					Key: claim.Key, Pattern: claim.Pattern, Method: target,
					Agents: service.Allow.Agents, Environments: service.Allow.Environments,
				})
			}
		}
	}
	return claims, services
}

// Report is what is known of a service, for people.
type Report struct {
	Service, Source string
	Loaded          time.Time // when the descriptors that are in force came; zero: never
	Err             error     // why the last ones could not be used
	Methods         []*Method // by name; not to be changed
	Problems        []Problem // why something that it claims is not served
}

// Report returns what is known of each service, in the order of precedence.
func (c *Catalog) Report() []Report {
	c.mu.Lock()
	defer c.mu.Unlock()
	reports := make([]Report, len(c.known))
	for i, service := range c.config.Services {
		known := &c.known[i]
		reports[i] = Report{service.Name, service.Source, known.loaded, known.err, known.methods, slices.Clone(known.problems)}
	}
	for problem, i := range c.conflicts {
		reports[i].Problems = append(reports[i].Problems, problem)
	}
	for i := range reports {
		slices.SortFunc(reports[i].Problems, func(a, b Problem) int { return cmp.Or(cmp.Compare(a.Element, b.Element), cmp.Compare(a.Text, b.Text)) })
	}
	return reports
}
