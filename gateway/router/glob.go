package router

import "strings"

// glob is a pattern cut at its `*`: a string matches when it begins with the first piece, ends with the last one and
// holds those between in their order. A single piece must be equal; none at all takes everything.
type glob []string

func newGlob(pattern string) glob {
	if strings.Trim(pattern, "*") == "" {
		return nil // absent, or nothing but stars
	}
	return strings.Split(pattern, "*")
}

// exact returns the one string that the pattern takes; "" if it takes others.
func (g glob) exact() string {
	if len(g) != 1 {
		return ""
	}
	return g[0]
}

// match takes time linear in s for each piece, whatever the pattern, since s is a stranger's, and does not allocate.
func (g glob) match(s string) bool {
	if len(g) == 0 {
		return true
	}
	first, last := g[0], g[len(g)-1]
	if len(g) == 1 {
		return s == first
	}
	if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, piece := range g[1 : len(g)-1] {
		at := strings.Index(s, piece) // the leftmost place leaves the most for the pieces after it
		if at < 0 {
			return false
		}
		s = s[at+len(piece):]
	}
	return true
}

// contains reports whether g matches every string that other matches.
//
// It does exactly when g matches other's pattern read as a string. No piece of g holds a `*`, so each `*` in that
// string is taken by one of g's, which then takes whatever stands in its place. And where g does not match, put for
// `*` a character that g never names: other matches what comes out and g does not.
func (g glob) contains(other glob) bool {
	if len(other) == 0 {
		return len(g) == 0 || g.match("*")
	}
	return g.match(strings.Join(other, "*"))
}

// overlaps reports whether there is a string that both match. Where both hold a `*`, it begins with the longer first piece, ends
// with the longer last one and has all others in between.
func (g glob) overlaps(other glob) bool {
	switch {
	case len(g) == 0 || len(other) == 0:
		return true
	case len(g) == 1:
		return other.match(g[0])
	case len(other) == 1:
		return g.match(other[0])
	}
	a, b, y, z := g[0], other[0], g[len(g)-1], other[len(other)-1]
	return (strings.HasPrefix(a, b) || strings.HasPrefix(b, a)) && (strings.HasSuffix(y, z) || strings.HasSuffix(z, y))
}
