package telemetry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// ConfigRead counts what came of a new configuration: it is in force, or why it is not.
func (t *Telemetry) ConfigRead(ctx context.Context, err error) {
	result := "reloaded"
	if err != nil {
		result = "failed"
	}
	t.files.configReloads.Add(ctx, 1, metric.WithAttributes(attribute.String("result", result)))
}

// ObserveConfig has it exported when the configuration that is in force was loaded.
func (t *Telemetry) ObserveConfig(loaded func() time.Time) error {
	gauge, err := t.meter.Float64ObservableGauge("intentgate.config.loaded.timestamp",
		metric.WithDescription("When the configuration that is in force was loaded, as Unix time."), metric.WithUnit("s"))
	_, problem := t.meter.RegisterCallback(func(_ context.Context, observer metric.Observer) error {
		observer.ObserveFloat64(gauge, float64(loaded().UnixMilli())/1e3)
		return nil
	}, gauge)
	if err := errors.Join(err, problem); err != nil {
		return fmt.Errorf("observe the configuration: %w", err)
	}
	return nil
}
