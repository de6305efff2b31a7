package appointments

import (
	"strconv"
	"time"

	"github.com/intentgate/intentgate/services/speech"
)

// text is what the shop says, in each language, for short.
type text = speech.Text

// What the shop says of a visit, and of an appointment with a number.
var (
	expected = text{
		"We expect {people} in {branch} on {day} at {time}. The number of the appointment is {number}.",
		"Wir erwarten {people} am {day} um {time} in {branch}. Die Nummer des Termins ist {number}.",
	}
	moved = text{
		"All right, we now expect {people} in {branch} on {day} at {time}.",
		"Gut, wir erwarten {people} nun am {day} um {time} in {branch}.",
	}
	reallyCancel = text{
		"Shall I cancel the appointment in {branch} on {day} at {time}?",
		"Soll ich den Termin am {day} um {time} in {branch} absagen?",
	}
	cancelled = text{
		"Done: the appointment on {day} at {time} is cancelled.",
		"Erledigt: Der Termin am {day} um {time} ist abgesagt.",
	}
	kept = text{
		"All right, we still expect {people} on {day} at {time}.",
		"Gut, wir erwarten {people} weiterhin am {day} um {time}.",
	}
)

// Why the shop says no.
var (
	noSuchTime = text{
		"There is no such day or time.",
		"Diesen Tag oder diese Uhrzeit gibt es nicht.",
	}
	gone = text{
		"That has gone by already.",
		"Das ist schon vorbei.",
	}
	tooFar = text{
		"We take appointments for the next {ahead} days.",
		"Termine vergeben wir für die nächsten {ahead} Tage.",
	}
	closed = text{
		"On {day} we are closed.",
		"Am {day} haben wir geschlossen.",
	}
	outOfHours = text{
		"On {day} people can come to {branch} on the hour from {first} to {last}.",
		"Am {day} können Sie in {branch} zur vollen Stunde von {first} bis {last} kommen.",
	}
	full = text{
		"On {day} at {time} there is no room for {people} any more.",
		"Am {day} um {time} ist kein Platz mehr für {people}.",
	}
	fullDay = text{
		"On {day} there is no room for {people} any more.",
		"Am {day} ist kein Platz mehr für {people}.",
	}
	which = text{
		"Which appointment do you mean? Its number has six digits.",
		"Welchen Termin meinen Sie? Seine Nummer hat sechs Ziffern.",
	}
	unknown = text{
		"I can't find an appointment with that number. It has six digits.",
		"Unter dieser Nummer finde ich keinen Termin. Sie hat sechs Ziffern.",
	}
	nothingAsked = text{
		"There is nothing to confirm. Which appointment would you like to cancel?",
		"Es gibt nichts zu bestätigen. Welchen Termin möchten Sie absagen?",
	}
	whenInstead = text{
		"When would you like to come instead?",
		"Wann möchten Sie stattdessen kommen?",
	}
)

// say fills a visit, and more, into a text.
func (v visit) say(words text, lang speech.Language, more ...string) string {
	day, _ := v.branch.on(v.at)
	hour := func(n int) string { return speech.Hour(lang, time.Date(1, 1, 1, n, 0, 0, 0, time.UTC)) }
	return words.In(lang, append(more,
		"{branch}", v.branch.name, "{people}", people(lang, v.people), "{day}", speech.Day(lang, v.at), "{time}", speech.Hour(lang, v.at),
		"{first}", hour(day.first), "{last}", hour(day.last), "{ahead}", strconv.Itoa(ahead))...)
}

// people says how many there are.
func people(lang speech.Language, n int) string {
	if n == 1 {
		return text{"one person", "eine Person"}[lang]
	}
	return strconv.Itoa(n) + text{" people", " Personen"}[lang]
}

// say says what is wrong with a visit and what is offered instead, which it returns as choices, too.
func (f *fault) say(v visit, lang speech.Language) (words string, choices []string) {
	how, say := text{" How about {choices}?", " Wie wäre es um {choices}?"}, speech.Hour
	if f.ofDay {
		how, say = text{" How about {choices}?", " Wie wäre es mit dem {choices}?"}, speech.Date
	}
	for _, at := range f.offer {
		choices = append(choices, say(lang, at))
	}
	words = v.say(f.why, lang)
	if len(choices) > 0 {
		words += how.In(lang, "{choices}", speech.Either(lang, choices))
	}
	return words, choices
}
