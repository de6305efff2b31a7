package doctor_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/intentgate/intentgate/gateway/doctor"
)

var mixed = doctor.Report{
	{Check: "tcp", Verdict: doctor.OK, Saw: "192.0.2.7:443 answers"},
	{Check: "server_chain", Verdict: doctor.Failed, Saw: "the leaf alone", Wanted: "the leaf and its intermediates", Remedy: "serve the full chain"},
	{Check: "dates", Verdict: doctor.Warning, Saw: "ends in 3 days", Remedy: "renew it"},
	{Check: "host", Verdict: doctor.Skipped},
}

func TestReportPrint(t *testing.T) {
	t.Parallel()
	const want = `ok       tcp           192.0.2.7:443 answers
FAILED   server_chain  the leaf alone
         wanted  the leaf and its intermediates
         remedy  serve the full chain
warning  dates         ends in 3 days
         remedy  renew it
skipped  host
1 ok, 1 warning, 1 failed, 1 skipped
`
	var text strings.Builder
	if err := mixed.Print(&text); err != nil || text.String() != want {
		t.Errorf("%v, printed\n%s\nwant\n%s", err, text.String(), want)
	}
}

// TestReportAbout has findings stand below what they are about.
func TestReportAbout(t *testing.T) {
	t.Parallel()
	report := doctor.Report{{Check: "tcp", Verdict: doctor.OK}, {About: "service b", Check: "tcp", Verdict: doctor.OK}}.About("service a")
	var text strings.Builder
	if err := report.Print(&text); err != nil || text.String() != "service a\nok       tcp\n\nservice b\nok       tcp\n2 ok\n" {
		t.Errorf("%v, printed\n%s", err, text.String())
	}
	if got, err := json.Marshal(report[1:]); err != nil ||
		string(got) != `{"failed":false,"findings":[{"about":"service b","check":"tcp","verdict":"ok"}]}` {
		t.Errorf("got %s, %v", got, err)
	}
}

// TestReportPrintsStrangers has a server's certificate say something to the terminal.
func TestReportPrintsStrangers(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	report := doctor.Report{{Check: "server_name", Verdict: doctor.OK, Saw: "\x1b[31mred \u202eleft\r…"}}
	if err := report.Print(&text); err != nil || text.String() != "ok       server_name  ?[31mred ?left?…\n1 ok\n" {
		t.Errorf("%v, printed %q", err, text.String())
	}
}

func TestReportFailed(t *testing.T) {
	t.Parallel()
	if !mixed.Failed() {
		t.Error("a failed check was not noticed")
	}
	if mixed[2:].Failed() || doctor.Report(nil).Failed() {
		t.Error("a warning counts as failed")
	}
}

func TestReportJSON(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		report doctor.Report
		want   string
	}{
		{nil, `{"failed":false,"findings":[]}`},
		{mixed[1:2], `{"failed":true,"findings":[{"check":"server_chain","verdict":"failed","saw":"the leaf alone",` +
			`"wanted":"the leaf and its intermediates","remedy":"serve the full chain"}]}`},
		{mixed[3:], `{"failed":false,"findings":[{"check":"host","verdict":"skipped"}]}`},
	} {
		if got, err := json.Marshal(test.report); err != nil || string(got) != test.want {
			t.Errorf("got %s, %v, want %s", got, err, test.want)
		}
	}
}
