// Package junit writes reports as the XML that continuous integration reads of JUnit, as far as its readers agree.
package junit

import (
	"encoding/xml"
	"fmt"
	"io"
)

// Outcome is how a case ended: one of the elements that tell so.
type Outcome string

// The outcomes. An error is a case that could not be judged.
const (
	Passed  Outcome = ""
	Failure Outcome = "failure"
	Error   Outcome = "error"
	Skipped Outcome = "skipped"
)

// Suite is a list of cases.
type Suite struct {
	Name  string
	Cases []Case
}

// Case is one test.
type Case struct {
	Class, Name string
	File        string // with Line, where it stands; empty: in no file
	Line        int
	Seconds     float64
	Outcome     Outcome
	Message     string // in one line why it has not passed
	Text        string // at length
}

type (
	suites struct {
		XMLName xml.Name `xml:"testsuites"`
		Suites  []suite  `xml:"testsuite"`
	}
	suite struct {
		Name     string    `xml:"name,attr"`
		Tests    int       `xml:"tests,attr"`
		Failures int       `xml:"failures,attr"`
		Errors   int       `xml:"errors,attr"`
		Skipped  int       `xml:"skipped,attr"`
		Cases    []element `xml:"testcase"`
	}
	element struct {
		Class   string `xml:"classname,attr"`
		Name    string `xml:"name,attr"`
		File    string `xml:"file,attr,omitempty"`
		Line    int    `xml:"line,attr,omitempty"`
		Time    string `xml:"time,attr"`
		Outcome *outcome
	}
	outcome struct {
		XMLName xml.Name
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// Write writes a report.
func Write(w io.Writer, all []Suite) error {
	var report suites
	for _, one := range all {
		s := suite{Name: one.Name, Tests: len(one.Cases)}
		for _, c := range one.Cases {
			e := element{Class: c.Class, Name: c.Name, File: c.File, Line: c.Line, Time: fmt.Sprintf("%.3f", c.Seconds)}
			if c.Outcome != Passed {
				e.Outcome = &outcome{xml.Name{Local: string(c.Outcome)}, c.Message, c.Text}
			}
			switch c.Outcome {
			case Failure:
				s.Failures++
			case Error:
				s.Errors++
			case Skipped:
				s.Skipped++
			default:
			}
			s.Cases = append(s.Cases, e)
		}
		report.Suites = append(report.Suites, s)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(report); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
