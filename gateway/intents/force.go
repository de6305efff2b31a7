package intents

import (
	"fmt"
	"slices"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/router"
)

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

// inForce is what turns of a view are answered by.
type inForce struct {
	claims *router.Claims[*Target]
	// awaited are the names of turns that a service may claim which has not told yet what it does.
	awaited *router.Claims[string]
}

// Find returns the method that answers a turn, seen from a webhook; false if no service claims it.
func (c *Catalog) Find(view View, turn *dialogflow.Turn) (*Target, bool) {
	if now, ok := (*c.current.Load())[view]; ok {
		return now.claims.Find(turn)
	}
	return nil, false
}

// Sensitive reports whether a parameter is never to be told, of whichever turn: a field that is sensitive is made of it, or sets it, in
// some method of a service, or may be so, as long as one has not told yet what it does. Nil is a catalog of no service.
func (c *Catalog) Sensitive(parameter string) bool {
	return c != nil && (*c.secrets.Load()).has(binding.NormalName(parameter))
}

// secrets are the names of parameters that are sensitive; nil: all are.
type secrets map[string]bool

func (s secrets) has(name string) bool { return s == nil || s[name] }

// sensitive returns the names of the parameters that are. The lock is held.
func (c *Catalog) sensitive() secrets {
	all := secrets{}
	for i := range c.known {
		if c.known[i].loaded.IsZero() {
			return nil
		}
		for _, method := range c.known[i].methods {
			for _, plan := range method.Plans {
				for _, name := range plan.Secrets() {
					all[binding.NormalName(name)] = true
				}
			}
		}
	}
	return all
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
	secrets := c.sensitive()
	c.secrets.Store(&secrets)
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
