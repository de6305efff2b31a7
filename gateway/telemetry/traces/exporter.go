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

	sending sync.Mutex
	to      *destination

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
	e.sending.Lock()
	refused, err := e.to.send(ctx, spans)
	e.sending.Unlock()
	e.pending.Add(-int64(len(spans)))
	if err != nil {
		e.dropped(refused, err)
	}
	return nil
}

// Shutdown ends the connection.
func (e *exporter) Shutdown(context.Context) error {
	defer close(e.closed)
	e.sending.Lock()
	defer e.sending.Unlock()
	return e.to.conn.Close()
}

// reload connects anew if the files of the collector say something else.
func (e *exporter) reload() (changed bool, err error) {
	e.sending.Lock()
	defer e.sending.Unlock()
	if e.done.Err() != nil {
		return false, nil
	}
	to, err := dialUnless(e.to, e.config.Settings.GetOtlp())
	if err != nil || to == nil {
		return false, err
	}
	_ = e.to.conn.Close() // which nobody uses now
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
