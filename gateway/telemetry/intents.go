package telemetry

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/intentgate/intentgate/gateway/intents"
)

// ObserveIntents has it exported what is known of the services' own methods, as it is at every scrape.
func (t *Telemetry) ObserveIntents(report func() []intents.Report) error {
	var problems [4]error
	methods, err := t.meter.Int64ObservableGauge("intentgate.intents.methods",
		metric.WithDescription("Methods of the service that answer intents."))
	problems[0] = err
	faults, err := t.meter.Int64ObservableGauge("intentgate.intents.problems",
		metric.WithDescription("What the service claims and the gateway does not serve."))
	problems[1] = err
	read, err := t.meter.Float64ObservableGauge("intentgate.intents.read.timestamp",
		metric.WithDescription("When the service's descriptors were last read well, as Unix time; 0: never."), metric.WithUnit("s"))
	problems[2] = err
	_, problems[3] = t.meter.RegisterCallback(func(_ context.Context, observer metric.Observer) error {
		for _, now := range report() {
			service := attribute.String("service", now.Service)
			observer.ObserveInt64(methods, int64(len(now.Methods)), metric.WithAttributes(service))
			count := map[intents.Kind]int64{intents.Broken: 0, intents.Refused: 0, intents.Taken: 0}
			for _, problem := range now.Problems {
				count[problem.Kind]++
			}
			for kind, n := range count {
				observer.ObserveInt64(faults, n, metric.WithAttributes(service, attribute.String("kind", string(kind))))
			}
			last := 0.0
			if !now.Read.IsZero() {
				last = float64(now.Read.UnixMilli()) / 1e3
			}
			observer.ObserveFloat64(read, last, metric.WithAttributes(service))
		}
		return nil
	}, methods, faults, read)
	if err := errors.Join(problems[:]...); err != nil {
		return fmt.Errorf("observe the intents: %w", err)
	}
	return nil
}
