package router

import (
	"fmt"

	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// draft is how a match asks for the environment that sessions leave out. ES sessions may write it, too.
const draft = "-"

// platforms are those that a rule takes turns of: bit p for platform p.
type platforms uint8

const both = platforms(1<<dialogflow.ES | 1<<dialogflow.CX)

// Rule is a Match made ready. It is safe for concurrent use; the zero Rule takes no turn.
type Rule struct {
	platforms                             platforms
	project, agent, environment, language string
	intent, action, tag                   glob
}

// NewRule returns the rule of a match. Its error says why there are no turns that it could take.
func NewRule(m Match) (Rule, error) {
	on := both
	switch m.Platform {
	case 0:
	case dialogflow.ES, dialogflow.CX:
		on = 1 << m.Platform
	default:
		return Rule{}, fmt.Errorf("has platform %d: there are ES and CX only", m.Platform)
	}
	for _, field := range []struct {
		name, value string
		only        dialogflow.Platform
	}{{"agent", m.Agent, dialogflow.CX}, {"action", m.Action, dialogflow.ES}, {"tag", m.Tag, dialogflow.CX}} {
		if field.value == "" {
			continue
		}
		if on &= 1 << field.only; on == 0 {
			return Rule{}, fmt.Errorf("can never match: only %s has %s, and the match (%s) leaves no turn of %s; "+
				"remove %s or make it two routes", field.only, field.name, m, field.only, field.name)
		}
	}
	return Rule{
		platforms: on,
		project:   m.Project, agent: m.Agent, environment: m.Environment, language: m.Language,
		intent: newGlob(m.Intent), action: newGlob(m.Action), tag: newGlob(m.Tag),
	}, nil
}

// Match reports whether the rule takes a turn. It does not allocate.
func (r *Rule) Match(turn *dialogflow.Turn) bool {
	return r.platforms>>turn.Platform&1 == 1 &&
		(r.project == "" || r.project == turn.Session.Project) &&
		(r.agent == "" || r.agent == turn.Session.Agent) &&
		takesEnvironment(r.environment, turn.Session.Environment) &&
		takesLanguage(r.language, turn.Language) &&
		r.intent.match(turn.Intent.DisplayName) &&
		r.action.match(turn.Action) &&
		r.tag.match(turn.Tag)
}

// Takes reports whether there are turns of a platform that the rule takes.
func (r *Rule) Takes(p dialogflow.Platform) bool { return r.platforms>>p&1 == 1 }

// Contains reports whether r takes every turn of platform p that other takes.
//
// It is enough to look at one field and one earlier rule at a time: all fields but the platform have endlessly many
// values and no way to say "not", so there is always a turn with values that no rule names except by taking all, and
// several rules together take such turns only if one of them does.
func (r *Rule) Contains(p dialogflow.Platform, other *Rule) bool {
	return r.Takes(p) &&
		(r.project == "" || r.project == other.project) &&
		(r.agent == "" || r.agent == other.agent) &&
		(r.environment == "" || r.environment == other.environment) &&
		takesLanguage(r.language, other.language) &&
		r.intent.contains(other.intent) &&
		r.action.contains(other.action) &&
		r.tag.contains(other.tag)
}

// Overlaps reports whether there are turns of platform p that both take.
func (r *Rule) Overlaps(p dialogflow.Platform, other *Rule) bool {
	same := func(a, b string) bool { return a == "" || b == "" || a == b }
	return r.Takes(p) && other.Takes(p) &&
		same(r.project, other.project) && same(r.agent, other.agent) && same(r.environment, other.environment) &&
		(takesLanguage(r.language, other.language) || takesLanguage(other.language, r.language)) &&
		r.intent.overlaps(other.intent) && r.action.overlaps(other.action) && r.tag.overlaps(other.tag)
}

func takesEnvironment(wanted, seen string) bool {
	return wanted == "" || wanted == seen || wanted == draft && seen == ""
}

// takesLanguage reports whether seen is wanted or begins with it and a separator. Languages are free text; in what is
// written as a tag neither the case nor `_` for `-` means anything.
func takesLanguage(wanted, seen string) bool {
	if len(seen) < len(wanted) {
		return false
	}
	for i := range len(wanted) {
		if fold(wanted[i]) != fold(seen[i]) {
			return false
		}
	}
	return wanted == "" || len(seen) == len(wanted) || fold(seen[len(wanted)]) == '-'
}

func fold(b byte) byte {
	switch {
	case b == '_':
		return '-'
	case 'A' <= b && b <= 'Z':
		return b + ('a' - 'A')
	default:
		return b
	}
}
