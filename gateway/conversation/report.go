package conversation

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/intentgate/intentgate/gateway/junit"
)

// Text tells of a result: a line where all was as expected, and all that was not; with every request and answer where that
// is wanted.
func (r *Result) Text(verbose bool) string {
	var b strings.Builder
	verdict := "ok  "
	switch {
	case r.Skipped != "":
		verdict = "skip"
	case r.Failed():
		verdict = "FAIL"
	}
	fmt.Fprintf(&b, "%s  %s:%d: %s (%s)", verdict, r.File, r.Line, r.Name, r.Platform)
	if r.Skipped != "" {
		fmt.Fprintf(&b, ": %s\n", r.Skipped)
		return b.String()
	}
	fmt.Fprintf(&b, ", %.3fs\n", r.Seconds)
	for i := range r.Turns {
		if turn := &r.Turns[i]; verbose || len(turn.Differences) > 0 {
			turn.text(&b, r.File, verbose)
		}
	}
	if r.Error != "" {
		fmt.Fprintf(&b, "      could not be played to its end: %s\n", r.Error)
	}
	return b.String()
}

func (p *Played) text(b *strings.Builder, file string, verbose bool) {
	if verbose {
		b.WriteByte('\n')
	}
	fmt.Fprintf(b, "    turn %d: %q\n", p.Number, p.Said)
	if verbose {
		for _, exchange := range p.Turn.Exchanges {
			text := strings.TrimSuffix(exchange.Text(true), "\n")
			fmt.Fprintf(b, "      %s\n", strings.ReplaceAll(text, "\n", "\n      "))
		}
	}
	for _, d := range p.Differences {
		fmt.Fprintf(b, "      %s", d.Path)
		if d.Line > 0 {
			fmt.Fprintf(b, "  %s:%d", file, d.Line)
		}
		b.WriteString("\n" + d.diff("        "))
	}
	if len(p.Differences) > 0 && p.Turn.Failed {
		for _, problem := range p.Turn.Problems {
			fmt.Fprintf(b, "      Dialogflow would not use the answer: %s\n", problem)
		}
	}
}

// diff shows what was expected (-) and what there was (+), one line each; of lists what is the same at both ends once.
func (d *Difference) diff(indent string) string {
	want, got := listed(d.Want), listed(d.Got)
	if slices.Equal(want, got) { // a number and a text
		want, got = []string{compact(d.Want)}, []string{compact(d.Got)}
	}
	var b strings.Builder
	line := func(sign, text string) {
		fmt.Fprintf(&b, "%s%s %s\n", indent, sign, strings.ReplaceAll(text, "\n", "\n"+indent+"  "))
	}
	for len(want) > 0 && len(got) > 0 && want[0] == got[0] {
		line(" ", want[0])
		want, got = want[1:], got[1:]
	}
	same := 0
	for same < min(len(want), len(got)) && want[len(want)-1-same] == got[len(got)-1-same] {
		same++
	}
	for _, text := range want[:len(want)-same] {
		line("-", text)
	}
	for _, text := range got[:len(got)-same] {
		line("+", text)
	}
	for _, text := range want[len(want)-same:] {
		line(" ", text)
	}
	return b.String()
}

// listed returns a value as lines: texts as they are, else JSON.
func listed(v any) (lines []string) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, element := range list {
		text, isText := element.(string)
		switch {
		case !isText:
			text = compact(element)
		case text == "":
			text = "(nothing)"
		}
		lines = append(lines, text)
	}
	if len(lines) == 0 {
		lines = []string{"(nothing)"}
	}
	return lines
}

// WriteJUnit writes results as JUnit XML: a suite a file, a case a conversation on a platform.
func WriteJUnit(w io.Writer, results []*Result) error {
	var suites []junit.Suite
	for _, r := range results {
		i := slices.IndexFunc(suites, func(s junit.Suite) bool { return s.Name == r.File })
		if i < 0 {
			i, suites = len(suites), append(suites, junit.Suite{Name: r.File})
		}
		one := junit.Case{Class: r.File, Name: fmt.Sprintf("%s (%s)", r.Name, r.Platform), File: r.File, Line: r.Line, Seconds: r.Seconds}
		switch {
		case r.Skipped != "":
			one.Outcome, one.Message = junit.Skipped, r.Skipped
		case r.Error != "":
			one.Outcome, one.Message, one.Text = junit.Error, r.Error, r.Text(false)
		case r.Failed():
			one.Outcome, one.Message, one.Text = junit.Failure, fmt.Sprintf("%d differences", r.differences()), r.Text(false)
		}
		suites[i].Cases = append(suites[i].Cases, one)
	}
	return junit.Write(w, suites)
}
