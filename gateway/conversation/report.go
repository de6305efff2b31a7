package conversation

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
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

// JUnit's XML, as far as the programs that read it agree.
type (
	junitSuites struct {
		XMLName xml.Name      `xml:"testsuites"`
		Suites  []*junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		File    string        `xml:"file,attr"`
		Line    int           `xml:"line,attr"`
		Time    string        `xml:"time,attr"` // seconds
		Failure *junitMessage `xml:"failure"`
		Error   *junitMessage `xml:"error"`
		Skipped *junitMessage `xml:"skipped"`
	}
	junitMessage struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes results as JUnit XML: a suite a file, a case a conversation on a platform.
func WriteJUnit(w io.Writer, results []*Result) error {
	var all junitSuites
	suites := map[string]*junitSuite{}
	for _, r := range results {
		suite := suites[r.File]
		if suite == nil {
			suite = &junitSuite{Name: r.File}
			suites[r.File], all.Suites = suite, append(all.Suites, suite)
		}
		one := junitCase{
			Class: r.File, Name: fmt.Sprintf("%s (%s)", r.Name, r.Platform), File: r.File, Line: r.Line,
			Time: fmt.Sprintf("%.3f", r.Seconds),
		}
		suite.Tests++
		switch {
		case r.Skipped != "":
			suite.Skipped++
			one.Skipped = &junitMessage{Message: r.Skipped}
		case r.Error != "":
			suite.Errors++
			one.Error = &junitMessage{r.Error, r.Text(false)}
		case r.Failed():
			suite.Failures++
			one.Failure = &junitMessage{fmt.Sprintf("%d differences", r.differences()), r.Text(false)}
		}
		suite.Cases = append(suite.Cases, one)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
