package telemetry

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
)

// log writes the turn's line.
func (e *TurnEvent) log(ctx context.Context, level slog.Level, outcome string, took time.Duration) {
	var space [49]slog.Attr
	attrs := append(space[:0],
		slog.String("outcome", outcome),
		slog.Int("http_status", e.HTTPStatus),
		slog.String("code", codeName(e.Code)),
	)
	text := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, authn.Printable(value)))
		}
	}
	number := func(key string, value int) {
		if value != 0 {
			attrs = append(attrs, slog.Int(key, value))
		}
	}
	text("answer", string(e.Answered))
	text("fallback", e.Fallback)
	text("reason", e.Reason)
	text("error", e.Detail)
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
	text("forwarded_by", e.ForwardedBy)
	text("credential", e.Credential)
	text("peer", e.Peer)

	text("session", e.Session())
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
	text("joined", e.Joined)
	if e.traced(outcome, took) {
		text("trace_id", e.trace.ids.Trace.String())
	}
	if e.Tries > 1 {
		number("tries", e.Tries)
	}
	if e.Queued > 0 {
		attrs = append(attrs, slog.Duration("queued", e.Queued))
	}
	if e.ServiceDuration > 0 {
		attrs = append(attrs,
			slog.String("service_code", codeName(e.ServiceCode)),
			slog.Duration("service_duration", e.ServiceDuration),
			slog.Duration("budget_left", e.BudgetLeft),
		)
		text("service_reason", e.ServiceReason)
	}
	if len(e.Dropped) > 0 {
		attrs = append(attrs, slog.String("dropped", sentences(e.Dropped)))
	}
	number("bytes_out", e.BytesOut)
	for kind, said := range e.users {
		attrs = append(attrs, slog.Attr{Key: kind, Value: said})
	}
	// Not by the logger, which would look up the line of code that speaks: it is always this one.
	record := slog.NewRecord(e.start.Add(took), level, "Turn", 0)
	record.AddAttrs(attrs...)
	_ = e.telemetry.logger.Handler().Handle(ctx, record) // as the logger does: there is nobody to tell
}

// sentences are what was left out of an answer, each fit for a log line: the last one has as much room as the first.
func sentences(all []string) string {
	const most = 16
	said := make([]string, 0, most)
	for _, s := range all[:min(len(all), most)] {
		said = append(said, authn.Printable(withoutQuotes(s)))
	}
	if more := len(all) - most; more > 0 {
		said = append(said, "and "+strconv.Itoa(more)+" more")
	}
	return strings.Join(said, ", ")
}

// withoutQuotes leaves out what a sentence quotes of a reply: that it is one of the names that a service gives does not say that it
// is not what the user said.
func withoutQuotes(sentence string) string {
	var kept strings.Builder
	for {
		at := strings.IndexByte(sentence, '"')
		if at < 0 {
			return kept.String() + sentence
		}
		kept.WriteString(sentence[:at] + `"…"`)
		quoted, err := strconv.QuotedPrefix(sentence[at:])
		if err != nil {
			return kept.String() // it has no end
		}
		sentence = sentence[at+len(quoted):]
	}
}

// fieldName returns the name of an unknown field as a label: it is a stranger's text.
func fieldName(name string) string {
	const most = 64
	if len(name) > most {
		name = strings.ToValidUTF8(name[:most], "") + "…"
	}
	return authn.Printable(name)
}
