package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
)

// hourly remembers when something was told last. Its names are out of the configuration, so that it does not grow.
type hourly struct {
	mu   sync.Mutex
	told map[[2]string]time.Time
}

// due says whether to tell it, once an hour.
func (o *hourly) due(of, what string, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	key := [2]string{of, what}
	if last, ok := o.told[key]; ok && now.Sub(last) < time.Hour {
		return false
	}
	if o.told == nil {
		o.told = map[[2]string]time.Time{}
	}
	o.told[key] = now
	return true
}

// warnOutside tells of certificates that are accepted only because dates are not enforced.
func (t *Telemetry) warnOutside(ctx context.Context, verdict *authn.Verdict) {
	for i := range verdict.Accepted {
		accepted := &verdict.Accepted[i]
		if accepted.OutsideDates == "" || !t.told.due(accepted.Profile.Name, accepted.Chain, t.now()) {
			continue
		}
		t.logger.LogAttrs(ctx, slog.LevelWarn, "Certificate accepted outside of its profile's dates",
			slog.String("profile", accepted.Profile.Name),
			slog.String("chain", accepted.Chain),
			slog.String("dates", accepted.OutsideDates),
			slog.String("subject", authn.Printable(accepted.Certificate.GetSubject())),
			slog.String("hint", "it is refused where the profile says dates.enforce: true"),
		)
	}
}
