// Package telemetry says what the gateway does: metrics through OpenTelemetry for Prometheus to read, one wide log line a
// turn, and an audit trail of whom the gateway let in.
//
// Nothing that a stranger chooses makes a metric's series unbounded: labels are names out of the configuration and
// constants of ours, and the one that is not, the name of an unknown field, is cut, escaped and counted apart for the first
// hundred only. What users say, parameters and sessions are neither logged nor counted.
package telemetry

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
	"go.opentelemetry.io/otel/sdk/resource"
	"google.golang.org/grpc/connectivity"

	"github.com/intentgate/intentgate/gateway/expiry"
)

// Config is what Telemetry is made of; Logger and Now are needed.
type Config struct {
	Logger *slog.Logger // takes one line a turn
	// Audit takes one line for each decision on an identity. Without it they go to Logger, except for refused
	// handshakes, which the edge logs itself.
	Audit *slog.Logger
	Now   func() time.Time
	// Version is the gateway's, such as v1.2.3, as the metric target_info tells it.
	Version string
}

// Telemetry holds the instruments. It is safe for concurrent use.
type Telemetry struct {
	logger   *slog.Logger
	audit    audit
	now      func() time.Time
	registry *prometheus.Registry
	meter    metric.Meter
	files    fileInstruments
	instruments

	told      hourly
	privacy   atomic.Pointer[privacy]
	randomKey [sha256.Size]byte

	turnSeries    *bounded[turnKey, turnSeries]
	handshakes    *bounded[handshakeKey, []metric.AddOption]
	unknownFields *bounded[string, []metric.AddOption]
	quirkKinds    *bounded[string, []metric.AddOption]
	joinKinds     *bounded[string, []metric.AddOption]
}

// New returns Telemetry with a registry of its own: nothing is global.
func New(config Config) (*Telemetry, error) {
	if config.Logger == nil || config.Now == nil {
		return nil, errors.New("telemetry: Logger and Now are needed")
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	reader, err := exporter.New(exporter.WithRegisterer(registry), exporter.WithoutScopeInfo())
	if err != nil {
		return nil, fmt.Errorf("make the Prometheus exporter: %w", err)
	}
	provider := sdk.NewMeterProvider(
		sdk.WithReader(reader),
		sdk.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "intentgate"),
			attribute.String("service.version", config.Version),
		)),
		sdk.WithExemplarFilter(exemplar.AlwaysOffFilter), // they cost every measurement and would need traces
	)
	t := &Telemetry{
		logger: config.Logger, audit: newAudit(config), now: config.Now, registry: registry,
		meter:         provider.Meter("github.com/intentgate/intentgate"),
		turnSeries:    newBounded(maxTurnSeries, newTurnSeries, turnKey{outcome: "other"}),
		handshakes:    newBounded(maxHandshakeSeries, handshakeOptions, handshakeKey{result: "other"}),
		unknownFields: newBounded(maxNames, label("name"), "other"),
		quirkKinds:    newBounded(maxNames, label("kind"), "other"),
		joinKinds:     newBounded(maxNames, label("to"), "other"),
		randomKey:     randomKey(),
	}
	t.SetPrivacy(nil, nil)
	if t.instruments, err = newInstruments(t.meter); err != nil {
		return nil, fmt.Errorf("make the instruments: %w", err)
	}
	if t.files, err = newFileInstruments(t.meter); err != nil {
		return nil, fmt.Errorf("make the instruments: %w", err)
	}
	return t, nil
}

// Metrics serves the metrics in Prometheus' format.
func (t *Telemetry) Metrics() http.Handler {
	return promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{
		MaxRequestsInFlight: 4,
		ErrorLog:            slog.NewLogLogger(t.logger.Handler(), slog.LevelError),
	})
}

// ObserveServices has the state of each service's connection exported. The sequence is asked for at every scrape.
func (t *Telemetry) ObserveServices(services iter.Seq2[string, connectivity.State]) error {
	_, err := t.meter.RegisterCallback(func(_ context.Context, observer metric.Observer) error {
		for name, current := range services {
			for state := connectivity.Idle; state <= connectivity.Shutdown; state++ {
				value := int64(0)
				if state == current {
					value = 1
				}
				observer.ObserveInt64(t.serviceState, value, metric.WithAttributes(
					attribute.String("service", name),
					attribute.String("state", strings.ToLower(state.String())),
				))
			}
		}
		return nil
	}, t.serviceState)
	if err != nil {
		return fmt.Errorf("observe the services: %w", err)
	}
	return nil
}

// ObserveAdmission has it exported how many turns are in work, and how many bytes are held for them. It is asked at every scrape.
func (t *Telemetry) ObserveAdmission(inUse func() (turns, bytes int64)) error {
	_, err := t.meter.RegisterCallback(func(_ context.Context, observer metric.Observer) error {
		turns, bytes := inUse()
		observer.ObserveInt64(t.inWork, turns)
		observer.ObserveInt64(t.held, bytes)
		return nil
	}, t.inWork, t.held)
	if err != nil {
		return fmt.Errorf("observe the turns in work: %w", err)
	}
	return nil
}

// ObserveEnds has it exported when things end. The sequence is asked for at every scrape.
func (t *Telemetry) ObserveEnds(ends iter.Seq[expiry.End]) error {
	_, err := t.meter.RegisterCallback(func(_ context.Context, observer metric.Observer) error {
		for end := range ends {
			observer.ObserveInt64(t.notAfter, end.NotAfter.Unix(), metric.WithAttributes(
				attribute.String("kind", end.Kind),
				attribute.String("name", end.Name),
			))
		}
		return nil
	}, t.notAfter)
	if err != nil {
		return fmt.Errorf("observe what ends: %w", err)
	}
	return nil
}
