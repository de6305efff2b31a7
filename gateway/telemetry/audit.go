package telemetry

import (
	"context"
	"errors"
	"io"
	"log/slog"
)

// Audit writes who was let in and who was not, one JSON object a line, apart from the log. It holds back nothing: that
// refusals are limited is up to whoever calls it. It is safe for concurrent use.
type Audit struct{ log *slog.Logger }

// NewAudit returns an Audit that writes each line to w with one Write.
func NewAudit(w io.Writer) (*Audit, error) {
	if w == nil {
		return nil, errors.New("telemetry: the audit trail needs a writer")
	}
	return &Audit{log: slog.New(slog.NewJSONHandler(w, nil))}, nil
}

// Party is the other end of a connection as far as it is known. All of it may be a stranger's text: it is escaped and cut.
type Party struct {
	Peer        string   // address and port
	SNI         string   // the name that it called
	TLS         string   // the version, such as `TLS 1.3`
	Resumed     bool     // of an earlier connection, the certificate with it
	Profiles    []string // the trust profiles that accept the certificate
	Subject     string
	Names       []string // the SANs
	Issuer      string
	Fingerprint string // SHA-256 of the certificate, in hex
}

// Refusal is why somebody was not let in.
type Refusal struct {
	Reason string // stable, snake_case
	Saw    string
	Wanted string
}

// Accepted tells of a new connection whose certificate is accepted.
func (a *Audit) Accepted(ctx context.Context, party Party) {
	a.log.LogAttrs(ctx, slog.LevelInfo, "Connection accepted", party.attrs()...)
}

// Refused tells of a connection that is refused in its handshake.
func (a *Audit) Refused(ctx context.Context, party Party, refusal Refusal) {
	a.log.LogAttrs(ctx, slog.LevelWarn, "Connection refused", append(party.attrs(), refusal.attrs()...)...)
}

// RequestRefused tells of a request that is refused on an accepted connection: for its path the certificate, or what the
// session states, is not good enough.
func (a *Audit) RequestRefused(ctx context.Context, party Party, webhook string, refusal Refusal) {
	attrs := append(party.attrs(), slog.String("webhook", webhook))
	a.log.LogAttrs(ctx, slog.LevelWarn, "Request refused", append(attrs, refusal.attrs()...)...)
}

func (p Party) attrs() []slog.Attr {
	attrs := []slog.Attr{slog.String("peer", p.Peer)}
	for _, text := range []struct{ key, value string }{
		{"sni", p.SNI}, {"tls", p.TLS}, {"subject", p.Subject}, {"issuer", p.Issuer}, {"sha256", p.Fingerprint},
	} {
		if text.value != "" {
			attrs = append(attrs, slog.String(text.key, printable(text.value, maxText)))
		}
	}
	if len(p.Profiles) > 0 {
		attrs = append(attrs, slog.Any("profiles", p.Profiles))
	}
	if len(p.Names) > 0 {
		const most = 20
		names := make([]string, 0, min(len(p.Names), most))
		for _, name := range p.Names[:cap(names)] {
			names = append(names, printable(name, maxText))
		}
		attrs = append(attrs, slog.Any("names", names), slog.Int("names_in_all", len(p.Names)))
	}
	return append(attrs, slog.Bool("resumed", p.Resumed))
}

func (r Refusal) attrs() []slog.Attr {
	return []slog.Attr{
		slog.String("reason", r.Reason),
		slog.String("saw", printable(r.Saw, maxText)),
		slog.String("wanted", printable(r.Wanted, maxText)),
	}
}
