// Package speech is how the shop's example services speak: in English and in German.
package speech

import (
	"fmt"
	"strings"
	"time"
)

// Language is a language that the shop speaks.
type Language int

// The languages.
const (
	English Language = iota
	German
)

// String returns the language's tag, such as `en`.
func (l Language) String() string { return [...]string{"en", "de"}[l] }

// Of returns the language to answer a request in. Dialogflow writes it in many ways, such as de, de-AT or deDE.
func Of(request interface{ GetLanguage() string }) Language {
	if strings.HasPrefix(strings.ToLower(request.GetLanguage()), "de") {
		return German
	}
	return English
}

// Text is what is said, in each language. What stands in braces, such as {day}, is filled in.
type Text [2]string

// In returns the text in a language with pairs of names and values filled in: "{day}", "Monday".
func (t Text) In(l Language, pairs ...string) string {
	return strings.NewReplacer(pairs...).Replace(t[l])
}

// Day says a day, after "on" or "am".
func Day(l Language, day time.Time) string {
	if l == German {
		return weekdays[day.Weekday()] + ", dem " + Date(l, day)
	}
	return day.Format("Monday, ") + Date(l, day)
}

// Date says a day in short.
func Date(l Language, day time.Time) string {
	if l == German {
		return fmt.Sprintf("%d. %s", day.Day(), months[day.Month()-1])
	}
	return day.Format("2 January")
}

// Hour says a time on the hour, after "at" or "um".
func Hour(l Language, at time.Time) string {
	if l == German {
		return fmt.Sprintf("%d Uhr", at.Hour())
	}
	return at.Format("3 PM")
}

// Either lists choices.
func Either(l Language, choices []string) string {
	last := len(choices) - 1
	if last < 1 {
		return strings.Join(choices, "")
	}
	return strings.Join(choices[:last], ", ") + Text{" or ", " oder "}[l] + choices[last]
}

// The names that package time knows in English only.
var (
	weekdays = [...]string{"Sonntag", "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag"}
	months   = [...]string{
		"Januar", "Februar", "März", "April", "Mai", "Juni",
		"Juli", "August", "September", "Oktober", "November", "Dezember",
	}
)
