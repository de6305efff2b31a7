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

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/words"
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
	// Reprompts are what users hear where the value of a field will not do, by the field's full name.
	Reprompts map[protoreflect.FullName]*words.Texts
	// Source is where the descriptors come from, for people: a file's path or a target.
	Source string
	// Load returns the service's descriptors, a google.protobuf.FileDescriptorSet.
	Load func(ctx context.Context) ([]byte, error)
	// Known are descriptors that were loaded before, to go by until they are loaded again; or nil.
	Known []byte
}

// Allow bounds what a service may claim. Every name may hold `*`.
type Allow struct {
	Intents, Actions, Tags []string // none: none
	Services               []string // full names of gRPC services; none: all
	Agents, Environments   []string // none: all
}

// patience bounds the time in which a service has to describe itself.
const patience = 10 * time.Second

// Catalog holds what services claim. It is safe for concurrent use.
type Catalog struct {
	config  Config
	zones   map[string]*time.Location // of the views, by name
	current atomic.Pointer[map[View]inForce]
	secrets atomic.Pointer[secrets]

	loading []sync.Mutex    // of each service, held while its descriptors are loaded
	asked   []chan struct{} // of each service, for who follows it

	mu    sync.Mutex
	known []knowledge // of each service
}

// knowledge is what is known of a service.
type knowledge struct {
	set      []byte            // the descriptors that it was made of
	hash     [sha256.Size]byte // of the set
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
	for i := range config.Services {
		c.asked = append(c.asked, make(chan struct{}, 1))
		if service := &config.Services[i]; service.Known != nil {
			c.known[i], _ = c.know(service, service.Known, &knowledge{}) // else it is unknown
		}
	}
	c.publish()
	return c, nil
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
	if !before.loaded.IsZero() && next.hash == before.hash {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.known[i].read, c.known[i].err = next.read, nil
		return false, nil
	}
	c.mu.Lock()
	c.known[i] = next
	lost := c.publish()
	c.mu.Unlock()
	c.config.Logger.InfoContext(ctx, "Intents learnt", "service", name, "source", service.Source, "methods", len(next.methods))
	c.warn(ctx, name, next.problems)
	for i, problems := range lost {
		c.warn(ctx, c.config.Services[i].Name, problems)
	}
	return true, nil
}

// Descriptors returns what was last learnt of a service; nil: nothing.
func (c *Catalog) Descriptors(name string) []byte {
	if i := c.index(name); i >= 0 {
		return c.snapshot(i).set
	}
	return nil
}

// read returns what is to be known of a service: little, if it has not changed.
func (c *Catalog) read(ctx context.Context, service *Service, before *knowledge) (_ knowledge, err error) {
	defer caught(&err)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	set, err := service.Load(ctx)
	if err != nil {
		return knowledge{}, err
	}
	return c.know(service, set, before)
}

// caught makes an error of a panic, to which what comes from elsewhere may bring the linker or the compiler.
func caught(err *error) {
	if panicked := recover(); panicked != nil {
		*err = fmt.Errorf("descriptors that cannot be learnt: %v", panicked)
	}
}

// know learns from descriptors.
func (c *Catalog) know(service *Service, set []byte, before *knowledge) (_ knowledge, err error) {
	defer caught(&err)
	next := knowledge{set: set, hash: sha256.Sum256(set), loaded: c.config.Now(), read: c.config.Now()}
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
