package telemetry_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/edge"
	"github.com/intentgate/intentgate/gateway/telemetry"
)

// TestOutsideDates accepts again and again what dates would refuse, were they enforced.
func TestOutsideDates(t *testing.T) {
	var log bytes.Buffer
	now := start
	telemetry, err := telemetry.New(telemetry.Config{
		Logger: slog.New(slog.NewTextHandler(&log, nil)), Audit: slog.New(slog.DiscardHandler), Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	outside := func(profile, chain string) edge.Handshake {
		handshake := accepted(profile)
		first := &handshake.Verdict.Accepted[0]
		first.Chain, first.OutsideDates = chain, "until 2026-12-01T00:00:00Z"
		return handshake
	}
	both := outside("dev", "gts")
	both.Verdict.Accepted = append(both.Verdict.Accepted, outside("dev-2", "gts").Verdict.Accepted...)
	for i, c := range []struct {
		handshake edge.Handshake
		later     time.Duration
		lines     int
	}{
		{accepted("dev"), 0, 0},
		{outside("dev", "gts"), 0, 1},
		{outside("dev", "gts"), time.Hour - 1, 0},
		{outside("dev", "custom"), 0, 1},
		{outside("dev", "gts"), 1, 1},
		{both, 0, 1},
	} {
		log.Reset()
		now = now.Add(c.later)
		telemetry.Handshake(c.handshake)
		if got := strings.Count(log.String(), "level=WARN msg=\"Certificate accepted outside of its profile's dates\""); got != c.lines {
			t.Errorf("%d: %d lines, want %d: %s", i, got, c.lines, log.String())
		}
	}
	if !strings.Contains(log.String(), `profile=dev-2 chain=gts dates="until 2026-12-01T00:00:00Z" subject="CN=Google LLC"`) {
		t.Errorf("the log says %s", log.String())
	}
	has(t, scrape(t, telemetry),
		`intentgate_handshakes_total{profile="dev",reason="",result="accepted"} 1`,
		fmt.Sprintf(`intentgate_handshakes_total{profile="dev",reason="%s",result="accepted"} 5`, authn.OutsideDates),
	)
}
