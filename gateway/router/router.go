package router

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// Route sends the turns that its match takes to a service.
type Route struct {
	Match
	// Service is the name of the service.
	Service string
	// WebhookJSON hands the service the webhook request as it came, too.
	WebhookJSON bool
	// AfterSlotFilling leaves turns of ES to the agent while it collects required parameters.
	AfterSlotFilling bool
	// ContinueFor is how long a turn of ES may take in all, if its answer is fetched by a later one; 0: it is not.
	ContinueFor time.Duration
	// Index is the route's place among all; New fills it in.
	Index int
}

// General says that the route asks for no intent, action or tag: it gives way to a method that claims the turn.
func (r *Route) General() bool { return r.Intent == "" && r.Action == "" && r.Tag == "" }

// Router holds the routes in their order. It is safe for concurrent use.
type Router struct {
	routes []Route
	rules  []Rule // of the route at the same place
	index  index
}

// RouteError says what is wrong with one route.
type RouteError struct {
	Route   int // its index
	Problem string
}

// Error returns the problem with the index, as the configuration counts.
func (e *RouteError) Error() string { return fmt.Sprintf("routes[%d] %s", e.Route, e.Problem) }

// New returns a Router for routes, first match first. Its error joins a *RouteError for each route without a service, with a
// match that contradicts itself, or of which earlier routes take everything.
func New(routes []Route) (*Router, error) {
	router := &Router{routes: slices.Clone(routes), rules: make([]Rule, len(routes)), index: newIndex()}
	var problems []error
	for i, route := range routes {
		router.routes[i].Index = i
		if route.Service == "" {
			problems = append(problems, &RouteError{i, "names no service"})
		}
		rule, err := NewRule(route.Match)
		if err != nil {
			problems = append(problems, &RouteError{i, err.Error()})
			continue // its rule stays zero: it takes no turn and hides no other route
		}
		router.rules[i] = rule
		if problem := router.shadow(i); problem != "" {
			problems = append(problems, &RouteError{i, problem})
		}
		router.index.add(i, &rule)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return router, nil
}

// shadow says that earlier routes take every turn that the one at index i would, or returns "".
func (r *Router) shadow(i int) string {
	var by []string
	for _, p := range []dialogflow.Platform{dialogflow.ES, dialogflow.CX} {
		if !r.rules[i].Takes(p) {
			continue
		}
		rule := &r.rules[i]
		earlier := r.index.first(rule.intent.exact(), rule.action.exact(), rule.tag.exact(), func(e int) bool {
			return e < i && r.rules[e].Contains(p, rule)
		})
		if earlier < 0 {
			return ""
		}
		if name := fmt.Sprintf("routes[%d] (%s)", earlier, r.routes[earlier].Match); !slices.Contains(by, name) {
			by = append(by, name)
		}
	}
	return fmt.Sprintf("can never match: all of it goes to %s before; move it up, or remove it", strings.Join(by, " and "))
}

// Find returns the first route that takes turn, and false when none does. The route is the Router's own and must not
// be changed. Find does not allocate.
func (r *Router) Find(turn *dialogflow.Turn) (*Route, bool) {
	i := r.index.first(turn.Intent.DisplayName, turn.Action, turn.Tag, func(i int) bool { return r.rules[i].Match(turn) })
	if i < 0 {
		return nil, false
	}
	return &r.routes[i], true
}

// Routes returns a copy of the routes in their order.
func (r *Router) Routes() []Route {
	return slices.Clone(r.routes)
}
