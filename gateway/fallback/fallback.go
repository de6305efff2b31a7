// Package fallback finds what is answered where a turn has no answer of a service's: words, an event, a page, or an HTTP status
// on purpose, as the configuration says for routes, intents, services and webhooks.
package fallback

import (
	"google.golang.org/grpc/codes"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/router"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// Set holds the fallbacks of a configuration. It is safe for concurrent use; nil has none.
type Set struct {
	routes   []*level          // of the route at the same place
	turns    []turnLevel       // in their order
	services map[string]*level // by name
	webhooks map[string]*level // by path
	global   *level
	named    []string // the languages
}

// level is one fallback of the configuration; nil: none. It holds the answer to each cause, and the general one; nil: none.
type level struct {
	causes  [causes]*answer
	general *answer
}

// to returns what there may be for a cause, the more special first.
func (l *level) to(cause Cause) [2]*answer { return [...]*answer{l.causes[cause], l.general} }

// turnLevel is the fallback of some turns.
type turnLevel struct {
	rule  router.Rule
	match router.Match
	at    string
	*level
}

// Place is where a turn has come to.
type Place struct {
	Webhook string // its path
	Route   int    // the index of the declared route that takes the turn; NoRoute: none does
	Service string // the name of the service that was to answer; empty: not known
}

// NoRoute is the index of no route: a service claims the turn, or nobody takes it.
const NoRoute = -1

// Answer is what is answered instead.
type Answer struct {
	// At says where that stands in the configuration, such as `routes[0].fallback.causes.timeout`.
	At string
	// Reply is what the user hears, and what changes in the conversation; not to be changed. Nil: a status is answered on purpose.
	Reply *intentgatev1.Reply
	// Status is the code of that status; OK: that of the failure.
	Status codes.Code
}

// Find returns what is answered to a turn that failed for a cause; false where nothing is configured. The order is that of
// config.proto: the route's, those of turns, the service's, the webhook's and, on ES, the global one; in each the cause's own
// before the general one. One that has nothing for the platform or the language is passed over.
func (s *Set) Find(turn *dialogflow.Turn, at Place, cause Cause) (Answer, bool) {
	if s == nil {
		return Answer{}, false
	}
	for level := range s.levels(turn, at) {
		for _, a := range level.to(cause) {
			if found, ok := a.to(turn); ok {
				return found, true
			}
		}
	}
	return Answer{}, false
}

// Unread returns what is answered to a call of a webhook that fails before anything of its turn is read: what the webhook's
// fallback says or, on ES, the global one, as far as that does not depend on the turn. The words are those for all languages, or of the
// only one that there is. Find's other rules hold.
func (s *Set) Unread(platform dialogflow.Platform, webhook string, cause Cause) (Answer, bool) {
	if s == nil {
		return Answer{}, false
	}
	levels := []*level{s.webhooks[webhook], s.global}
	if platform != dialogflow.ES {
		levels = levels[:1]
	}
	for _, level := range levels {
		if level == nil {
			continue
		}
		for _, a := range level.to(cause) {
			if found, ok := a.unread(platform); ok {
				return found, true
			}
		}
	}
	return Answer{}, false
}

// levels yields the fallbacks that a turn has, best first.
func (s *Set) levels(turn *dialogflow.Turn, at Place) func(yield func(*level) bool) {
	return func(yield func(*level) bool) {
		if at.Route >= 0 && at.Route < len(s.routes) && s.routes[at.Route] != nil && !yield(s.routes[at.Route]) {
			return
		}
		for i := range s.turns {
			if s.turns[i].rule.Match(turn) && !yield(s.turns[i].level) {
				return
			}
		}
		for _, level := range [...]*level{s.services[at.Service], s.webhooks[at.Webhook]} {
			if level != nil && !yield(level) {
				return
			}
		}
		if s.global != nil && turn.Platform == dialogflow.ES {
			yield(s.global)
		}
	}
}
