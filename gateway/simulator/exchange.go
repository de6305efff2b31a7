package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// Exchange is one turn as it went over the wire, and what Dialogflow makes of it.
type Exchange struct {
	URL     string
	Request []byte
	Calls   []Call // of services, where they can be seen
	Answer  Answer
	Outcome Outcome
}

// Call is a call of a service's method. All but its name is JSON, and absent where nobody can decode it.
type Call struct {
	Method  string          `json:"method"` // such as shop.orders.v1.OrderService/TrackOrder
	Request json.RawMessage `json:"request"`
	// Caller and Ref are in its metadata; Status takes the place of the Response.
	Caller, Ref, Response, Status json.RawMessage `json:"-"`
}

// Report is an exchange for programs.
type Report struct {
	Turn         int             `json:"turn"` // from 1
	Request      json.RawMessage `json:"request"`
	Status       int             `json:"status,omitempty"` // 0: no answer
	Milliseconds float64         `json:"milliseconds"`     // of the last try
	TLS          string          `json:"tls,omitempty"`
	Tries        int             `json:"tries"`
	FirstTry     string          `json:"first_try,omitempty"` // what it failed with
	Answer       any             `json:"answer,omitempty"`    // JSON as it came, or a text of what is none
	Outcome      Outcome         `json:"outcome"`
}

// Report tells programs of it, as the turn of a number.
func (e *Exchange) Report(turn int) Report {
	r := Report{
		Turn: turn, Request: e.Request, Status: e.Answer.Status, Milliseconds: float64(e.Answer.Duration.Microseconds()) / 1e3,
		TLS: e.Answer.TLS, Tries: e.Answer.Tries, Outcome: e.Outcome,
	}
	if e.Answer.FirstTry != nil {
		r.FirstTry = e.Answer.FirstTry.Error()
	}
	if json.Valid(e.Answer.Body) {
		r.Answer = json.RawMessage(e.Answer.Body)
	} else if len(e.Answer.Body) > 0 {
		r.Answer = string(e.Answer.Body)
	}
	return r
}

// Text tells people of it: where it went, what was answered after which time, and what Dialogflow would do; with the request,
// and the calls that were made for it, where that is wanted.
func (e *Exchange) Text(verbose bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "POST %s\n", e.URL)
	if verbose {
		fmt.Fprintln(&b, indented(e.Request))
		for _, call := range e.Calls {
			fmt.Fprintf(&b, "call %s\n", call.Method)
			for _, part := range []struct {
				name string
				text []byte
			}{{"caller", call.Caller}, {"ref", call.Ref}, {"request", call.Request}, {"response", call.Response}, {"status", call.Status}} {
				if part.text != nil {
					fmt.Fprintf(&b, "    %-9s %s\n", part.name, part.text)
				}
			}
		}
	}
	took := e.Answer.Duration.Round(10 * time.Microsecond)
	if e.Answer.FirstTry != nil {
		fmt.Fprintf(&b, "first try failed: %v\n", e.Answer.FirstTry)
	}
	if e.Answer.Status == 0 {
		fmt.Fprintf(&b, "no answer after %s, try %d\n", took, e.Answer.Tries)
	} else {
		fmt.Fprintf(&b, "HTTP %d after %s, %s\n%s\n", e.Answer.Status, took, e.Answer.TLS, indented(e.Answer.Body))
	}
	if e.Outcome.Accepted {
		fmt.Fprintln(&b, "Dialogflow would")
		list(&b, "say: ", e.Outcome.Heard)
		list(&b, "", e.Outcome.Effects)
		list(&b, "but: ", e.Outcome.Problems)
	} else {
		fmt.Fprintln(&b, "Dialogflow would not use this, but")
		list(&b, "", e.Outcome.Effects)
		list(&b, "because: ", e.Outcome.Problems)
	}
	return b.String()
}

func list(w io.Writer, prefix string, sentences []string) {
	for _, sentence := range sentences {
		_, _ = fmt.Fprintf(w, "    %s%s\n", prefix, sentence)
	}
}

// indented returns JSON as people read it, or the text as it is where it is none.
func indented(text []byte) string {
	var b bytes.Buffer
	if err := json.Indent(&b, text, "    ", "  "); err != nil {
		return "    " + string(text)
	}
	return "    " + strings.TrimSpace(b.String())
}
