package telemetry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"

	"github.com/intentgate/intentgate/gateway/admission"
	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/backend"
	"github.com/intentgate/intentgate/gateway/edge"
	"github.com/intentgate/intentgate/gateway/expiry"
	"github.com/intentgate/intentgate/gateway/telemetry"
)

var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func newTelemetry(t *testing.T, log io.Writer) *telemetry.Telemetry {
	t.Helper()
	telemetry, err := telemetry.New(telemetry.Config{
		Logger: slog.New(telemetry.NewJSONHandler(log, slog.LevelInfo)),
		Audit:  slog.New(slog.DiscardHandler),
		Now:    func() time.Time { return start.Add(40 * time.Millisecond) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return telemetry
}

// scrape returns the lines of /metrics that are ours.
func scrape(t *testing.T, telemetry *telemetry.Telemetry) []string {
	t.Helper()
	w := httptest.NewRecorder()
	telemetry.Metrics().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	var ours []string
	for line := range strings.Lines(w.Body.String()) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "intentgate_") || strings.HasPrefix(line, "target_info") {
			ours = append(ours, line)
		}
	}
	return ours
}

func fill(event *telemetry.TurnEvent) {
	event.Webhook, event.Platform = "/dialogflow/es", "ES"
	event.Project, event.ProjectProof, event.Profile, event.Peer = "shop", "SECRET", "dialogflow", "192.0.2.1:4711"
	event.Credential = "es-agent"
	event.TurnID, event.Intent, event.Action, event.Language = "turn-1", "order.track", "track", "en"
	event.BytesIn, event.Unknown = 1400, []string{"agentId", "messages[].source"}
	event.AddQuirk("snake_case", 2)
	event.AddQuirk("number_as_string", 0)
	event.Service, event.Method, event.RequestID = "orders", "/intentgate.v1.IntentService/Fulfill", "1.abc"
	event.ServiceDuration, event.BudgetLeft = 12*time.Millisecond, 4600*time.Millisecond
	event.Tries, event.Queued = 2, 3*time.Millisecond
	event.HTTPStatus, event.Answered, event.BytesOut, event.Dropped = 200, telemetry.ByService, 300, []string{"card", "telephony"}
}

func TestTurnLine(t *testing.T) {
	var log bytes.Buffer
	telemetry := newTelemetry(t, &log)
	event := telemetry.StartTurn(start)
	fill(event)
	event.Finish(t.Context())

	var line map[string]any
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	delete(line, "time")
	got, err := json.Marshal(line)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"action":"track","answer":"service","budget_left":4600000000,"bytes_in":1400,"bytes_out":300,"code":"OK","credential":"es-agent","dropped":"card, telephony",` +
		`"duration":40000000,"http_status":200,"intent":"order.track","language":"en","level":"INFO","method":"/intentgate.v1.IntentService/Fulfill",` +
		`"msg":"Turn","outcome":"answered","peer":"192.0.2.1:4711","platform":"ES","profile":"dialogflow","project":"shop","project_proof":"SECRET",` +
		`"queued":3000000,"quirk_snake_case":2,"request_id":"1.abc","service":"orders","service_code":"OK","service_duration":12000000,"tries":2,"turn_id":"turn-1",` +
		`"unknown_fields":2,"webhook":"/dialogflow/es"}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// A line names the last part that was left out of an answer too, however long the names are, and has an end.
func TestTurnLineDropped(t *testing.T) {
	long := strings.Repeat("x", 300)
	for n, want := range map[int]string{
		3:  strings.Repeat(long[:253]+"…, ", 2) + "a\\nb",
		40: strings.Repeat(long[:253]+"…, ", 16) + "and 24 more",
	} {
		var log bytes.Buffer
		event := newTelemetry(t, &log).StartTurn(start)
		fill(event)
		event.Dropped = slices.Repeat([]string{long}, n)
		event.Dropped[n-1] = "a\nb"
		event.Finish(t.Context())
		var line struct{ Dropped string }
		if err := json.Unmarshal(log.Bytes(), &line); err != nil || line.Dropped != want {
			t.Errorf("%d: %v, got %q, want %q", n, err, line.Dropped, want)
		}
	}
}

func TestMetrics(t *testing.T) {
	meters := newTelemetry(t, io.Discard)
	for range 2 {
		event := meters.StartTurn(start)
		fill(event)
		event.Finish(t.Context())
	}
	meters.Handshake(accepted("dialogflow"))
	meters.Handshake(edge.Handshake{Refusal: &authn.Refusal{Reason: authn.NoCertificate}})
	state := connectivity.Ready
	orders := telemetry.Service{
		Name: "orders", State: func() connectivity.State { return state }, Load: func() backend.Load { return backend.Load{} },
	}
	control, err := admission.New(admission.Limits{Turns: 5, HeldBytes: 1 << 20}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if place, reason := control.Enter(""); reason != admission.None || !place.Hold(4096) {
		t.Fatal(reason)
	}
	meters.Observe(telemetry.Sources{
		Services: slices.Values([]telemetry.Service{orders}), Admission: control,
		Ends:   slices.Values([]expiry.End{{Kind: expiry.Root, Name: "dialogflow/gts", NotAfter: time.Unix(1796083200, 0)}}),
		Edge:   func() (int, int) { return 7, 2 },
		Config: func() (time.Time, bool) { return time.Unix(1796083200, 0), false },
	})
	for range 2 {
		event := meters.StartTurn(start)
		event.Webhook = "/dialogflow/cx"
		event.CallerLeft(t.Context(), 4*time.Second, 5*time.Second)
		event.CallerLeft(t.Context(), 5*time.Second, 5*time.Second) // which is over
	}
	for _, joined := range []string{"call", "answer", "answer"} {
		event := meters.StartTurn(start)
		event.HTTPStatus, event.Joined = 200, joined
		event.Finish(t.Context())
	}
	event := meters.StartTurn(start)
	event.Webhook, event.Platform, event.Service, event.Timeout = "/dialogflow/cx", "CX", "orders", 5*time.Second
	event.HTTPStatus, event.IDToken, event.Cause, event.KnownProject, event.KnownAgent = 200, "accepted", "timeout", "shop", "5f8a"
	event.Continued("offered")
	event.Finish(t.Context())
	has(t, scrape(t, meters),
		`intentgate_callers_left_total{webhook="/dialogflow/cx"} 2`,
		`intentgate_turns_in_work 1`,
		`intentgate_turns_limit 5`,
		`intentgate_held_limit_bytes 1.048576e+06`,
		`intentgate_connections 7`,
		`intentgate_handshakes_in_flight 2`,
		`intentgate_config_good 0`,
		`intentgate_config_loaded_timestamp_seconds 1.7960832e+09`,
		`intentgate_id_tokens_total{verdict="accepted",webhook="/dialogflow/cx"} 1`,
		`intentgate_fallbacks_total{cause="timeout",platform="CX",service="orders"} 1`,
		`intentgate_continuations_total{what="offered"} 1`,
		`intentgate_traces_dropped_total 0`,
		`intentgate_turn_time_left_seconds_bucket{platform="CX",service="orders",le="4"} 0`,
		`intentgate_turn_time_left_seconds_bucket{platform="CX",service="orders",le="5"} 1`,
		`intentgate_turns_total{agent="5f8a",answer="",code="OK",method="",outcome="answered",platform="CX",project="shop",reason="",service="orders"} 1`,
		`intentgate_joins_total{to="call"} 1`,
		`intentgate_joins_total{to="answer"} 2`,
		`intentgate_held_bytes 4096`,
		`intentgate_certificate_not_after_timestamp_seconds{kind="root",name="dialogflow/gts"} 1.7960832e+09`,
		`intentgate_turns_total{agent="",answer="service",code="OK",method="/intentgate.v1.IntentService/Fulfill",outcome="answered",platform="ES",project="",reason="",service="orders"} 2`,
		`intentgate_turn_duration_seconds_bucket{outcome="answered",platform="ES",service="orders",le="0.025"} 0`,
		`intentgate_turn_duration_seconds_bucket{outcome="answered",platform="ES",service="orders",le="0.05"} 2`,
		`intentgate_turn_duration_seconds_count{outcome="answered",platform="ES",service="orders"} 2`,
		`intentgate_service_call_duration_seconds_count{code="OK",service="orders"} 2`,
		`intentgate_handshakes_total{profile="dialogflow",reason="",result="accepted"} 1`,
		`intentgate_handshakes_total{profile="",reason="no_certificate",result="refused"} 1`,
		`intentgate_unknown_fields_total{name="agentId"} 2`,
		`intentgate_unknown_fields_total{name="messages[].source"} 2`,
		`intentgate_quirks_total{kind="snake_case"} 4`,
		`intentgate_dropped_reply_parts_total{platform="ES"} 4`,
		`intentgate_service_state{service="orders",state="ready"} 1`,
		`intentgate_service_state{service="orders",state="transient_failure"} 0`,
	)
	for _, line := range scrape(t, meters) {
		if strings.HasPrefix(line, "intentgate_service_call_duration_seconds_count{") && strings.HasSuffix(line, " 0") ||
			strings.HasPrefix(line, "intentgate_turn_time_left_seconds_count{") && !strings.Contains(line, `{platform="CX",service="orders"} 1`) {
			t.Errorf("nothing was measured: %s", line)
		}
	}
	state = connectivity.TransientFailure
	has(t, scrape(t, meters),
		`intentgate_service_state{service="orders",state="ready"} 0`,
		`intentgate_service_state{service="orders",state="transient_failure"} 1`,
	)
}

func has(t *testing.T, lines []string, wanted ...string) {
	t.Helper()
	all := map[string]bool{}
	for _, line := range lines {
		all[line] = true
	}
	for _, line := range wanted {
		if !all[line] {
			t.Errorf("no %s among\n%s", line, strings.Join(lines, "\n"))
		}
	}
}

func TestOutcomes(t *testing.T) {
	for _, test := range []struct {
		name    string
		fill    func(*telemetry.TurnEvent)
		outcome string
		level   string
		reason  string
	}{
		{"answered", func(e *telemetry.TurnEvent) { e.HTTPStatus = 200 }, "answered", "INFO", ""},
		{"identity", func(e *telemetry.TurnEvent) {
			e.HTTPStatus, e.Code, e.Reason = 403, codes.PermissionDenied, "profile_mismatch"
		}, "refused", "WARN", "profile_mismatch"},
		{"a service says no", func(e *telemetry.TurnEvent) {
			e.HTTPStatus, e.Code, e.Reason, e.ServiceDuration = 404, codes.NotFound, "service_status", 1
		}, "failed", "WARN", "service_status"},
		{"a service is away", func(e *telemetry.TurnEvent) {
			e.HTTPStatus, e.Code, e.Reason = 503, codes.Unavailable, "service_unavailable"
		}, "failed", "ERROR", "service_unavailable"},
		{"unsent", func(e *telemetry.TurnEvent) { e.HTTPStatus, e.WriteError = 200, errors.New("broken pipe") }, "lost", "WARN", ""},
		{"panic", func(*telemetry.TurnEvent) {}, "failed", "ERROR", "panic"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log bytes.Buffer
			event := newTelemetry(t, &log).StartTurn(start)
			test.fill(event)
			event.Finish(t.Context())
			var line struct{ Outcome, Level, Reason string }
			if err := json.Unmarshal(log.Bytes(), &line); err != nil {
				t.Fatal(err)
			}
			if line.Outcome != test.outcome || line.Level != test.level || line.Reason != test.reason {
				t.Errorf("got %+v", line)
			}
		})
	}
}

// TestSeriesStayBounded has strangers choose everything that they can, and a service its status.
func TestSeriesStayBounded(t *testing.T) {
	telemetry := newTelemetry(t, io.Discard)
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for i := range 2500 {
				n := worker*2500 + i
				event := telemetry.StartTurn(start)
				event.Platform, event.Service, event.HTTPStatus, event.ServiceDuration = "CX", "orders", 500, 1
				code := codes.Code(n) //nolint:gosec // Less than 10,000.
				event.Code, event.ServiceCode, event.Reason = code, code, "service_status"
				event.Intent, event.Tag, event.Project = fmt.Sprint("intent", n), fmt.Sprint("tag", n), fmt.Sprint("project", n)
				event.KnownProject, event.KnownAgent, event.Method = fmt.Sprint("project", n), fmt.Sprint("agent", n), fmt.Sprint("method", n)
				event.IDToken, event.Webhook, event.Cause = fmt.Sprint("verdict", n), fmt.Sprint("/path", n), fmt.Sprint("cause", n)
				event.Continued(fmt.Sprint("what", n))
				event.Unknown = []string{fmt.Sprintf("%d\n\u202e%s", n, strings.Repeat("é", 1000))}
				event.AddQuirk(fmt.Sprint("quirk", n), 1)
				event.Finish(t.Context())
				telemetry.Handshake(accepted(fmt.Sprint("profile", n)))
				telemetry.Handshake(edge.Handshake{Refusal: &authn.Refusal{Reason: authn.Reason(fmt.Sprint("reason", n))}})
			}
		})
	}
	group.Wait()
	lines := scrape(t, telemetry)
	if len(lines) < 2700 || len(lines) > 3500 {
		t.Errorf("%d lines", len(lines))
	}
	names, sum := 0, 0
	rest := regexp.MustCompile(`^intentgate_turns_total\{agent="other",answer="",code="Unknown",method="other",outcome="failed",platform="CX",project="other",.*\} (79\d\d|8000)$`)
	if !slices.ContainsFunc(lines, rest.MatchString) {
		t.Error("those that have no place are not told as others of the same service")
	}
	for _, line := range lines {
		if len(line) > 300 || strings.ContainsAny(line, "\u202e") {
			t.Errorf("a stranger's text: %q", line)
		}
		if name, count, ok := strings.Cut(strings.TrimPrefix(line, `intentgate_unknown_fields_total{name="`), `"} `); ok && strings.HasPrefix(line, "intentgate_unknown") {
			names++
			var n int
			if _, err := fmt.Sscan(count, &n); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			sum += n
			if len(name) > 2*64 {
				t.Errorf("a long name: %q", name)
			}
		}
	}
	if names != 101 || sum != 10000 {
		t.Errorf("%d names of unknown fields counted %d times; want 100 and other, 10000", names, sum)
	}
}

