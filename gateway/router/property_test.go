package router

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// words returns every string of at most n characters of alphabet.
func words(alphabet string, n int) []string {
	all := []string{""}
	for begin := 0; n > 0; n-- {
		end := len(all)
		for _, word := range all[begin:end] {
			for _, c := range alphabet {
				all = append(all, word+string(c))
			}
		}
		begin = end
	}
	return all
}

// TestGlobAgreesWithEnumeration compares matching with a regular expression, and containment with the sets of strings
// that two patterns match. The strings have one character more than the patterns, since patterns cannot name them all.
func TestGlobAgreesWithEnumeration(t *testing.T) {
	const length = 4
	patterns, subjects := words("ab*", length), words("abc", length+1)
	globs, sets := make([]glob, len(patterns)), make([][]bool, len(patterns))
	for i, pattern := range patterns {
		globs[i], sets[i] = newGlob(pattern), make([]bool, len(subjects))
		like := regexp.MustCompile("^" + strings.ReplaceAll(pattern, "*", ".*") + "$")
		for j, subject := range subjects {
			sets[i][j] = pattern == "" || like.MatchString(subject)
			if got := globs[i].match(subject); got != sets[i][j] {
				t.Fatalf("%q matches %q: %t, want %t", pattern, subject, got, sets[i][j])
			}
		}
	}
	for a := range patterns {
		for b := range patterns {
			want := true
			for j := range subjects {
				want = want && (sets[a][j] || !sets[b][j])
			}
			if got := globs[a].contains(globs[b]); got != want {
				t.Fatalf("%q contains %q: %t, want %t", patterns[a], patterns[b], got, want)
			}
		}
	}
}

// TestShadowAgreesWithEnumeration builds routers of a few random rules and compares which of them New calls shadowed
// with which of them win no turn at all, among turns made of every value a rule can name and one that none can.
func TestShadowAgreesWithEnumeration(t *testing.T) {
	var turns []*dialogflow.Turn
	for _, language := range []string{"", "en", "en-US", "en-x", "fr"} {
		for _, environment := range []string{"", "prod", "other"} {
			for _, name := range []string{"", "a", "ab", "ax", "axb", "x", "xb"} {
				for _, key := range []string{"", "b", "y"} {
					session := dialogflow.Session{Environment: environment}
					intent := dialogflow.Intent{DisplayName: name}
					turns = append(turns,
						&dialogflow.Turn{Platform: dialogflow.ES, Session: session, Language: language, Intent: intent, Action: key},
						&dialogflow.Turn{Platform: dialogflow.CX, Session: session, Language: language, Intent: intent, Tag: key})
				}
			}
		}
	}
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test that repeats itself exactly
	pick := func(values ...string) string { return values[random.IntN(len(values))] }
	shadowed := 0
	for range 5000 {
		rules := &Router{index: newIndex()}
		for range 4 {
			match := Match{
				Platform:    dialogflow.Platform(random.IntN(3)), //nolint:gosec // 0, 1 or 2
				Language:    pick("", "", "en", "EN_us", "fr"),
				Environment: pick("", "", "-", "prod"),
				Intent:      pick("", "*", "a", "a*", "a*b", "*b"),
				Action:      pick("", "", "", "*", "b"),
				Tag:         pick("", "", "", "*", "b"),
			}
			made, err := NewRule(match)
			if err != nil {
				continue
			}
			rules.index.add(len(rules.rules), &made)
			rules.routes, rules.rules = append(rules.routes, Route{Match: match}), append(rules.rules, made)
		}
		wins := make([]bool, len(rules.rules))
		for _, turn := range turns {
			first := slices.IndexFunc(rules.rules, func(rule Rule) bool { return rule.Match(turn) })
			if first >= 0 {
				wins[first] = true
			}
			if route, _ := rules.Find(turn); first < 0 && route != nil || first >= 0 && route != &rules.routes[first] {
				t.Fatalf("%v: found %v for %+v, want rule %d", rules.routes, route, turn, first+1)
			}
		}
		agreesOnOverlap(t, rules, turns)
		for i := range rules.rules {
			problem := rules.shadow(i)
			if (problem == "") != wins[i] {
				t.Fatalf("%v: rule %d wins turns: %t, but shadow says %q", rules.routes, i+1, wins[i], problem)
			}
			if problem != "" {
				shadowed++
			}
		}
	}
	if shadowed < 100 {
		t.Errorf("only %d rules were shadowed: the test proves little", shadowed)
	}
}

// agreesOnOverlap compares what Overlaps says of the first two rules with the turns that both take.
func agreesOnOverlap(t *testing.T, of *Router, turns []*dialogflow.Turn) {
	t.Helper()
	if len(of.rules) < 2 {
		return
	}
	a, b, both := &of.rules[0], &of.rules[1], map[dialogflow.Platform]bool{}
	for _, turn := range turns {
		both[turn.Platform] = both[turn.Platform] || a.Match(turn) && b.Match(turn)
	}
	for _, p := range []dialogflow.Platform{dialogflow.ES, dialogflow.CX} {
		if got := a.Overlaps(p, b); got != both[p] || got != b.Overlaps(p, a) {
			t.Fatalf("%v: overlap on %s: %t, want %t", of.routes[:2], p, got, both[p])
		}
	}
}
