package rules

import (
	"fmt"
	"regexp/syntax"
)

// states returns how many states a pattern has at most, of which each may be looked at for each byte of a text. It looks at the
// pattern only, and so takes no longer than that is long.
func states(pattern string) (float64, error) {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0, fmt.Errorf("the pattern %q is none of RE2: %w", cut(pattern, maxShown), err)
	}
	if single(parsed) {
		return 2 * float64(len(parsed.Sub)), nil
	}
	return expanded(parsed), nil
}

// single reports whether a pattern is of a kind that many are, such as ^[A-Z]{2}-[0-9]{1,255}$: it begins with the text, and one
// letter stands for one state but in one place. Then only few states are looked at for each byte, however many there are.
func single(re *syntax.Regexp) bool {
	if re.Op != syntax.OpConcat || re.Sub[0].Op != syntax.OpBeginText {
		return false
	}
	open := 0
	for _, sub := range re.Sub[1:] {
		switch sub.Op {
		case syntax.OpRepeat:
			if sub.Min != sub.Max {
				open++
			}
			sub = sub.Sub[0]
		case syntax.OpStar, syntax.OpPlus, syntax.OpQuest:
			open++
			sub = sub.Sub[0]
		case syntax.OpLiteral, syntax.OpEndText:
			continue
		default: // one letter, or refused below
		}
		if sub.Op != syntax.OpCharClass && sub.Op != syntax.OpAnyChar && sub.Op != syntax.OpAnyCharNotNL && (sub.Op != syntax.OpLiteral || len(sub.Rune) > 1) {
			return false
		}
	}
	return open <= 1
}

func expanded(re *syntax.Regexp) float64 {
	n := 1.0
	if re.Op == syntax.OpLiteral {
		n = float64(len(re.Rune))
	}
	for _, sub := range re.Sub {
		n += expanded(sub)
	}
	if re.Op == syntax.OpRepeat {
		n *= float64(max(re.Min+1, re.Max, 1))
	}
	return n + 1
}

// maxShown is how many bytes of what a service wrote are shown.
const maxShown = 100
