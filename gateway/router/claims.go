package router

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// Key is what a method is found by.
type Key uint8

// The keys of turns. CX is routed by tag alone: its intent is the one last matched, perhaps long ago.
const (
	Intent Key = iota // ES: the intent's display name
	Action            // ES
	Tag               // CX
)

// String returns intent, action or tag.
func (k Key) String() string { return [...]string{"intent", "action", "tag"}[k] }

// Platform returns the edition of Dialogflow that has the key.
func (k Key) Platform() dialogflow.Platform {
	if k == Tag {
		return dialogflow.CX
	}
	return dialogflow.ES
}

// Claim says that a method answers the turns of a name, in some agents and environments.
type Claim[T any] struct {
	Key     Key
	Pattern string // `*` is any run of characters
	// Agents are resource names or IDs, Environments names with `-` for the draft; empty: all.
	Agents, Environments []string
	Method               T
}

// Claims finds the method that claims a turn: an exact name before the pattern with the most literal characters, the
// earlier claim before the later one. It is never changed.
type Claims[T any] struct {
	all      []*Claim[T]
	exact    [Tag + 1]map[string][]*Claim[T]
	patterns [Tag + 1][]pattern[T]
}

type pattern[T any] struct {
	glob     glob
	literals int
	claim    *Claim[T]
}

// Conflict is a claim that never gets a turn, since an earlier one has the same name and takes all its turns.
type Conflict struct {
	Claim, Earlier int // indices
}

// NewClaims returns the claims in the order of precedence, and which of them lose.
func NewClaims[T any](claims []Claim[T]) (*Claims[T], []Conflict) {
	c := &Claims[T]{}
	for key := range c.exact {
		c.exact[key] = map[string][]*Claim[T]{}
	}
	type name struct {
		key     Key
		pattern string
	}
	kept := map[name][]int{}
	var conflicts []Conflict
	for i := range claims {
		claim := &claims[i]
		same := name{claim.Key, claim.Pattern}
		if at := slices.IndexFunc(kept[same], func(earlier int) bool { return claim.within(&claims[earlier]) }); at >= 0 {
			conflicts = append(conflicts, Conflict{i, kept[same][at]})
			continue
		}
		kept[same], c.all = append(kept[same], i), append(c.all, claim)
	}
	slices.SortStableFunc(c.all, func(a, b *Claim[T]) int { return cmp.Compare(b.literals(), a.literals()) })
	for _, claim := range c.all {
		if literals := claim.literals(); literals < math.MaxInt {
			c.patterns[claim.Key] = append(c.patterns[claim.Key], pattern[T]{newGlob(claim.Pattern), literals, claim})
		} else {
			c.exact[claim.Key][claim.Pattern] = append(c.exact[claim.Key][claim.Pattern], claim)
		}
	}
	return c, conflicts
}

// All returns the claims that get turns, in the order in which they are tried. They are not to be changed.
func (c *Claims[T]) All() []*Claim[T] { return c.all }

// literals counts the literal characters of a pattern: the claim with more of them is tried first. An exact name has all.
func (c *Claim[T]) literals() int {
	if stars := strings.Count(c.Pattern, "*"); stars > 0 {
		return len(c.Pattern) - stars
	}
	return math.MaxInt
}

// within says that earlier, which has the same name, takes all turns that c would.
func (c *Claim[T]) within(earlier *Claim[T]) bool {
	covers := func(all, some []string) bool {
		return len(all) == 0 || len(some) > 0 && !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
	}
	return covers(earlier.Agents, c.Agents) && covers(earlier.Environments, c.Environments)
}

// Find returns the method that claims a turn. It does not allocate.
func (c *Claims[T]) Find(turn *dialogflow.Turn) (method T, ok bool) {
	first, second := Intent, Action
	if turn.Platform == dialogflow.CX {
		first, second = Tag, Tag
	}
	for key := first; key <= second; key++ {
		for _, claim := range c.exact[key][key.of(turn)] {
			if claim.takes(turn) {
				return claim.Method, true
			}
		}
	}
	best := -1
	for key := first; key <= second; key++ {
		for i := range c.patterns[key] {
			p := &c.patterns[key][i]
			if p.literals <= best {
				break
			}
			if name := key.of(turn); name != "" && p.glob.match(name) && p.claim.takes(turn) {
				best, method = p.literals, p.claim.Method
				break
			}
		}
	}
	return method, best >= 0
}

func (k Key) of(turn *dialogflow.Turn) string {
	switch k {
	case Intent:
		return turn.Intent.DisplayName
	case Action:
		return turn.Action
	default:
		return turn.Tag
	}
}

func (c *Claim[T]) takes(turn *dialogflow.Turn) bool {
	if len(c.Environments) > 0 && !slices.ContainsFunc(c.Environments, func(e string) bool { return takesEnvironment(e, turn.Session.Environment) }) {
		return false
	}
	return len(c.Agents) == 0 || slices.ContainsFunc(c.Agents, func(a string) bool { return isAgent(a, &turn.Session) })
}

// isAgent compares an agent's ID or resource name with the agent of a session.
func isAgent(name string, session *dialogflow.Session) bool {
	if session.Agent == "" {
		return false
	}
	resource, found := strings.CutSuffix(name, session.Agent)
	if !found {
		return false
	}
	if resource == "" {
		return true
	}
	resource, found = strings.CutPrefix(resource, "projects/"+session.Project+"/locations/"+session.Location)
	return found && resource == "/agents/"
}

// Within says that every name that pattern takes is one that an allowed pattern takes.
func Within(pattern string, allowed []string) bool {
	return slices.ContainsFunc(allowed, func(a string) bool { return a != "" && newGlob(a).contains(newGlob(pattern)) })
}

// String returns a claim in one line as a Match is, such as `platform=CX environment=canary|- tag=track-order`.
func (c *Claim[T]) String() string {
	m := Match{Platform: c.Key.Platform(), Agent: strings.Join(c.Agents, "|"), Environment: strings.Join(c.Environments, "|")}
	*[...]*string{Intent: &m.Intent, Action: &m.Action, Tag: &m.Tag}[c.Key] = c.Pattern
	return m.String()
}
