// Package telemetry says what the gateway does: metrics for Prometheus to read, one wide log line a
// turn, and an audit trail of whom the gateway let in.
//
// Nothing that a stranger chooses makes a metric's series unbounded: labels are names out of the configuration and
// constants of ours, and those that are not, such as a project or the name of an unknown field, are cut, escaped and counted apart up to a
// bound. Of what users say and of parameters nothing is logged unless the configuration asks for it, and nothing is counted; a session is a
// keyed hash.
package telemetry

import (
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
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
	// LogDropped is how many lines of the log have been dropped so far; nil: none ever is.
	LogDropped func() int64
}

// Telemetry holds the instruments. It is safe for concurrent use.
type Telemetry struct {
	logger *slog.Logger
	json   io.Writer // of the logger's handler, if that is from NewJSONHandler
	lines  sync.Pool // of *line
	events sync.Pool // of *TurnEvent, all empty
	audit  audit
	now    func() time.Time
	meter  meter
	instruments

	told      hourly
	privacy   atomic.Pointer[privacy]
	randomKey [sha256.Size]byte
}

// New returns Telemetry with a registry of its own: nothing is global.
func New(config Config) (*Telemetry, error) {
	if config.Logger == nil || config.Now == nil {
		return nil, errors.New("telemetry: Logger and Now are needed")
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	t := &Telemetry{
		logger: config.Logger, audit: newAudit(config), now: config.Now, meter: meter{registry},
		randomKey: randomKey(),
		lines:     sync.Pool{New: func() any { return new(line) }},
		events:    sync.Pool{New: func() any { return new(TurnEvent) }},
	}
	if handler, ok := config.Logger.Handler().(jsonHandler); ok {
		t.json = handler.to
	}
	t.SetPrivacy(nil, nil)
	t.instruments = newInstruments(t.meter)
	if config.LogDropped == nil {
		config.LogDropped = func() int64 { return 0 }
	}
	t.meter.total("intentgate_log_dropped_total", "Lines of the log that nobody read in time.", func(tell tell) {
		tell(float64(config.LogDropped()))
	})
	t.meter.gauge("target_info", "Target metadata", func(tell tell) {
		tell(1, "service_name", "intentgate", "service_version", config.Version)
	})
	t.SpansDropped(0) // so that it is there
	return t, nil
}

// Metrics serves the metrics in Prometheus' format.
func (t *Telemetry) Metrics() http.Handler {
	return promhttp.HandlerFor(t.meter, promhttp.HandlerOpts{
		MaxRequestsInFlight: 4,
		ErrorLog:            slog.NewLogLogger(t.logger.Handler(), slog.LevelError),
	})
}
