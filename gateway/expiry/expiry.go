// Package expiry tells of what ends soon: certificates of the gateway's own, roots that it trusts, dates of trust profiles.
package expiry

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"slices"
	"time"
)

// The kinds of what ends.
const (
	Edge    = "edge"    // the edge's certificate
	Status  = "status"  // the status listener's certificate
	Service = "service" // the gateway's client certificate for a service
	SVID    = "svid"    // likewise, one that the Workload API issues
	Root    = "root"    // of a trust profile's chain, that which ends first
	Profile = "profile" // the dates of a trust profile's chain
)

// soon is how long before an end it is told of; an SVID's, which lives for an hour or so, in the last third of its life.
const soon = 30 * 24 * time.Hour

// hints are what to do, by kind.
var hints = map[string]string{
	Edge:    "renew the edge's certificate: clients refuse it when it has expired",
	Status:  "renew the status listener's certificate: Prometheus refuses it when it has expired",
	Service: "renew the gateway's certificate for the service, which refuses it when it has expired",
	SVID:    "the Workload API has not renewed it: the log says why at `Workload API gives no SVID`, or look at its agent",
	Root:    "certificates below an expired root are refused: ask their CA for its next root, and add it",
	Profile: "the chain is not meant to be used from then on: who still does is logged, or refused where dates.enforce is true",
}

// End says when something ends.
type End struct {
	Kind     string    `json:"kind"`
	Name     string    `json:"name"` // of the service, or of profile and chain: dialogflow/gts
	NotAfter time.Time `json:"not_after"`
	// Life is how long an SVID is valid in all.
	Life time.Duration `json:"-"`
}

// Hint says what to do about it.
func (e End) Hint() string { return hints[e.Kind] }

// Own says whether it is a certificate of the gateway's own.
func (e End) Own() bool { return e.Kind != Root && e.Kind != Profile }

// Near returns those that end within 30 days, or have ended, the first one first; SVIDs in the last third of their life. Dates of
// profiles that have passed are left out: whoever still comes then is told of in the handshake.
func Near(ends iter.Seq[End], now time.Time) []End {
	var all []End
	for end := range ends {
		left, near := end.NotAfter.Sub(now), soon
		if end.Kind == SVID {
			near = min(near, end.Life/3)
		}
		if left < near && (left > 0 || end.Kind != Profile) {
			all = append(all, end)
		}
	}
	slices.SortStableFunc(all, func(a, b End) int { return a.NotAfter.Compare(b.NotAfter) })
	return all
}

// Config is what Warn needs; all of it.
type Config struct {
	Ends   iter.Seq[End] // asked for anew each time
	Logger *slog.Logger
	Now    func() time.Time
}

// Warn logs what ends soon, now and once a day, until ctx ends.
func Warn(ctx context.Context, config Config) error {
	if config.Ends == nil || config.Logger == nil || config.Now == nil {
		return errors.New("expiry: Ends, Logger and Now are all needed")
	}
	day := time.NewTicker(24 * time.Hour)
	defer day.Stop()
	for {
		now := config.Now()
		for _, end := range Near(config.Ends, now) {
			message := "Expires soon"
			if !now.Before(end.NotAfter) {
				message = "Has expired"
			}
			config.Logger.WarnContext(ctx, message, "kind", end.Kind, "name", end.Name, "not_after", end.NotAfter.UTC(), "hint", end.Hint())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-day.C:
		}
	}
}
