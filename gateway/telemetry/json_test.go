package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/intentgate/intentgate/gateway/telemetry"
	"github.com/intentgate/intentgate/gateway/telemetry/traces"
)

// hostile are texts that JSON, slog or a terminal has an opinion on.
var hostile = []string{
	"", "a", `say "hi"`, `\`, `\\"`, "<b>&amp;</b>", "a\nb\r\tc", "\x00\x01\x08\x0b\x0c\x1f\x7f", "\u0080\u009f", "\u2028\u2029", "\u202egpj.exe", "grüße", "😀",
	"\ufffd", "\ufeff", "\xff", "a\xc3", "\xed\xa0\x80", "\xf0\x9f\x98", "é\xffé\"é", strings.Repeat("x", 256), strings.Repeat("x", 257),
	strings.Repeat(`"`, 256), strings.Repeat("é", 1<<16), strings.Repeat("\\\n\xff", 1<<10),
}

// FuzzJSONText holds texts in JSON as slog has them.
func FuzzJSONText(f *testing.F) {
	for _, text := range hostile {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var line bytes.Buffer
		slog.New(slog.NewJSONHandler(&line, nil)).Info("", slog.String("key", text))
		_, want, _ := strings.Cut(line.String(), `"key":`)
		if got := string(telemetry.AppendText(nil, text)) + "}\n"; got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	})
}

// bothLines are a turn's by the handler of Telemetry and by slog's own.
func bothLines(t *testing.T, start, end time.Time, to *traces.Traces, fill func(*telemetry.TurnEvent)) (own, slogs string) {
	t.Helper()
	var lines [2]bytes.Buffer
	for _, handler := range []slog.Handler{telemetry.NewJSONHandler(&lines[0], slog.LevelInfo), slog.NewJSONHandler(&lines[1], nil)} {
		meters, err := telemetry.New(telemetry.Config{Logger: slog.New(handler), Audit: slog.New(slog.DiscardHandler), Now: func() time.Time { return end }})
		if err != nil {
			t.Fatal(err)
		}
		meters.SetPrivacy([]string{string(telemetry.Utterances), string(telemetry.Parameters)}, []byte("key"))
		event := meters.StartTurn(start)
		event.Trace(to, http.Header{})
		fill(event)
		event.Finish(t.Context())
	}
	drawn := regexp.MustCompile(`"trace_id":"[0-9a-f]{32}"`) // another for each
	return drawn.ReplaceAllString(lines[0].String(), "traced"), drawn.ReplaceAllString(lines[1].String(), "traced")
}

// TestLineAsSlogs has the line of a turn be what slog would write, whatever a field holds.
func TestLineAsSlogs(t *testing.T) {
	unsampled := newTraces(t, 0)
	same := func(start, end time.Time, fill func(*telemetry.TurnEvent)) {
		t.Helper()
		if own, slogs := bothLines(t, start, end, unsampled, fill); own != slogs || !strings.HasPrefix(own, `{"time":"`) || strings.Count(own, "\n") != 1 {
			t.Errorf("got\n%.3000s\nwant\n%.3000s", own, slogs)
		}
	}
	end := start.Add(40 * time.Millisecond)
	same(start, end, fill)
	same(start, end, func(*telemetry.TurnEvent) {}) // a panic
	same(start, end, func(e *telemetry.TurnEvent) {
		e.HTTPStatus, e.Code, e.Reason = 403, codes.PermissionDenied, "profile_mismatch"
	})
	same(start, end, func(e *telemetry.TurnEvent) { e.HTTPStatus, e.WriteError = 200, errors.New("broken\n\"pipe\"") })
	for _, zone := range []*time.Location{time.UTC, time.FixedZone("", -3*3600-1800)} {
		for _, nanoseconds := range []time.Duration{0, 1, 120_000_000, 999_999_999} {
			same(start.In(zone), start.In(zone).Add(nanoseconds), fill)
		}
	}
	now := time.Now()
	same(now, now.Add(time.Millisecond), fill)
	for _, text := range hostile {
		same(start, end, func(e *telemetry.TurnEvent) {
			fields := reflect.ValueOf(e).Elem()
			for i := range fields.NumField() {
				switch field := fields.Field(i); {
				case !field.CanSet():
				case field.Kind() == reflect.String:
					field.SetString(text)
				case field.CanInt() && field.Type() != reflect.TypeFor[codes.Code]():
					field.SetInt(int64(i))
				}
			}
			e.SetSession(text)
			e.AddQuirk("snake_case", 3)
			e.Dropped, e.Unknown = []string{text, text}, []string{text}
			e.Code, e.ServiceCode = codes.Unavailable, 1000
			e.Tell(telemetry.Utterances, "", text+".")
			e.Tell(telemetry.Parameters, "a"+text, text+".")
			e.Tell(telemetry.Parameters, "b", `"x"`)
		})
	}
}

