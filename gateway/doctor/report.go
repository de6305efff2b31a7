package doctor

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// Verdict is how a check ended.
type Verdict string

// The verdicts. A warning works today; what was skipped could not be judged, because of another finding most often.
const (
	OK      Verdict = "ok"
	Warning Verdict = "warning"
	Failed  Verdict = "failed"
	Skipped Verdict = "skipped"
)

// Finding is the outcome of one check.
type Finding struct {
	About   string  `json:"about,omitempty"` // what was examined, such as `service orders`; empty where a report is about one thing
	Check   string  `json:"check"`           // which one: a stable snake_case code
	Verdict Verdict `json:"verdict"`
	Saw     string  `json:"saw,omitempty"`     // one line
	Wanted  string  `json:"wanted,omitempty"`  // one line; empty where all is well
	Remedy  string  `json:"remedy,omitempty"`  // what to do, a sentence; empty where there is nothing to do
	Relies  string  `json:"relies,omitempty"`  // what somebody relies on who has it judged, a sentence; mostly empty
	Seconds float64 `json:"seconds,omitempty"` // that it took, where that is told
}

// Pass returns a finding of a check that ended well; saw is a format with its arguments.
func Pass(check, saw string, args ...any) Finding {
	return Finding{Check: check, Verdict: OK, Saw: fmt.Sprintf(saw, args...)}
}

// Fail returns a finding of a check that failed.
func Fail(check, saw, wanted, remedy string) Finding {
	return Finding{Check: check, Verdict: Failed, Saw: saw, Wanted: wanted, Remedy: remedy}
}

// Warn returns a finding of what works today.
func Warn(check, saw, wanted, remedy string) Finding {
	return Finding{Check: check, Verdict: Warning, Saw: saw, Wanted: wanted, Remedy: remedy}
}

// Skip returns a finding of what could not be judged.
func Skip(check, why string) Finding { return Finding{Check: check, Verdict: Skipped, Saw: why} }

// Report is what an examination found, in the order in which a person should read it.
type Report []Finding

// Failed says whether any check failed. Warnings do not count.
func (r Report) Failed() bool { return r.count(Failed) > 0 }

func (r Report) count(verdict Verdict) (n int) {
	for _, f := range r {
		if f.Verdict == verdict {
			n++
		}
	}
	return n
}

// Summary counts the verdicts: `9 ok, 1 warning, 2 failed`.
func (r Report) Summary() string {
	parts := []string{fmt.Sprintf("%d ok", r.count(OK))}
	for _, verdict := range []Verdict{Warning, Failed, Skipped} {
		if n := r.count(verdict); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, verdict))
		}
	}
	return strings.Join(parts, ", ")
}

// About says of findings that are about nothing yet what they are about, and returns them.
func (r Report) About(what string) Report {
	for i := range r {
		r[i].About = cmp.Or(r[i].About, what)
	}
	return r
}

// Print writes the report for people: a line per finding, and below it what was wanted and the remedy. What findings are
// about stands above them.
func (r Report) Print(w io.Writer) error {
	width := 0
	for _, f := range r {
		width = max(width, len(f.Check))
	}
	var text strings.Builder
	about := ""
	for _, f := range r {
		if f.About != about {
			if about = f.About; text.Len() > 0 {
				text.WriteByte('\n')
			}
			text.WriteString(about + "\n")
		}
		mark := string(f.Verdict)
		if f.Verdict == Failed {
			mark = "FAILED"
		}
		text.WriteString(strings.TrimRight(fmt.Sprintf("%-8s %-*s  %s", mark, width, f.Check, f.Saw), " ") + "\n")
		for _, more := range [][2]string{{"wanted", f.Wanted}, {"remedy", f.Remedy}} {
			if more[1] != "" {
				fmt.Fprintf(&text, "%8s %s  %s\n", "", more[0], more[1])
			}
		}
	}
	fmt.Fprintf(&text, "%s\n", r.Summary())
	_, err := io.WriteString(w, strings.Map(Harmless, text.String()))
	return err
}

// Harmless keeps what a server says from doing anything to a terminal: it takes the place of control characters, line ends
// excepted, in a text that [strings.Map] maps.
func Harmless(r rune) rune {
	if r != '\n' && unicode.In(r, unicode.Cc, unicode.Bidi_Control) {
		return '?'
	}
	return r
}

// MarshalJSON writes the report for programs: {"failed": false, "findings": […]}.
func (r Report) MarshalJSON() ([]byte, error) {
	findings := []Finding(r)
	if findings == nil {
		findings = []Finding{}
	}
	return json.Marshal(map[string]any{"failed": r.Failed(), "findings": findings})
}
