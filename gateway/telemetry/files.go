package telemetry

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/intentgate/intentgate/gateway/authn/idtoken"
)

// fileInstruments tell of files that are read again when they change.
type fileInstruments struct {
	good          metric.Int64ObservableGauge
	reloads       metric.Int64Counter
	configReloads metric.Int64Counter
}

func newFileInstruments(meter metric.Meter) (i fileInstruments, err error) {
	var problems [3]error
	i.good, problems[0] = meter.Int64ObservableGauge("intentgate.files.good",
		metric.WithDescription("1 while the files are in force as they are, 0 while older ones are because these are no good."))
	i.reloads, problems[1] = meter.Int64Counter("intentgate.file.reloads",
		metric.WithDescription("Readings of files that put something new in force, or failed."), metric.WithUnit("{reading}"))
	i.configReloads, problems[2] = meter.Int64Counter("intentgate.config.reloads",
		metric.WithDescription("New configurations that were put in force, or were no good."), metric.WithUnit("{reload}"))
	return i, errors.Join(problems[:]...)
}

// FilesRead counts what came of reading watched files: whether something new is in force, and what is wrong. The name is
// one out of the configuration.
func (t *Telemetry) FilesRead(ctx context.Context, name string, changed bool, err error) {
	label := attribute.String("name", name)
	if changed {
		t.files.reloads.Add(ctx, 1, metric.WithAttributes(label, attribute.String("result", "reloaded")))
	}
	if err != nil {
		t.files.reloads.Add(ctx, 1, metric.WithAttributes(label, attribute.String("result", "failed")))
	}
}

// ObserveFiles has it exported whether watched files are good, by name. The sequence is asked for at every scrape.
func (t *Telemetry) ObserveFiles(files iter.Seq2[string, bool]) error {
	_, err := t.meter.RegisterCallback(func(_ context.Context, observer metric.Observer) error {
		for name, good := range files {
			value := int64(0)
			if good {
				value = 1
			}
			observer.ObserveInt64(t.files.good, value, metric.WithAttributes(attribute.String("name", name)))
		}
		return nil
	}, t.files.good)
	if err != nil {
		return fmt.Errorf("observe the files: %w", err)
	}
	return nil
}

// ObserveKeys has the state of the keys of ID tokens exported, as it is at every scrape; without a Source there are none.
func (t *Telemetry) ObserveKeys(status func() idtoken.Status) error {
	var problems [5]error
	keys, err := t.meter.Int64ObservableGauge("intentgate.id.token.keys",
		metric.WithDescription("Keys that ID tokens are verified with; without any, every token is refused."))
	problems[0] = err
	fetched, err := t.meter.Float64ObservableGauge("intentgate.id.token.keys.fetched.timestamp",
		metric.WithDescription("When the keys of ID tokens were last fetched well, as Unix time."), metric.WithUnit("s"))
	problems[1] = err
	expires, err := t.meter.Float64ObservableGauge("intentgate.id.token.keys.expiry.timestamp",
		metric.WithDescription("Until when the keys of ID tokens are fresh, as Unix time; a day later they are used no more."), metric.WithUnit("s"))
	problems[2] = err
	failures, err := t.meter.Int64ObservableCounter("intentgate.id.token.keys.failures",
		metric.WithDescription("Fetches of the keys of ID tokens that failed."), metric.WithUnit("{fetch}"))
	problems[3] = err
	_, problems[4] = t.meter.RegisterCallback(func(_ context.Context, observer metric.Observer) error {
		now := status()
		if now.Source == "" {
			return nil
		}
		observer.ObserveInt64(keys, int64(now.Keys))
		observer.ObserveInt64(failures, int64(now.Failures))
		if !now.Fetched.IsZero() {
			observer.ObserveFloat64(fetched, float64(now.Fetched.UnixMilli())/1e3)
			observer.ObserveFloat64(expires, float64(now.Expires.UnixMilli())/1e3)
		}
		return nil
	}, keys, fetched, expires, failures)
	if err := errors.Join(problems[:]...); err != nil {
		return fmt.Errorf("observe the keys of ID tokens: %w", err)
	}
	return nil
}
