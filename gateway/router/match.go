package router

import (
	"cmp"
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
	platform := ""
	if m.Platform != 0 {
		platform = m.Platform.String()
	}
	var words []string
	for _, given := range [...]struct{ name, value string }{
		{"platform", platform},
		{"project", m.Project},
		{"agent", m.Agent},
		{"environment", m.Environment},
		{"language", m.Language},
		{"intent", m.Intent},
		{"action", m.Action},
		{"tag", m.Tag},
	} {
		if strings.ContainsFunc(given.value, needsQuotes) {
			given.value = strconv.Quote(given.value)
		}
		if given.value != "" {
			words = append(words, given.name+"="+given.value)
		}
	}
	return cmp.Or(strings.Join(words, " "), "any")
}

func needsQuotes(r rune) bool {
	return r == '"' || unicode.IsSpace(r) || !unicode.IsPrint(r)
}
