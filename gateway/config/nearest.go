package config

import "strings"

// Nearest returns the name that a misspelt one was most likely meant to be, or "" if none is near: equal but for case, `-`
// and `_`, or at most a third of its letters away.
func Nearest(misspelt string, names []string) string {
	const longest = 64 // No name of ours is nearly as long; keeps the cost of hostile keys small.
	if len(misspelt) > longest {
		return ""
	}
	best, least := "", 1+len(misspelt)/3
	for _, name := range names {
		if distance := edits(fold(misspelt), fold(name)); distance < least {
			best, least = name, distance
		}
	}
	return best
}

// fold removes what people confuse in names.
func fold(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(strings.ToLower(name), "-", ""), "_", "")
}

// edits counts the letters to insert, delete or replace between two words.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
