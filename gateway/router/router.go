package router

import (
	"errors"
	"fmt"
	"slices"

	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// Route sends the turns that its match takes to a service.
type Route struct {
	Match
	// Service is the name of the service.
	Service string
	// WebhookJSON hands the service the webhook request as it came, too.
	WebhookJSON bool
}

// Router holds the routes in their order. It is safe for concurrent use.
type Router struct {
	routes []Route
	rules  []rule // of the route at the same place
}

// New returns a Router for routes, first match first. Its error joins everything that is wrong with them: a route
// without a service, with a match that contradicts itself, or of which earlier routes take everything. Routes are
// numbered from 1 there.
func New(routes []Route) (*Router, error) {
	router := &Router{routes: slices.Clone(routes), rules: make([]rule, len(routes))}
	var problems []error
	for i, route := range routes {
		if route.Service == "" {
			problems = append(problems, fmt.Errorf("routes[%d] names no service", i+1))
		}
		rule, err := newRule(route.Match)
		if err != nil {
			problems = append(problems, fmt.Errorf("routes[%d] %w", i+1, err))
			continue // its rule stays zero: it takes no turn and hides no other route
		}
		router.rules[i] = rule
		if err := router.shadow(i); err != nil {
			problems = append(problems, err)
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return router, nil
}

// shadow returns an error when earlier routes take every turn that the one at index i would.
func (r *Router) shadow(i int) error {
	var on []dialogflow.Platform
	var by []int
	for _, p := range []dialogflow.Platform{dialogflow.ES, dialogflow.CX} {
		if r.rules[i].platforms>>p&1 == 0 {
			continue
		}
		earlier := slices.IndexFunc(r.rules[:i], func(e rule) bool { return e.containsOn(p, &r.rules[i]) })
		if earlier < 0 {
			return nil
		}
		on, by = append(on, p), append(by, earlier)
	}
	if by[0] == by[len(by)-1] {
		return fmt.Errorf("routes[%d] can never match: routes[%d] takes all of it; "+
			"move routes[%[1]d] (%[3]s) before routes[%[2]d] (%[4]s), or remove it",
			i+1, by[0]+1, r.routes[i].Match, r.routes[by[0]].Match)
	}
	return fmt.Errorf("routes[%d] can never match: routes[%d] takes all of it on %s and routes[%d] on %s; "+
		"move routes[%[1]d] (%[6]s) before them, or remove it",
		i+1, by[0]+1, on[0], by[1]+1, on[1], r.routes[i].Match)
}

// Find returns the first route that takes turn, and false when none does. The route is the Router's own and must not
// be changed. Find does not allocate.
func (r *Router) Find(turn *dialogflow.Turn) (*Route, bool) {
	for i := range r.rules {
		if r.rules[i].match(turn) {
			return &r.routes[i], true
		}
	}
	return nil, false
}

// Routes returns a copy of the routes in their order.
func (r *Router) Routes() []Route {
	return slices.Clone(r.routes)
}
