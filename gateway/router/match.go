package router

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// Match says which turns a route takes: all that is given must hold, and nothing given takes every turn.
//
// In Intent, Action and Tag `*` stands for any run of characters, the empty one included, and case matters; nothing
// else is special. Agent and Tag exist on CX only and Action on ES only, so a match that asks for one of them takes
// turns of that platform alone.
type Match struct {
	Platform    dialogflow.Platform // zero: both
	Project     string              // as the session writes it: ID or number
	Agent       string              // CX: the agent's ID
	Environment string              // `-` is the draft
	Language    string              // `en` takes `en-US` and `EN_us` too
	Intent      string              // the display name; CX: of the intent last matched
	Action      string              // ES
	Tag         string              // CX
}

// Takes reports whether there are turns of a platform that the match takes.
func (m Match) Takes(platform dialogflow.Platform) bool {
	rule, err := NewRule(m)
	return err == nil && rule.Takes(platform)
}

// String returns the match in one line, such as `platform=ES intent=order.*`, or `any`.
func (m Match) String() string {
	var text strings.Builder
	add := func(name, value string) {
		if value == "" {
			return
		}
		if text.Len() > 0 {
			text.WriteByte(' ')
		}
		if strings.ContainsFunc(value, needsQuotes) {
			value = strconv.Quote(value)
		}
		text.WriteString(name + "=" + value)
	}
	if m.Platform != 0 {
		add("platform", m.Platform.String())
	}
	add("project", m.Project)
	add("agent", m.Agent)
	add("environment", m.Environment)
	add("language", m.Language)
	add("intent", m.Intent)
	add("action", m.Action)
	add("tag", m.Tag)
	if text.Len() == 0 {
		return "any"
	}
	return text.String()
}

func needsQuotes(r rune) bool {
	return r == '"' || unicode.IsSpace(r) || !unicode.IsPrint(r)
}
