package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/intentgate/intentgate/gateway/doctor"
	"github.com/intentgate/intentgate/gateway/simulator"
)

// teller tells of turns, for people or for programs.
type teller struct {
	out                   io.Writer
	url                   string
	json, verbose, titles bool
}

// played is a turn for programs.
type played struct {
	Turn         int             `json:"turn"` // from 1
	Request      json.RawMessage `json:"request"`
	Status       int             `json:"status,omitempty"` // 0: no answer
	Milliseconds float64         `json:"milliseconds"`     // of the last try
	TLS          string          `json:"tls,omitempty"`
	Tries        int             `json:"tries"`
	FirstTry     string          `json:"first_try,omitempty"` // what it failed with
	// Answer is JSON as it came, or a string of what is none.
	Answer  json.RawMessage   `json:"answer,omitempty"`
	Outcome simulator.Outcome `json:"outcome"`
}

func (t *teller) tell(number int, turn turn, exchange simulator.Exchange) error {
	if t.json {
		return t.tellJSON(number, exchange)
	}
	var text strings.Builder
	answer, outcome := exchange.Answer, exchange.Outcome
	if t.titles {
		fmt.Fprintf(&text, "━━ %d: %q\n", number, cmp.Or(turn.utterance.Text, turn.utterance.Event, turn.utterance.Intent, turn.utterance.Tag, "a request"))
	}
	fmt.Fprintf(&text, "POST %s\n", t.url)
	if t.verbose {
		fmt.Fprintln(&text, indented(exchange.Request))
	}
	took := answer.Duration.Round(10 * time.Microsecond)
	if answer.FirstTry != nil {
		fmt.Fprintf(&text, "first try failed: %v\n", answer.FirstTry)
	}
	if answer.Status == 0 {
		fmt.Fprintf(&text, "no answer after %s, try %d\n", took, answer.Tries)
	} else {
		fmt.Fprintf(&text, "HTTP %d after %s, %s\n", answer.Status, took, answer.TLS)
		fmt.Fprintln(&text, indented(answer.Body))
	}
	if outcome.Accepted {
		fmt.Fprintln(&text, "Dialogflow would")
		list(&text, "say: ", outcome.Heard)
		list(&text, "", outcome.Effects)
		list(&text, "but: ", outcome.Problems)
	} else {
		fmt.Fprintln(&text, "Dialogflow would not use this, but")
		list(&text, "", outcome.Effects)
		list(&text, "because: ", outcome.Problems)
	}
	_, err := io.WriteString(t.out, strings.Map(doctor.Harmless, text.String()))
	return err
}

func list(w io.Writer, prefix string, sentences []string) {
	for _, sentence := range sentences {
		_, _ = fmt.Fprintf(w, "    %s%s\n", prefix, sentence)
	}
}

func (t *teller) tellJSON(number int, exchange simulator.Exchange) error {
	answer := exchange.Answer
	one := played{
		Turn: number, Request: exchange.Request, Status: answer.Status, Milliseconds: float64(answer.Duration.Microseconds()) / 1e3,
		TLS: answer.TLS, Tries: answer.Tries, Answer: answer.Body, Outcome: exchange.Outcome,
	}
	if answer.FirstTry != nil {
		one.FirstTry = answer.FirstTry.Error()
	}
	if len(one.Answer) > 0 && !json.Valid(one.Answer) {
		quoted, err := json.Marshal(string(one.Answer))
		if err != nil {
			return err
		}
		one.Answer = quoted
	}
	return json.NewEncoder(t.out).Encode(one)
}