// TestJSONHandler has other lines be slog's, with their level, groups and attributes, and has a logger with attributes give them to turns.
func TestJSONHandler(t *testing.T) {
	var got, want bytes.Buffer
	const level = slog.LevelWarn
	for _, handler := range []slog.Handler{telemetry.NewJSONHandler(&got, level), slog.NewJSONHandler(&want, &slog.HandlerOptions{Level: level})} {
		logger := slog.New(at{handler})
		logger.Info("Left out")
		logger.Warn("A line", "a", []string{"<>"}, slog.Group("g", "b", errors.New("c")))
		logger.With("log", "audit").WithGroup("h").Error("Another", "d", 1.5)
		meters, err := telemetry.New(telemetry.Config{Logger: slog.New(handler).With("replica", 1), Now: func() time.Time { return start }})
		if err != nil {
			t.Fatal(err)
		}
		for _, status := range []int{200, 500} { // of which one is told
			event := meters.StartTurn(start)
			event.HTTPStatus = status
			event.Finish(t.Context())
		}
	}
	if got.String() != want.String() || strings.Count(got.String(), "\n") != 3 || !strings.Contains(got.String(), `"replica":1,"outcome"`) {
		t.Errorf("got\n%s\nwant\n%s", &got, &want)
	}
}

// at has all lines said at the same time.
type at struct{ slog.Handler }

func (h at) Handle(ctx context.Context, record slog.Record) error {
	record.Time = start
	return h.Handler.Handle(ctx, record)
}

func (h at) WithAttrs(attrs []slog.Attr) slog.Handler { return at{h.Handler.WithAttrs(attrs)} }
func (h at) WithGroup(name string) slog.Handler       { return at{h.Handler.WithGroup(name)} }

// TestManyLines has turns end at the same time as other lines are written, to a writer that takes one at a time.
func TestManyLines(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(telemetry.NewJSONHandler(&log, slog.LevelInfo))
	meters, err := telemetry.New(telemetry.Config{Logger: logger, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	const workers, turns = 4, 100
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for i := range turns {
				event := meters.StartTurn(time.Now())
				event.HTTPStatus, event.Intent = http.StatusOK, strings.Repeat("x", i)
				event.Finish(t.Context())
				logger.Info("A line")
			}
		})
	}
	group.Wait()
	lines := 0
	for line := range strings.Lines(log.String()) {
		if lines++; !strings.HasPrefix(line, `{"time":`) || !strings.HasSuffix(line, "}\n") {
			t.Errorf("%q", line)
		}
	}
	if lines != 2*workers*turns {
		t.Errorf("%d lines", lines)
	}
}

// TestFinished has nothing of a turn left in what the next one is told by.
func TestFinished(t *testing.T) {
	meters := newTelemetry(t, nowhere{})
	meters.SetPrivacy([]string{string(telemetry.Utterances)}, nil)
	event := meters.StartTurn(start)
	event.Trace(newTraces(t, 1), http.Header{})
	fill(event)
	event.SetSession("s")
	event.Tell(telemetry.Utterances, "", "my word")
	event.Finish(t.Context())
	if !reflect.ValueOf(event).Elem().IsZero() {
		t.Errorf("left: %+v", event)
	}
}
