package main

import (
	"slices"
	"time"

	"github.com/intentgate/intentgate/gateway/simulator"
)

// line is what the user says, and a part of what they must hear.
type line struct {
	simulator.Utterance

	hears string
}

// script is a conversation about an order, which must be one that can be cancelled and which is remembered once named, and about
// an appointment on a day on which the shop is closed.
func script(today time.Time, order string, cx bool) []line {
	sunday := nextSunday(today)
	monday := sunday.AddDate(0, 0, 1)
	visit := map[string]any{"branch": "London", "people": 2, "date": dateIn(cx, sunday), "time": timeIn(cx, sunday)}
	return []line{
		{simulator.Utterance{
			Text: "Hi", Intent: "Default Welcome Intent", Action: "input.welcome", Tag: "welcome",
		}, "Hello"},
		{simulator.Utterance{
			Text: "Where is my order " + order + "?", Intent: "order.track", Action: "order.track", Tag: "track-order",
			Parameters: map[string]any{"order_id": order},
		}, order},
		{simulator.Utterance{
			Text: "Cancel it", Intent: "order.cancel", Action: "order.cancel", Tag: "cancel-order",
		}, "Shall I cancel it?"},
		{simulator.Utterance{
			Text: "Yes", Intent: "order.cancel - yes", Action: "order.cancel.confirm", Tag: "confirm-cancel",
		}, order + " is cancelled"},
		{simulator.Utterance{
			Text: "And I send back two bowls of C-3100", Intent: "order.return", Action: "order.return", Tag: "return-order",
			Parameters: map[string]any{"order_id": "C-3100", "items": []any{map[string]any{"product": "soup-bowl", "number": 2}}},
		}, "€29.00"},
		{simulator.Utterance{
			Text: "The two of us would like to be shown round in London, on Sunday at two", Intent: "appointment.book",
			Action: "appointment.book", Tag: "book-appointment", Parameters: visit,
		}, "we are closed. How about " + monday.Format("2 January")},
		{simulator.Utterance{
			Text: monday.Format("2 January"), Intent: "appointment.book - other", Action: "appointment.book", Tag: "book-appointment",
			Parameters: map[string]any{"date": dateIn(cx, monday)},
		}, "We expect 2 people in London on " + monday.Format("Monday, 2 January") + " at 2 PM"},
		{simulator.Utterance{
			Text: "Sing me a song", Intent: "Default Fallback Intent", Action: "input.unknown", Tag: "fallback",
		}, "order"},
	}
}

// nextSunday returns a Sunday to come at two, on whose morrow the shop is open.
func nextSunday(today time.Time) time.Time {
	day := time.Date(today.Year(), today.Month(), today.Day()+7-int(today.Weekday()), 14, 0, 0, 0, time.UTC)
	for slices.Contains([]string{"01-01", "12-25", "12-26"}, day.AddDate(0, 0, 1).Format("01-02")) {
		day = day.AddDate(0, 0, 7)
	}
	return day
}

// dateIn writes a day as Dialogflow's editions do.
func dateIn(cx bool, day time.Time) any {
	if cx {
		return map[string]any{"year": day.Year(), "month": int(day.Month()), "day": day.Day()}
	}
	return day.Format(time.RFC3339)
}

// timeIn writes a time likewise.
func timeIn(cx bool, at time.Time) any {
	if cx {
		return map[string]any{"hours": at.Hour(), "minutes": 0, "seconds": 0, "nanos": 0}
	}
	return at.Format(time.RFC3339)
}
