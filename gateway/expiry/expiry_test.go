package expiry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intentgate/intentgate/gateway/expiry"
)

func TestNear(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Date(2041, 2, 3, 4, 5, 6, 0, time.UTC)
	for _, c := range []struct {
		kind string
		left time.Duration
		near bool
	}{
		{expiry.SVID, 20 * time.Minute, false},
		{expiry.SVID, 20*time.Minute - 1, true},
		{expiry.Edge, 30 * day, false},
		{expiry.Edge, 30*day - 1, true},
		{expiry.Edge, 0, true},
		{expiry.Service, -day, true},
		{expiry.Root, -day, true},
		{expiry.Profile, 30 * day, false},
		{expiry.Profile, 1, true},
		{expiry.Profile, 0, false},
	} {
		end := expiry.End{Kind: c.kind, NotAfter: now.Add(c.left), Life: time.Hour}
		if got := expiry.Near(slices.Values([]expiry.End{end}), now); (len(got) == 1) != c.near {
			t.Errorf("%s with %s left: %v", c.kind, c.left, got)
		}
	}
	ends := []expiry.End{{Name: "b", NotAfter: now.Add(2)}, {Name: "a", NotAfter: now.Add(1)}}
	if got := expiry.Near(slices.Values(ends), now); got[0].Name != "a" || got[1].Name != "b" {
		t.Errorf("not in order: %v", got)
	}
}

// buffer is a log that is read while it is written.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// TestWarn lets days go by.
func TestWarn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log buffer
		end := time.Now().Add(31*24*time.Hour + time.Minute)
		ends := slices.Values([]expiry.End{{Kind: expiry.Root, Name: "dev/gts", NotAfter: end}})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			done <- expiry.Warn(ctx, expiry.Config{Ends: ends, Logger: slog.New(slog.NewJSONHandler(&log, nil)), Now: time.Now})
		}()
		synctest.Wait()
		if text := log.String(); text != "" {
			t.Errorf("31 days before: %s", text)
		}
		time.Sleep(33*24*time.Hour + time.Second)
		synctest.Wait()
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 32 { // on the days 2 to 33
			t.Errorf("%d lines, want 32", len(lines))
		}
		for i, want := range map[int]string{0: "Expires soon", 29: "Expires soon", 30: "Has expired"} {
			var line map[string]any
			if err := json.Unmarshal([]byte(lines[i]), &line); err != nil {
				t.Fatal(err)
			}
			if line["msg"] != want || line["level"] != "WARN" || line["name"] != "dev/gts" || line["kind"] != "root" || line["hint"] == nil ||
				line["not_after"] != end.UTC().Format(time.RFC3339Nano) {
				t.Errorf("line %d is %s, want %s", i, lines[i], want)
			}
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestGaps(t *testing.T) {
	if err := expiry.Warn(t.Context(), expiry.Config{}); err == nil {
		t.Error("warned without anything")
	}
}
