package main

import (
	"errors"
	"log/slog"
	"math"
	"os"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// TestTuneMemory has the collector told what nobody else says.
func TestTuneMemory(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(math.MaxInt64)
	t.Cleanup(func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	})
	for name, c := range map[string]struct {
		env     map[string]string
		limit   memlimit.Provider
		percent int
		bytes   int64
		said    string
	}{
		"a container":    {nil, memlimit.Limit(1000 << 20), 400, 922746880, `"msg":"Memory","gogc":400,"limit_bytes":922746880`},
		"no limit":       {nil, func() (uint64, error) { return 0, memlimit.ErrNoLimit }, 400, math.MaxInt64, `"gogc":400`},
		"nobody knows":   {nil, func() (uint64, error) { return 0, errors.New("no cgroups") }, 400, math.MaxInt64, "Memory limit unknown: set GOMEMLIMIT"},
		"GOGC":           {map[string]string{"GOGC": "70"}, memlimit.Limit(1000 << 20), 70, 922746880, `"gogc":70`},
		"GOMEMLIMIT":     {map[string]string{"GOMEMLIMIT": "1GiB"}, memlimit.Limit(1000 << 20), 400, math.MaxInt64, `"gogc":400`},
		"both":           {map[string]string{"GOGC": "off", "GOMEMLIMIT": "1GiB"}, memlimit.Limit(1000 << 20), 70, math.MaxInt64, `"gogc":70`},
		"the real thing": {nil, containerMemory, 400, 0, `"gogc":400`},
	} {
		t.Run(name, func(t *testing.T) {
			debug.SetMemoryLimit(math.MaxInt64)
			debug.SetGCPercent(100)
			for _, key := range []string{"GOGC", "GOMEMLIMIT", "AUTOMEMLIMIT"} {
				if value, set := c.env[key]; set {
					t.Setenv(key, value)
					debug.SetGCPercent(70) // as the runtime would have done
					continue
				}
				t.Setenv(key, "") // put back afterwards
				if err := os.Unsetenv(key); err != nil {
					t.Fatal(err)
				}
			}
			if c.env["GOGC"] == "" {
				debug.SetGCPercent(100)
			}
			var log strings.Builder
			tuneMemory(slog.New(slog.NewJSONHandler(&log, nil)), c.limit)
			if got := debug.SetGCPercent(100); got != c.percent {
				t.Errorf("GOGC is %d, want %d", got, c.percent)
			}
			if got := debug.SetMemoryLimit(-1); got != c.bytes && (c.bytes != 0 || got <= 0 || got == math.MaxInt64) {
				t.Errorf("the limit is %d bytes, want %d", got, c.bytes)
			}
			if !strings.Contains(log.String(), c.said) {
				t.Errorf("the log says %q, want %q", log.String(), c.said)
			}
		})
	}
}
