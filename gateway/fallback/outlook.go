package fallback

import (
	"slices"
	"strings"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/router"
)

// Outlook is what turns in a language are answered where they fail for a cause.
type Outlook struct {
	Cause    Cause
	Language string // as the configuration has it; empty: any that it does not name
	Answer   Answer // At is empty where nothing is configured
}

// Look returns what the turns of a match on a platform are answered, for each cause and each language that the configuration names.
// Partly names the fallbacks that only some of these turns have.
func (s *Set) Look(platform dialogflow.Platform, match router.Match, at Place) (all []Outlook, partly []string) {
	// A pattern is contained in another one if that matches it as a text; a name that nobody has is contained in none.
	const nobodys = "\x00"
	turn := &dialogflow.Turn{Platform: platform, Action: match.Action, Tag: match.Tag, Intent: dialogflow.Intent{DisplayName: match.Intent}}
	turn.Session = dialogflow.Session{Project: match.Project, Agent: match.Agent, Environment: match.Environment}
	if match.Environment == "" {
		turn.Session.Environment = nobodys
	}
	for _, language := range s.languages(match.Language) {
		turn.Language = language
		for _, cause := range Causes() {
			answer, _ := s.Find(turn, at, cause)
			all = append(all, Outlook{cause, language, answer})
		}
	}
	if !slices.ContainsFunc(all, func(o Outlook) bool { return !strings.HasPrefix(o.Answer.At, "routes[") }) {
		return all, nil // they come before those of turns
	}
	match.Platform = platform
	rule, _ := router.NewRule(match) // a match of the configuration's
	for _, turns := range s.turns {
		if !turns.rule.Overlaps(platform, &rule) {
			continue
		}
		turns.match.Language = "" // languages are told apart
		if whole, err := router.NewRule(turns.match); err == nil && !whole.Contains(platform, &rule) {
			partly = append(partly, turns.at+" ("+turns.match.String()+")")
		}
	}
	return all, partly
}

// languages returns those that the configuration names within one, and after them that one; empty: all.
func (s *Set) languages(within string) (all []string) {
	inside, _ := router.NewRule(router.Match{Language: within}) // there are turns of any language
	for _, language := range s.named {
		if inside.Match(&dialogflow.Turn{Platform: dialogflow.ES, Language: language}) && language != within {
			all = append(all, language)
		}
	}
	slices.Sort(all)
	return append(slices.Compact(all), within)
}
