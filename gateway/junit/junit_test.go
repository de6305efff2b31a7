package junit_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/intentgate/intentgate/gateway/junit"
)

func TestWrite(t *testing.T) {
	t.Parallel()
	var got bytes.Buffer
	err := junit.Write(&got, []junit.Suite{
		{Name: "a.yaml", Cases: []junit.Case{
			{Class: "a.yaml", Name: "good", File: "a.yaml", Line: 7, Seconds: 0.5},
			{Class: "a.yaml", Name: `"bad" <&>`, Outcome: junit.Failure, Message: "no\x00", Text: "at\nlength"},
		}},
		{Name: "b", Cases: []junit.Case{{Name: "left out", Outcome: junit.Skipped, Message: "why"}, {Name: "broken", Outcome: junit.Error}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	const want = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="a.yaml" tests="2" failures="1" errors="0" skipped="0">
    <testcase classname="a.yaml" name="good" file="a.yaml" line="7" time="0.500"></testcase>
    <testcase classname="a.yaml" name="&#34;bad&#34; &lt;&amp;&gt;" time="0.000">
      <failure message="no�">at&#xA;length</failure>
    </testcase>
  </testsuite>
  <testsuite name="b" tests="2" failures="0" errors="1" skipped="1">
    <testcase classname="" name="left out" time="0.000">
      <skipped message="why"></skipped>
    </testcase>
    <testcase classname="" name="broken" time="0.000">
      <error message=""></error>
    </testcase>
  </testsuite>
</testsuites>
`
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &got, want)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestWriteFails(t *testing.T) {
	t.Parallel()
	if err := junit.Write(full{}, nil); err == nil {
		t.Error("want that the disk is full")
	}
}
