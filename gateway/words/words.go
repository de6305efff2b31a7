// Package words chooses what is said in the user's language.
package words

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// Default is the name, in place of a language, of the text for all languages that have none of their own.
const Default = "default"

// Texts are one text in several languages. Nil is none at all. They are safe for concurrent use.
type Texts struct {
	exact    map[string]string // by what was given as the language, in lower case
	tags     language.Matcher
	texts    []string // by the index of the matcher
	fallback string   // Default's
}

// New returns the texts of languages, such as `en`, `pt-BR` or Default; nil where there are none. A text that is empty, and what
// is no language, is an error.
func New(byLanguage map[string]string) (*Texts, error) {
	if len(byLanguage) == 0 {
		return nil, nil
	}
	t := &Texts{exact: map[string]string{}}
	var tags []language.Tag
	for _, name := range slices.Sorted(maps.Keys(byLanguage)) {
		text := byLanguage[name]
		switch tag, err := language.Parse(name); {
		case strings.TrimSpace(text) == "":
			return nil, fmt.Errorf("the text for %q is empty", name)
		case name == Default:
			t.fallback = text
		case err != nil:
			return nil, fmt.Errorf("%q is no language; wanted one such as en or pt-BR, or %s", name, Default)
		default:
			tags = append(tags, tag)
			t.texts = append(t.texts, text)
			t.exact[strings.ToLower(name)] = text
		}
	}
	t.tags = language.NewMatcher(tags)
	return t, nil
}

// In returns the text for a language as a turn names it: its own, else that of a language that its speakers understand well,
// as those of `de-AT` do `de`, else Default's. Otherwise there is none: what Dialogflow's agent says by itself is better
// than words in a language that the user may not know.
func (t *Texts) In(name string) (string, bool) {
	if t == nil {
		return "", false
	}
	if text, ok := t.exact[strings.ToLower(name)]; ok {
		return text, true
	}
	if len(name) > maxName || len(t.texts) == 0 {
		return t.fallback, t.fallback != ""
	}
	if tag, err := parse(name); err == nil {
		if _, i, confidence := t.tags.Match(tag); confidence >= language.High {
			return t.texts[i], true
		}
	}
	return t.fallback, t.fallback != ""
}

// Only returns the language whose text is that of a user of whom nothing is known: empty, for Default's, unless there is one text
// alone.
func (t *Texts) Only() string {
	if t == nil || t.fallback != "" || len(t.exact) != 1 {
		return ""
	}
	for name := range t.exact {
		return name
	}
	return ""
}

// maxName is longer, in bytes, than any language's name.
const maxName = 64

// parse reads the language of a turn, which is free text: `esES` was seen for `es-ES`.
func parse(name string) (language.Tag, error) {
	tag, err := language.Parse(name)
	if err != nil && len(name) == 4 {
		return language.Parse(name[:2] + "-" + name[2:])
	}
	return tag, err
}
