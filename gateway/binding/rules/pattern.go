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
	if n, ok := single(parsed); ok {
		return n, nil
	}
	return expanded(parsed), nil
}

// single returns how many states are looked at for each byte where a pattern is of a kind that many are, such as
// ^[A-Z]{2}-[0-9]{1,255}$: it begins with the text, and consists of single letters, in one place any number of them. Then there is
// one state up to that place, and behind it one for each letter that follows.
func single(re *syntax.Regexp) (n float64, ok bool) {
	if re.Op != syntax.OpConcat || re.Sub[0].Op != syntax.OpBeginText {
		return 0, false
	}
	n = 3
	open := false
	for _, sub := range re.Sub[1:] {
		letters := 1
		switch sub.Op {
		case syntax.OpEndText:
			continue
		case syntax.OpLiteral:
			letters = len(sub.Rune)
		case syntax.OpRepeat, syntax.OpStar, syntax.OpPlus, syntax.OpQuest:
			if letters = sub.Min; sub.Op != syntax.OpRepeat || sub.Min != sub.Max {
				if open {
					return 0, false
				}
				open, letters = true, 0
			}
			if sub = sub.Sub[0]; sub.Op == syntax.OpLiteral && len(sub.Rune) > 1 {
				return 0, false
			}
		default: // one letter, or refused below
		}
		if sub.Op != syntax.OpLiteral && sub.Op != syntax.OpCharClass && sub.Op != syntax.OpAnyChar && sub.Op != syntax.OpAnyCharNotNL {
			return 0, false
		}
		if open {
			n += float64(letters)
		}
	}
	return n, true
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
