package telemetry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/telemetry"
)

// TestSessions has sessions told by a hash that says nothing to who has not the key, and is the same wherever it is.
func TestSessions(t *testing.T) {
	hash := func(key, session string) string {
		meters := newTelemetry(t, io.Discard)
		if key != "" {
			meters.SetPrivacy(nil, []byte(key))
		}
		event := meters.StartTurn(start)
		event.SetSession(session)
		return event.Session()
	}
	one, other := strings.Repeat("1", 32), strings.Repeat("2", 32)
	if a, b := hash(one, "s"), hash(one, "s"); a != b || len(a) != 16 {
		t.Errorf("%q and %q of the same session", a, b)
	}
	seen := map[string]bool{}
	for _, h := range []string{hash(one, "s"), hash(one, "t"), hash(other, "s"), hash("", "s"), hash("", "s")} {
		if seen[h] {
			t.Errorf("%q twice", h)
		}
		seen[h] = true
	}
	if h := hash(one, ""); h != "" {
		t.Errorf("%q of no session", h)
	}
}

// TestUserData has a line tell of users what is asked for, escaped and cut.
func TestUserData(t *testing.T) {
	for asked, want := range map[telemetry.UserData]string{
		"":                      `{}`,
		telemetry.Utterances:    `{"utterances":"my \\n word"}`,
		telemetry.Parameters:    `{"parameters":{"a":"1","b\\n":"\"x\""}}`,
		telemetry.StatusTexts:   `{"status_texts":"` + strings.Repeat("x", 253) + `…"}`,
		telemetry.Violations:    `{"violations":"saw x"}`,
		telemetry.UserData("x"): `{}`,
	} {
		var log bytes.Buffer
		meters := newTelemetry(t, &log)
		meters.SetPrivacy([]string{string(asked)}, nil)
		event := meters.StartTurn(start)
		event.Tell(telemetry.Utterances, "", "my \n word")
		event.Tell(telemetry.Parameters, "a", "1")
		event.Tell(telemetry.Parameters, "b\n", `"x"`)
		event.Tell(telemetry.StatusTexts, "", strings.Repeat("x", 1000))
		event.Tell(telemetry.Violations, "", "saw x")
		event.Finish(t.Context())
		var line struct {
			Utterances  string            `json:"utterances,omitempty"`
			Parameters  map[string]string `json:"parameters,omitempty"`
			StatusTexts string            `json:"status_texts,omitempty"`
			Violations  string            `json:"violations,omitempty"`
		}
		if err := json.Unmarshal(log.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if got, err := json.Marshal(line); err != nil || string(got) != want {
			t.Errorf("%s: %v, got %s, want %s", asked, err, got, want)
		}
	}
}

// TestMuchUserData has a line stay short, whatever a turn holds.
func TestMuchUserData(t *testing.T) {
	var log bytes.Buffer
	meters := newTelemetry(t, &log)
	meters.SetPrivacy([]string{string(telemetry.Parameters)}, nil)
	event := meters.StartTurn(start)
	for i := range 1000 {
		event.Tell(telemetry.Parameters, strconv.Itoa(i), strings.Repeat("x", 1000))
	}
	event.Finish(t.Context())
	if size := log.Len(); size < 20_000 || size > 40_000 {
		t.Errorf("a line of %d bytes", size)
	}
}

// TestAuditOfConfigurations has changes of the configuration in the audit trail, with who wanted them.
func TestAuditOfConfigurations(t *testing.T) {
	var trail bytes.Buffer
	meters, err := telemetry.New(telemetry.Config{
		Logger: slog.New(slog.DiscardHandler), Audit: slog.New(slog.NewTextHandler(&trail, nil)), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	meters.ConfigRead(t.Context(), telemetry.AtStart, nil, slog.String("file", "a.yaml"))
	meters.ConfigRead(t.Context(), telemetry.ByFile, nil)
	meters.ConfigRead(t.Context(), telemetry.BySignal, errors.New("no good\nat all"))
	var got []string
	for line := range strings.Lines(trail.String()) {
		_, line, _ = strings.Cut(line, " ")
		got = append(got, line)
	}
	want := `level=INFO msg="Configuration loaded" by=start file=a.yaml
level=INFO msg="Configuration changed" by=file
level=WARN msg="Configuration refused" by=SIGHUP error="no good\nat all"
`
	if got := strings.Join(got, ""); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	has(t, scrape(t, meters), `intentgate_config_reloads_total{result="reloaded"} 1`, `intentgate_config_reloads_total{result="failed"} 1`)
}
