package intents

import (
	"context"
	"crypto/sha256"
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

	described *Method
}

// patience bounds the time in which a service has to describe itself.
const patience = 10 * time.Second

// Catalog holds what services claim. It is safe for concurrent use.
type Catalog struct {
	config  Config
	zones   map[string]*time.Location // of the views, by name
	current atomic.Pointer[map[View]inForce]

	loading []sync.Mutex    // of each service, held while its descriptors are loaded
	asked   []chan struct{} // of each service, for who follows it

	mu    sync.Mutex
	known []knowledge // of each service
}

// inForce is what turns of a view are answered by.
type inForce struct {
	claims *router.Claims[*Target]
	// awaited are the names of turns that a service may claim which has not told yet what it does.
	awaited *router.Claims[string]
}

// knowledge is what is known of a service.
type knowledge struct {
	hash     [sha256.Size]byte // of the descriptors that it was made of
	methods  []*Method
	problems []Problem
	taken    []Problem // which of the claims earlier ones have taken
	loaded   time.Time // when it came; zero: never
	read     time.Time // when the descriptors were last read well
	err      error     // why they could not be read since
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
	c.config.Views = nil
	for _, view := range config.Views {
		if slices.Contains(c.config.Views, view) {
			continue // two webhooks that differ in what methods do not see
		}
		c.config.Views = append(c.config.Views, view)
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
	if now, ok := (*c.current.Load())[view]; ok {
		return now.claims.Find(turn)
	}
	return nil, false
}

// Awaited returns a service that may claim a turn, but has never told yet whether it does. Nobody else is to answer the
// turn then, or say that there is nobody who would.
func (c *Catalog) Awaited(view View, turn *dialogflow.Turn) (service string, ok bool) {
	if now, ok := (*c.current.Load())[view]; ok {
		return now.awaited.Find(turn)
	}
	return "", false
}

// Claims returns what turns are answered by, of each view in the order in which it is tried. Nothing in it is to be changed.
func (c *Catalog) Claims() (all []*router.Claim[*Target]) {
	now := *c.current.Load()
	for _, view := range c.config.Views {
		all = append(all, now[view].claims.All()...)
	}
	return all
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
	before := c.snapshot(i)
	next, err := c.read(ctx, service, &before)
	if err != nil {
		err = fmt.Errorf("service %s: descriptors of %s: %w", name, service.Source, err)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.known[i].err = err
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if changed = before.loaded.IsZero() || next.hash != before.hash; !changed {
		c.known[i].read, c.known[i].err = next.read, nil
		return false, nil
	}
	c.known[i] = next
	c.config.Logger.InfoContext(ctx, "Intents learnt", "service", name, "source", service.Source, "methods", len(next.methods))
	c.warn(ctx, name, next.problems)
	for i, lost := range c.publish() {
		c.warn(ctx, c.config.Services[i].Name, lost)
	}
	return true, nil
}

// read returns what is to be known of a service: little, if it has not changed.
func (c *Catalog) read(ctx context.Context, service *Service, before *knowledge) (knowledge, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	set, err := service.Load(ctx)
	if err != nil {
		return knowledge{}, err
	}
	next := knowledge{hash: sha256.Sum256(set), loaded: c.config.Now(), read: c.config.Now()}
	if !before.loaded.IsZero() && next.hash == before.hash {
		return next, nil
	}
	descriptors, err := parse(set)
	if err != nil {
		return knowledge{}, err
	}
	next.methods, next.problems = c.learn(service, descriptors, before.methods)
	return next, nil
}

func (c *Catalog) warn(ctx context.Context, service string, problems []Problem) {
	for _, problem := range problems {
		c.config.Logger.WarnContext(ctx, "Intent not served", "service", service, "kind", problem.Kind, "element", problem.Element, "problem", problem.Text)
	}
}

func (c *Catalog) index(name string) int {
	return slices.IndexFunc(c.config.Services, func(s Service) bool { return s.Name == name })
}

func (c *Catalog) snapshot(i int) knowledge {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known[i]
}

// publish puts what is known in force, and returns which claims of each service have lost theirs by that. The lock is held.
func (c *Catalog) publish() (lost [][]Problem) {
	views := map[View]inForce{}
	taken := make([][]Problem, len(c.known))
	for _, view := range c.config.Views {
		all, services := c.claims(view)
		claims, losers := router.NewClaims(all)
		awaited, _ := router.NewClaims(c.unknown(view))
		views[view] = inForce{claims, awaited}
		for _, loser := range losers {
			i := services[loser.Claim]
			if len(taken[i]) == maxProblems {
				continue
			}
			if problem := c.loss(&all[loser.Claim], &all[loser.Earlier], i == services[loser.Earlier]); !slices.Contains(taken[i], problem) {
				taken[i] = append(taken[i], problem)
			}
		}
	}
	c.current.Store(&views)
	lost = make([][]Problem, len(c.known))
	for i := range c.known {
		for _, problem := range taken[i] {
			if !slices.Contains(c.known[i].taken, problem) {
				lost[i] = append(lost[i], problem)
			}
		}
		c.known[i].taken = taken[i]
	}
	return lost
}

// loss says which claim has been taken by which.
func (c *Catalog) loss(claim, winner *router.Claim[*Target], same bool) Problem {
	whose := "the same service: intents.allow.services chooses between versions of a contract"
	if !same {
		whose = "service " + winner.Method.Service + ", which stands earlier in the configuration"
	}
	return Problem{
		Taken, short(element(claim.Method.described.Descriptor)),
		short(fmt.Sprintf("the %s %q is answered by %s of %s", claim.Key, claim.Pattern, winner.Method.described.Name, whose)),
	}
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
			target := &Target{Service: service.Name, Method: plan, described: method}
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

// unknown returns all that services may claim of which nothing is known yet. The lock is held.
func (c *Catalog) unknown(view View) (claims []router.Claim[string]) {
	for i, service := range c.config.Services {
		if !c.known[i].loaded.IsZero() {
			continue
		}
		for key, patterns := range [...][]string{
			router.Intent: service.Allow.Intents, router.Action: service.Allow.Actions, router.Tag: service.Allow.Tags,
		} {
			for _, pattern := range patterns {
				if key := router.Key(key); key.Platform() == view.Platform {
					claims = append(claims, router.Claim[string]{
						Key: key, Pattern: pattern, Method: service.Name, Agents: service.Allow.Agents, Environments: service.Allow.Environments,
					})
				}
			}
		}
	}
	return claims
}
