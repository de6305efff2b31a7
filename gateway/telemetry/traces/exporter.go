package traces

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/intentgate/intentgate/gateway/authn"
)

const (
	mostPending = 4096             // spans, some megabytes
	batch       = 512              // spans at a time
	patience    = 10 * time.Second // for one batch
	farewell    = 3 * time.Second  // for all that is left in the end
)

// exporter sends batches of spans, one at a time, and tells of those that it could not send.
type exporter struct {
	config  *Config
	pending atomic.Int64    // spans that were made, and neither sent nor dropped
	done    context.Context // ends when nobody waits any longer
	cut     context.CancelFunc
	closed  chan struct{}

	mu        sync.Mutex
	to, using *destination // the one in force, and the one that takes a batch now; nil: none does

	telling sync.Mutex
	told    time.Time // zero: never
	untold  int
}

func newExporter(config *Config) (*exporter, error) {
	to, err := dialUnless(nil, config.Settings.GetOtlp())
	if err != nil {
		return nil, err
	}
	e := &exporter{config: config, to: to, closed: make(chan struct{})}
	e.done, e.cut = context.WithCancel(context.Background())
	return e, nil
}

var errFull = errors.New("more spans than the collector takes")

// enter takes note of spans, unless too many are under way: a collector that does not take them is not to cost more memory, nor
// turns the work to make them.
func (e *exporter) enter(spans int) bool {
	if e.pending.Add(int64(spans)) <= mostPending {
		return true
	}
	e.pending.Add(-int64(spans))
	e.dropped(spans, errFull)
	return false
}

// ExportSpans sends spans. Nobody else is to hear of an error: the SDK would write it past the log.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.done, cancel)() //nolint:contextcheck // it is the other end
	to := e.use()
	refused, err := to.send(ctx, spans)
	e.used(to)
	e.pending.Add(-int64(len(spans)))
	if err != nil {
		e.dropped(refused, err)
	}
	return nil
}

// use returns where a batch is to go.
func (e *exporter) use() *destination {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.using = e.to
	return e.to
}

// used says that the batch is through.
func (e *exporter) used(to *destination) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.using = nil; e.to != to {
		_ = to.conn.Close() // another one is in force, and waited for nobody
	}
}

// Shutdown ends the connection.
func (e *exporter) Shutdown(context.Context) error {
	defer close(e.closed)
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.to.conn.Close()
}

// reload connects anew if the files of the collector say something else. It does not wait for a batch, which may take long: who reads
// files holds up the end of the gateway.
func (e *exporter) reload() (changed bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.done.Err() != nil {
		return false, nil
	}
	to, err := dialUnless(e.to, e.config.Settings.GetOtlp())
	if err != nil || to == nil {
		return false, err
	}
	if e.using != e.to {
		_ = e.to.conn.Close() // nobody uses it
	}
	e.to = to
	return true, nil
}

// dropped counts spans, and logs them once a minute.
func (e *exporter) dropped(spans int, err error) {
	if e.config.Dropped != nil {
		e.config.Dropped(spans)
	}
	e.telling.Lock()
	defer e.telling.Unlock()
	e.untold += spans
	now := e.config.Now()
	if !e.told.IsZero() && now.Sub(e.told) < time.Minute {
		return
	}
	e.config.Logger.Warn("Spans not sent",
		slog.Int("spans", e.untold), slog.String("endpoint", e.config.Settings.GetOtlp().GetEndpoint()), slog.String("error", authn.Printable(err.Error())))
	e.told, e.untold = now, 0
}