func TestHostileTextInLine(t *testing.T) {
	for text, want := range map[string]string{
		"order.track":              "order.track",
		`say "hi"`:                 `say "hi"`,
		"a\nb\x00":                 `a\nb\x00`,
		"\u202egpj.exe":            `\u202egpj.exe`,
		"grüße":                    "grüße",
		"\xff":                     `\xff`,
		strings.Repeat("x", 256):   strings.Repeat("x", 256),
		strings.Repeat("x", 257):   strings.Repeat("x", 253) + "…",
		strings.Repeat("é", 1<<20): strings.Repeat("é", 126) + "…",
	} {
		var log bytes.Buffer
		event := newTelemetry(t, &log).StartTurn(start)
		event.Intent = text
		event.Finish(t.Context())
		var line struct{ Intent string }
		if err := json.Unmarshal(log.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if line.Intent != want {
			t.Errorf("%.40q: got %q, want %q", text, line.Intent, want)
		}
	}
}

func TestRefusesGaps(t *testing.T) {
	whole := telemetry.Config{Logger: slog.New(slog.DiscardHandler), Audit: slog.New(slog.DiscardHandler), Now: time.Now}
	for name, gap := range map[string]func(*telemetry.Config){
		"logger": func(c *telemetry.Config) { c.Logger = nil },
		"clock":  func(c *telemetry.Config) { c.Now = nil },
	} {
		config := whole
		gap(&config)
		if _, err := telemetry.New(config); err == nil {
			t.Errorf("accepted without %s", name)
		}
	}
}

// nowhere is io.Discard for a logger that is to do its work all the same.
type nowhere struct{}

func (nowhere) Write(line []byte) (int, error) { return len(line), nil }

func BenchmarkFinish(b *testing.B) {
	for name, handler := range map[string]slog.Handler{
		"metrics":         slog.DiscardHandler,
		"metrics_and_log": telemetry.NewJSONHandler(nowhere{}, slog.LevelInfo),
	} {
		b.Run(name, func(b *testing.B) {
			telemetry, err := telemetry.New(telemetry.Config{Logger: slog.New(handler), Audit: slog.New(slog.DiscardHandler), Now: func() time.Time { return start }})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				event := telemetry.StartTurn(start)
				event.Webhook, event.Platform, event.Project, event.ProjectProof = "/dialogflow/es", "ES", "shop", "STATED"
				event.Service, event.Method, event.RequestID = "orders", "/intentgate.v1.IntentService/Fulfill", "1.abc"
				event.TurnID, event.Intent, event.Action, event.Profile = "turn-1", "order.track", "track", "dialogflow"
				event.SetSession("projects/shop/agent/sessions/7d1f0a52-3c1b-4e0a-8a55-90be2d7f6c11")
				event.Timeout, event.IDToken, event.KnownProject = 5*time.Second, "accepted", "shop"
				event.ServiceDuration, event.HTTPStatus, event.BytesIn, event.BytesOut = 1, 200, 1400, 300
				event.Unknown = nil
				event.Finish(b.Context())
			}
		})
	}
}
