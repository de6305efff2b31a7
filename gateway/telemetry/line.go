package telemetry

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	maxName = 64  // bytes of an unknown field's name in a metric
	maxText = 256 // bytes of a stranger's text in a log line
)

// log writes the turn's line.
func (e *TurnEvent) log(ctx context.Context, level slog.Level, outcome string, took time.Duration) {
	var space [40]slog.Attr
	attrs := append(space[:0],
		slog.String("outcome", outcome),
		slog.Int("http_status", e.HTTPStatus),
		slog.String("code", codeName(e.Code)),
	)
	text := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, printable(value, maxText)))
		}
	}
	number := func(key string, value int) {
		if value != 0 {
			attrs = append(attrs, slog.Int(key, value))
		}
	}
	text("reason", e.Reason)
	if e.Err != nil {
		text("error", e.Err.Error())
	}
	if e.WriteError != nil {
		text("write_error", e.WriteError.Error())
	}
	attrs = append(attrs, slog.Duration("duration", took))

	text("webhook", e.Webhook)
	text("platform", e.Platform)
	text("project", e.Project)
	text("project_proof", e.ProjectProof)
	text("agent", e.Agent)
	text("agent_proof", e.AgentProof)
	text("environment", e.Environment)
	text("profile", e.Profile)
	text("peer", e.Peer)

	text("turn_id", e.TurnID)
	text("intent", e.Intent)
	text("action", e.Action)
	text("tag", e.Tag)
	text("language", e.Language)
	number("bytes_in", e.BytesIn)
	number("unknown_fields", len(e.Unknown))
	for _, q := range e.quirks {
		number("quirk_"+q.kind, q.count)
	}

	text("service", e.Service)
	text("method", e.Method)
	text("request_id", e.RequestID)
	if e.ServiceDuration > 0 {
		attrs = append(attrs,
			slog.String("service_code", codeName(e.ServiceCode)),
			slog.Duration("service_duration", e.ServiceDuration),
			slog.Duration("budget_left", e.BudgetLeft),
		)
	}
	if len(e.Dropped) > 0 {
		text("dropped", strings.Join(e.Dropped, ", "))
	}
	number("bytes_out", e.BytesOut)
	e.telemetry.logger.LogAttrs(ctx, level, "Turn", attrs...)
}

// printable returns a stranger's text fit for people's eyes: what does not print, or turns the direction of writing, is
// escaped as Go does it, and what goes beyond so many bytes is cut.
func printable(text string, most int) string {
	plain := len(text) <= most
	for i := 0; plain && i < len(text); i++ {
		plain = text[i] >= ' ' && text[i] <= '~'
	}
	if plain {
		return text
	}
	// Escaping makes no text shorter. One byte more than fits has cut see that there was more, and takes with it half a
	// character that this leaves at the end.
	text = text[:min(len(text), most+1)]
	quoted := strconv.Quote(text)
	escaped := strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
	return cut(escaped, most)
}

// cut shortens text to so many bytes, the ellipsis included, and no half characters.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	most -= len("…")
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + "…"
}
