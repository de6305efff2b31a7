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
	return first(s.levels(turn, at), cause, func(a *answer) (Answer, bool) { return a.to(turn) })
}

// Unread returns what is answered to a call of a webhook that fails before anything of its turn is read: what the webhook's
// fallback says or, on ES, the global one, as far as that does not depend on the turn. The words are those for all languages, or of the
// only one that there is. Find's other rules hold.
func (s *Set) Unread(platform dialogflow.Platform, webhook string, cause Cause) (Answer, bool) {
	if s == nil {
		return Answer{}, false
	}
	levels := []*level{s.webhooks[webhook]}
	if platform == dialogflow.ES {
		levels = append(levels, s.global)
	}
	return first(levels, cause, func(a *answer) (Answer, bool) { return a.unread(platform) })
}

// first returns the answer of the first level that has one, the cause's own before the general one.
func first(levels []*level, cause Cause, find func(*answer) (Answer, bool)) (Answer, bool) {
	for _, l := range levels {
		if l == nil {
			continue
		}
		for _, a := range [...]*answer{l.causes[cause], l.general} {
			if found, ok := find(a); ok {
				return found, true
			}
		}
	}
	return Answer{}, false
}

// levels returns the fallbacks that a turn may have, best first; nil where there is none.
func (s *Set) levels(turn *dialogflow.Turn, at Place) (all []*level) {
	if at.Route >= 0 && at.Route < len(s.routes) {
		all = append(all, s.routes[at.Route])
	}
	for i := range s.turns {
		if s.turns[i].rule.Match(turn) {
			all = append(all, s.turns[i].level)
		}
	}
	all = append(all, s.services[at.Service], s.webhooks[at.Webhook])
	if turn.Platform == dialogflow.ES {
		all = append(all, s.global)
	}
	return all
}
