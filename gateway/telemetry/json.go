package telemetry

import (
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"
)

// NewJSONHandler returns a handler like that of slog.NewJSONHandler. The lines of turns, of which there are most, are the same byte for
// byte, but written in one pass where the Logger of Telemetry has it.
func NewJSONHandler(to io.Writer, level slog.Leveler) slog.Handler {
	shared := &oneByOne{to: to}
	return jsonHandler{slog.NewJSONHandler(shared, &slog.HandlerOptions{Level: level}), shared}
}

// jsonHandler adds nothing to lines: what WithAttrs and WithGroup return is slog's own handler, which does.
type jsonHandler struct {
	*slog.JSONHandler

	to io.Writer
}

// oneByOne is a writer for those who do not wait for each other.
type oneByOne struct {
	mu sync.Mutex
	to io.Writer
}

func (w *oneByOne) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(line)
}

// line is a turn's while it is made: as JSON, or as attributes where the log is something else.
type line struct {
	asJSON bool
	json   []byte
	attrs  []slog.Attr
}

// begin makes the line one that says nothing yet: what it said of another turn is never written, since only what is appended is.
func (l *line) begin(asJSON bool, at time.Time, level slog.Level, message string) {
	l.asJSON, l.json, l.attrs = asJSON, l.json[:0], l.attrs[:0]
	if asJSON {
		l.json = at.AppendFormat(append(l.json, `{"time":"`...), time.RFC3339Nano)
		l.json = append(l.json, '"')
		l.text(slog.LevelKey, level.String())
		l.text(slog.MessageKey, message)
	}
}

func (l *line) text(key, value string) {
	if l.asJSON {
		l.key(key)
		l.json = appendText(l.json, value)
		return
	}
	l.attrs = append(l.attrs, slog.String(key, value))
}

func (l *line) number(key string, value int) {
	if l.asJSON {
		l.key(key)
		l.json = strconv.AppendInt(l.json, int64(value), 10)
		return
	}
	l.attrs = append(l.attrs, slog.Int(key, value))
}

func (l *line) duration(key string, value time.Duration) {
	if l.asJSON {
		l.key(key)
		l.json = strconv.AppendInt(l.json, int64(value), 10)
		return
	}
	l.attrs = append(l.attrs, slog.Duration(key, value))
}

// group has texts alone.
func (l *line) group(key string, texts []slog.Attr) {
	if !l.asJSON {
		l.attrs = append(l.attrs, slog.Attr{Key: key, Value: slog.GroupValue(texts...)})
		return
	}
	l.key(key)
	before := byte('{')
	for _, text := range texts {
		l.json = append(appendText(append(l.json, before), text.Key), ':')
		l.json = appendText(l.json, text.Value.String())
		before = ','
	}
	l.json = append(l.json, '}')
}

// key begins a field, which is not the first one, under a name in which there is nothing to escape.
func (l *line) key(name string) {
	l.json = append(append(append(l.json, `,"`...), name...), `":`...)
}

// appendText appends a text as slog has it in JSON.
func appendText(to []byte, text string) []byte {
	plain := 0
	for plain < len(text) && text[plain] >= ' ' && text[plain] < utf8.RuneSelf && text[plain] != '"' && text[plain] != '\\' {
		plain++
	}
	to = append(append(to, '"'), text[:plain]...)
	for rest := text[plain:]; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		switch {
		case r == '"', r == '\\':
			to = append(to, '\\', byte(r))
		case r == '\n':
			to = append(to, `\n`...)
		case r == '\r':
			to = append(to, `\r`...)
		case r == '\t':
			to = append(to, `\t`...)
		case r < ' ', r == '\u2028', r == '\u2029', r == utf8.RuneError && size == 1: // JavaScript ends lines at the two
			to = fmt.Appendf(to, `\u%04x`, r)
		default:
			to = append(to, rest[:size]...)
		}
		rest = rest[size:]
	}
	return append(to, '"')
}
