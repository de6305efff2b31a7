package telemetry

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
)

// mostKept is how large a buffer is kept for the next line: that of a usual line is far smaller.
const mostKept = 16 << 10

// log writes the turn's line.
func (e *TurnEvent) log(ctx context.Context, level slog.Level, outcome string, took time.Duration) {
	const message = "Turn"
	t, at := e.telemetry, e.start.Add(took)
	l, _ := t.lines.Get().(*line)
	l.begin(t.json != nil, at, level, message)
	e.tell(l, outcome, took)
	if l.asJSON {
		l.json = append(l.json, "}\n"...)
		_, _ = t.json.Write(l.json) // there is nobody to tell
	} else {
		// Not by the logger, which would look up the line of code that speaks: it is always this one.
		record := slog.NewRecord(at, level, message, 0)
		record.AddAttrs(l.attrs...)
		_ = t.logger.Handler().Handle(ctx, record)
		clear(l.attrs) // so that they are not kept alive
	}
	if cap(l.json) <= mostKept {
		t.lines.Put(l)
	}
}

// tell tells a line what there is of the turn.
func (e *TurnEvent) tell(l *line, outcome string, took time.Duration) {
	l.text("outcome", outcome)
	l.number("http_status", e.HTTPStatus)
	l.text("code", codeName(e.Code))
	l.said("answer", string(e.Answered))
	l.said("fallback", e.Fallback)
	l.said("reason", e.Reason)
	l.said("error", e.Detail)
	if e.WriteError != nil {
		l.said("write_error", e.WriteError.Error())
	}
	l.duration("duration", took)

	l.said("webhook", e.Webhook)
	l.said("platform", e.Platform)
	l.said("project", e.Project)
	l.said("project_proof", e.ProjectProof)
	l.said("agent", e.Agent)
	l.said("agent_proof", e.AgentProof)
	l.said("environment", e.Environment)
	l.said("profile", e.Profile)
	l.said("forwarded_by", e.ForwardedBy)
	l.said("credential", e.Credential)
	l.said("peer", e.Peer)

	l.said("session", e.Session())
	l.said("turn_id", e.TurnID)
	l.said("intent", e.Intent)
	l.said("action", e.Action)
	l.said("tag", e.Tag)
	l.said("language", e.Language)
	l.counted("bytes_in", e.BytesIn)
	l.counted("unknown_fields", len(e.Unknown))
	for _, q := range e.quirks {
		l.counted("quirk_"+q.kind, q.count)
	}

	l.said("service", e.Service)
	l.said("method", e.Method)
	l.said("request_id", e.RequestID)
	l.said("joined", e.Joined)
	if e.traced(outcome, took) {
		l.said("trace_id", e.trace.ids.Trace.String())
	}
	if e.Tries > 1 {
		l.number("tries", e.Tries)
	}
	if e.Queued > 0 {
		l.duration("queued", e.Queued)
	}
	if e.ServiceDuration > 0 {
		l.text("service_code", codeName(e.ServiceCode))
		l.duration("service_duration", e.ServiceDuration)
		l.duration("budget_left", e.BudgetLeft)
		l.said("service_reason", e.ServiceReason)
	}
	if len(e.Dropped) > 0 {
		l.text("dropped", sentences(e.Dropped))
	}
	l.counted("bytes_out", e.BytesOut)
	e.tellUsers(l)
}

// said is what may be a stranger's text; nothing is not told.
func (l *line) said(key, value string) {
	if value != "" {
		l.text(key, authn.Printable(value))
	}
}

// counted is what is not told where there is none.
func (l *line) counted(key string, value int) {
	if value != 0 {
		l.number(key, value)
	}
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
