package telemetry

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// meter makes instruments, and gathers what is wrong with them. Prometheus sees intentgate.turn.duration in seconds as
// intentgate_turn_duration_seconds, a counter with _total.
type meter struct {
	metric.Meter

	problems []error
}

func (m *meter) problem(err error) {
	if err != nil {
		m.problems = append(m.problems, err)
	}
}

// err is all that was wrong since it was asked last.
func (m *meter) err() error {
	defer func() { m.problems = nil }()
	return errors.Join(m.problems...)
}

// counter counts, told apart by labels of which there are four at most.
func (m *meter) counter(most int, name, unit, what string, labels ...string) counter {
	instrument, err := m.Int64Counter(name, metric.WithDescription(what), metric.WithUnit(unit))
	m.problem(err)
	build := func(values labelValues) []metric.AddOption {
		set := make([]attribute.KeyValue, len(labels))
		for i, label := range labels {
			set[i] = attribute.String(label, values[i])
		}
		return []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(set...))}
	}
	return counter{instrument, newBounded(most, build, func(labelValues) labelValues { return labelValues{other} })}
}

// counter is a counter of which a bounded number of series are made: what is more is counted as other.
type counter struct {
	metric.Int64Counter

	series *bounded[labelValues, []metric.AddOption]
}

type labelValues [4]string

// other is the label's value of all that have found no place.
const other = "other"

func (c *counter) count(ctx context.Context, n int, values ...string) {
	var key labelValues
	copy(key[:], values)
	c.Add(ctx, int64(n), c.series.get(key)...)
}

func (m *meter) histogram(name, what string, bounds []float64) metric.Float64Histogram {
	instrument, err := m.Float64Histogram(name, metric.WithDescription(what), metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(bounds...))
	m.problem(err)
	return instrument
}

// tell gives a value of a measurement with its labels, as names and values in turn.
type tell func(value float64, labels ...string)

// gauge is asked at every scrape.
func (m *meter) gauge(name, unit, what string, observe func(tell)) {
	_, err := m.Float64ObservableGauge(name, metric.WithDescription(what), metric.WithUnit(unit), metric.WithFloat64Callback(observed(observe)))
	m.problem(err)
}

// total is a counter that is asked at every scrape.
func (m *meter) total(name, unit, what string, observe func(tell)) {
	_, err := m.Float64ObservableCounter(name, metric.WithDescription(what), metric.WithUnit(unit), metric.WithFloat64Callback(observed(observe)))
	m.problem(err)
}

func observed(observe func(tell)) metric.Float64Callback {
	return func(_ context.Context, observer metric.Float64Observer) error {
		observe(func(value float64, labels ...string) {
			set := make([]attribute.KeyValue, 0, len(labels)/2)
			for i := 0; i < len(labels); i += 2 {
				set = append(set, attribute.String(labels[i], labels[i+1]))
			}
			observer.Observe(value, metric.WithAttributes(set...))
		})
		return nil
	}
}

// states tells 1 for the state that something is in, and 0 for all others.
func (t tell) states(all []string, current string, labels ...string) {
	for _, state := range all {
		t(number(state == current), append(labels[:len(labels):len(labels)], "state", state)...)
	}
}

// number is 1 for yes.
func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
