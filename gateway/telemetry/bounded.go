package telemetry

import (
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// How many series a kind of measurement may have before further ones share one.
const (
	maxTurnSeries      = 1000
	maxHandshakeSeries = 200
	maxNames           = 100
)

// bounded keeps what was built for the first so many keys; all further keys share one value.
type bounded[K comparable, V any] struct {
	most  int
	build func(K) V
	other V

	mu    sync.RWMutex
	known map[K]V
}

func newBounded[K comparable, V any](most int, build func(K) V, other K) *bounded[K, V] {
	return &bounded[K, V]{most: most, build: build, other: build(other), known: map[K]V{}}
}

// get returns what was built for key.
func (b *bounded[K, V]) get(key K) V {
	b.mu.RLock()
	value, ok := b.known[key]
	full := len(b.known) >= b.most
	b.mu.RUnlock()
	switch {
	case ok:
		return value
	case full:
		return b.other
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if value, ok = b.known[key]; ok {
		return value
	}
	if len(b.known) >= b.most {
		return b.other
	}
	value = b.build(key)
	b.known[key] = value
	return value
}

// turnKey is what turns are told apart by.
type turnKey struct {
	platform, service, outcome, code, reason string
	answered                                 Answered
	serviceCode                              string
}

// turnSeries are the options of a turn's measurements, made once: making attribute sets is what costs.
type turnSeries struct {
	count    []metric.AddOption
	duration []metric.RecordOption
	call     []metric.RecordOption
	dropped  []metric.AddOption
}

func newTurnSeries(key turnKey) turnSeries {
	platform, service := attribute.String("platform", key.platform), attribute.String("service", key.service)
	outcome := attribute.String("outcome", key.outcome)
	set := func(labels ...attribute.KeyValue) metric.MeasurementOption {
		return metric.WithAttributeSet(attribute.NewSet(labels...))
	}
	return turnSeries{
		count: []metric.AddOption{set(platform, service, outcome,
			attribute.String("code", key.code), attribute.String("reason", key.reason), attribute.String("answer", string(key.answered)))},
		duration: []metric.RecordOption{set(platform, service, outcome)},
		call:     []metric.RecordOption{set(service, attribute.String("code", key.serviceCode))},
		dropped:  []metric.AddOption{set(platform)},
	}
}

// handshakeKey is what handshakes are told apart by.
type handshakeKey struct{ result, reason, profile string }

func handshakeOptions(key handshakeKey) []metric.AddOption {
	return []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(
		attribute.String("result", key.result), attribute.String("reason", key.reason), attribute.String("profile", key.profile),
	))}
}

// label returns what makes the options of a counter with one label.
func label(name string) func(string) []metric.AddOption {
	return func(value string) []metric.AddOption {
		return []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(attribute.String(name, value)))}
	}
}
