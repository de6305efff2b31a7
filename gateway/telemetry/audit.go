package telemetry

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/hex"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/idtoken"
	"github.com/intentgate/intentgate/gateway/authn/secret"
	"github.com/intentgate/intentgate/gateway/edge"
)

// audit is the trail of decisions on identities.
type audit struct {
	*slog.Logger

	own        bool // the trail has a place of its own
	refusals   *rate.Limiter
	suppressed *atomic.Int64
}

// newAudit bounds what strangers, who are refused as often as they like, can make it hold: some hundred megabytes a day.
func newAudit(config Config) audit {
	trail := audit{Logger: config.Audit, own: config.Audit != nil, refusals: rate.NewLimiter(10, 1000), suppressed: new(atomic.Int64)}
	if !trail.own {
		trail.Logger = config.Logger.With("log", "audit")
	}
	return trail
}

// refused tells of a handshake that was refused, with the number of those that were not told before it.
func (a audit) refused(ctx context.Context, now time.Time, attrs []slog.Attr) {
	switch {
	case !a.own:
	case !a.refusals.AllowN(now, 1):
		a.suppressed.Add(1)
	default:
		if n := a.suppressed.Swap(0); n > 0 {
			attrs = append(attrs, slog.Int64("suppressed", n))
		}
		a.LogAttrs(ctx, slog.LevelWarn, "Connection refused", attrs...)
	}
}

// Handshake counts a handshake of the edge and writes the decision on an identity to the audit trail.
func (t *Telemetry) Handshake(h edge.Handshake) {
	ctx := context.Background() // a handshake belongs to no request yet
	if h.Challenge {
		t.handshakes.count(1, "challenge", "")
		return
	}
	if h.Refusal != nil {
		reason := string(h.Refusal.Reason)
		t.handshakes.count(1, "refused", reason)
		if judged(h.Refusal.Reason) {
			t.audit.refused(ctx, t.now(), append(connection(h), refusal(h.Refusal)...))
		}
		return
	}
	if h.Verdict == nil || len(h.Verdict.Accepted) == 0 {
		return // the edge gives one of the two
	}
	accepted := &h.Verdict.Accepted[0]
	t.handshakes.count(1, "accepted", outside(accepted), accepted.Profile.Name)
	t.warnOutside(ctx, h.Verdict)
	t.audit.LogAttrs(ctx, slog.LevelInfo, "Connection accepted", append(connection(h), identity(h.Verdict)...)...)
}

// Forwarded counts a certificate that a proxy handed on and writes the decision on it to the audit trail, each time that it is
// judged. Of one that is refused, the turn tells.
func (t *Telemetry) Forwarded(f edge.Forwarded) {
	ctx := context.Background() // as for a handshake: it is no part of the turn's line
	if f.Verdict == nil {
		t.forwarded.count(1, "refused", string(f.Refusal.Reason), f.Proxy)
		return
	}
	accepted := &f.Verdict.Accepted[0]
	t.forwarded.count(1, "accepted", outside(accepted), f.Proxy, accepted.Profile.Name)
	t.warnOutside(ctx, f.Verdict)
	if f.Fresh {
		t.audit.LogAttrs(ctx, slog.LevelInfo, "Forwarded certificate accepted",
			append([]slog.Attr{slog.String("peer", f.Peer), slog.String("forwarded_by", f.Proxy)}, identity(f.Verdict)...)...)
	}
}

// outside is the reason of an acceptance that deserves one, or "".
func outside(accepted *authn.Acceptance) string {
	if accepted.OutsideDates == "" {
		return ""
	}
	return string(authn.OutsideDates)
}

// identity tells of a certificate that is accepted.
func identity(verdict *authn.Verdict) []slog.Attr {
	accepted := &verdict.Accepted[0]
	certificate := accepted.Certificate
	attrs := []slog.Attr{
		slog.Any("profiles", verdict.Profiles()),
		slog.String("chain", accepted.Chain),
		slog.String("subject", authn.Printable(certificate.GetSubject())),
		slog.Any("sans", sans(certificate.GetSans())),
		slog.String("issuer", authn.Printable(certificate.GetIssuer())),
		slog.String("sha256", hex.EncodeToString(certificate.GetSha256())),
	}
	if accepted.OutsideDates != "" {
		attrs = append(attrs, slog.String("outside_dates", accepted.OutsideDates))
	}
	return attrs
}

// judged says whether a handshake that failed says anything of an identity: scans, health checks and time-outs do not.
func judged(reason authn.Reason) bool {
	switch reason {
	case authn.NotTLS, authn.ProtocolVersion, authn.ClientRefused, authn.Timeout, authn.HungUp, authn.Overload, authn.HandshakeFailed,
		authn.ProxyHeader, authn.ProxyUnlisted, authn.NoChallenge, authn.NoServerCertificate:
		return false
	default:
		return true
	}
}

// auditTurn writes a turn to the audit trail that was refused for who asks: on an accepted connection, but for its path the
// certificate, or what the session states, is not good enough.
func (e *TurnEvent) auditTurn(ctx context.Context) {
	refused := e.Refusal
	if refused == nil {
		return
	}
	var by slog.Attr // none
	if e.ForwardedBy != "" {
		by = slog.String("forwarded_by", e.ForwardedBy)
	}
	hint := cmp.Or(refused.Reason.Hint(), idtoken.Hint(refused.Reason), secret.Hint(refused.Reason))
	e.telemetry.audit.LogAttrs(ctx, slog.LevelWarn, "Turn refused", append([]slog.Attr{
		slog.String("peer", e.Peer),
		slog.String("webhook", e.Webhook),
		slog.String("profile", e.Profile),
		by,
		slog.String("credential", e.Credential),
		slog.String("project", authn.Printable(e.Project)),
		slog.String("agent", authn.Printable(e.Agent)),
		slog.String("hint", hint),
	}, refusal(refused)...)...)
}

// connection tells which connection it is about.
func connection(h edge.Handshake) []slog.Attr {
	attrs := []slog.Attr{slog.String("peer", h.Peer.String()), h.By(), slog.String("sni", h.SNI), slog.Bool("resumed", h.Resumed)}
	if h.Version != 0 {
		attrs = append(attrs, slog.String("tls", tls.VersionName(h.Version)))
	}
	return attrs
}

func refusal(r *authn.Refusal) []slog.Attr {
	return []slog.Attr{slog.String("reason", string(r.Reason)), slog.String("saw", r.Saw), slog.String("wanted", r.Wanted)}
}

// sans returns the first names of a certificate; a certificate may carry thousands.
func sans(names []string) []string {
	const most = 20
	first := make([]string, 0, most+1)
	for _, name := range names[:min(len(names), most)] {
		first = append(first, authn.Printable(name))
	}
	if len(names) > most {
		first = append(first, "…")
	}
	return first
}
