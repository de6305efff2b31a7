package telemetry_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/edge"
	"github.com/intentgate/intentgate/gateway/telemetry"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// accepted is a handshake whose certificate a profile accepts.
func accepted(profile string) edge.Handshake {
	return edge.Handshake{
		Peer: netip.MustParseAddrPort("192.0.2.1:4711"), SNI: "gateway.example", Version: tls.VersionTLS13,
		Verdict: &authn.Verdict{Accepted: []authn.Acceptance{{
			Profile: &authn.Profile{Name: profile},
			Chain:   "gts",
			Certificate: &intentgatev1.Caller_Certificate{
				Profile: profile, Subject: "CN=Google LLC", Sans: make([]string, 1000), Issuer: "CN=CA\n", Sha256: []byte{0xab, 0x12},
			},
		}}},
	}
}

func TestAudit(t *testing.T) {
	var trail bytes.Buffer
	telemetry, err := telemetry.New(telemetry.Config{
		Logger: slog.New(slog.DiscardHandler),
		Audit:  slog.New(slog.NewJSONHandler(&trail, nil)),
		Now:    func() time.Time { return start },
	})
	if err != nil {
		t.Fatal(err)
	}
	telemetry.Handshake(accepted("dialogflow"))
	late := accepted("dialogflow")
	late.Verdict.Accepted[0].OutsideDates = "until 2026-12-01T00:00:00Z"
	telemetry.Handshake(late)
	telemetry.Handshake(edge.Handshake{
		Peer:    netip.MustParseAddrPort("192.0.2.9:1"),
		Refusal: &authn.Refusal{Reason: authn.SubjectMismatch, Saw: "CN=Evil", Wanted: "CN=Google LLC"},
	})
	telemetry.Handshake(edge.Handshake{Refusal: &authn.Refusal{Reason: authn.HungUp}}) // nobody was judged

	for _, refusal := range []*authn.Refusal{
		{Reason: authn.ProjectMismatch, Saw: "project x", Wanted: "project shop"},
		nil, // a service is away: nothing about who asks
	} {
		event := telemetry.StartTurn(start)
		event.Peer, event.Webhook, event.Project = "192.0.2.1:4711", "/dialogflow/es", "x\u202e"
		event.Profile, event.Credential = "dialogflow", "es-agent"
		event.HTTPStatus, event.Code, event.Refusal = 403, codes.PermissionDenied, refusal
		event.Finish(t.Context())
	}

	var lines []string
	for line := range strings.Lines(trail.String()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		delete(entry, "time")
		if names, ok := entry["sans"].([]any); ok {
			entry["sans"] = len(names)
		}
		text, err := json.Marshal(entry)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(text))
	}
	want := []string{
		`{"chain":"gts","issuer":"CN=CA\\n","level":"INFO","msg":"Connection accepted","peer":"192.0.2.1:4711","profiles":["dialogflow"],"resumed":false,` +
			`"sans":21,"sha256":"ab12","sni":"gateway.example","subject":"CN=Google LLC","tls":"TLS 1.3"}`,
		`{"chain":"gts","issuer":"CN=CA\\n","level":"INFO","msg":"Connection accepted","outside_dates":"until 2026-12-01T00:00:00Z","peer":"192.0.2.1:4711",` +
			`"profiles":["dialogflow"],"resumed":false,"sans":21,"sha256":"ab12","sni":"gateway.example","subject":"CN=Google LLC","tls":"TLS 1.3"}`,
		`{"level":"WARN","msg":"Connection refused","peer":"192.0.2.9:1","reason":"subject_mismatch","resumed":false,"saw":"CN=Evil","sni":"",` +
			`"wanted":"CN=Google LLC"}`,
		`{"agent":"","credential":"es-agent","hint":"the session belongs to a project that this webhook does not serve: list it in the webhook's projects","level":"WARN","msg":"Turn refused","peer":"192.0.2.1:4711","profile":"dialogflow","project":"x\\u202e","reason":"project_mismatch",` +
			`"saw":"project x","wanted":"project shop","webhook":"/dialogflow/es"}`,
	}
	if got, want := strings.Join(lines, "\n"), strings.Join(want, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestAuditIsBounded lets a stranger be refused again and again.
func TestAuditIsBounded(t *testing.T) {
	for name, own := range map[string]bool{"a trail of its own": true, "the log": false} {
		t.Run(name, func(t *testing.T) {
			var trail bytes.Buffer
			log := slog.New(slog.NewJSONHandler(&trail, nil))
			now := start
			config := telemetry.Config{Logger: log, Now: func() time.Time { return now }}
			if own {
				config.Audit = log
			}
			telemetry, err := telemetry.New(config)
			if err != nil {
				t.Fatal(err)
			}
			stranger := edge.Handshake{Refusal: &authn.Refusal{Reason: authn.NoCertificate}}
			for range 5000 {
				telemetry.Handshake(stranger)
			}
			now = now.Add(time.Second)
			telemetry.Handshake(stranger)
			lines, last := strings.Count(trail.String(), "\n"), trail.String()[strings.LastIndex(strings.TrimSpace(trail.String()), "\n")+1:]
			if own && (lines != 1001 || !strings.Contains(last, `"suppressed":4000`)) || !own && lines != 0 {
				t.Errorf("%d lines, the last of them %s", lines, last)
			}
		})
	}
}
