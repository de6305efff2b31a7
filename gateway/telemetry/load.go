package telemetry

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/intentgate/intentgate/gateway/backend"
)

// Service is a service whose load is told.
type Service struct {
	Name string
	Load func() backend.Load
}

// ObserveLoads has it exported how much services have to do, and how they fare. The sequence is asked for at every scrape.
func (t *Telemetry) ObserveLoads(services iter.Seq[Service]) error {
	var problems [6]error
	circuit, err := t.meter.Int64ObservableGauge("intentgate.service.circuit",
		metric.WithDescription("1 for the state that the service's circuit is in: while it is open, the service is not called."))
	problems[0] = err
	limit, err := t.meter.Int64ObservableGauge("intentgate.service.calls.limit",
		metric.WithDescription("Calls that the service may have in work."), metric.WithUnit("{call}"))
	problems[1] = err
	inFlight, err := t.meter.Int64ObservableGauge("intentgate.service.calls.in_flight",
		metric.WithDescription("Calls that the service has in work."), metric.WithUnit("{call}"))
	problems[2] = err
	queued, err := t.meter.Int64ObservableGauge("intentgate.service.calls.queued",
		metric.WithDescription("Calls that wait until the service has less in work."), metric.WithUnit("{call}"))
	problems[3] = err
	retries, err := t.meter.Int64ObservableCounter("intentgate.service.retries",
		metric.WithDescription("Tries beyond the first of a call."), metric.WithUnit("{try}"))
	problems[4] = err
	_, problems[5] = t.meter.RegisterCallback(func(_ context.Context, observer metric.Observer) error {
		for service := range services {
			load, name := service.Load(), attribute.String("service", service.Name)
			for _, state := range backend.Circuits() {
				value := int64(0)
				if state == load.Circuit {
					value = 1
				}
				observer.ObserveInt64(circuit, value, metric.WithAttributes(name, attribute.String("state", state)))
			}
			label := metric.WithAttributes(name)
			observer.ObserveInt64(limit, int64(load.Limit), label)
			observer.ObserveInt64(inFlight, int64(load.InFlight), label)
			observer.ObserveInt64(queued, int64(load.Queued), label)
			observer.ObserveInt64(retries, int64(load.Retries), label) //nolint:gosec // there are not so many
		}
		return nil
	}, circuit, limit, inFlight, queued, retries)
	if err := errors.Join(problems[:]...); err != nil {
		return fmt.Errorf("observe the load of services: %w", err)
	}
	return nil
}
