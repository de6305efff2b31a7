package telemetry

import (
	"errors"

	"go.opentelemetry.io/otel/metric"
)

// instruments are all metrics of ours. Prometheus sees them as intentgate_turns_total, intentgate_turn_duration_seconds,
// and so on.
type instruments struct {
	turns        metric.Int64Counter
	turnDuration metric.Float64Histogram
	callDuration metric.Float64Histogram
	handshake    metric.Int64Counter
	unknown      metric.Int64Counter
	quirks       metric.Int64Counter
	dropped      metric.Int64Counter
	joins        metric.Int64Counter
	serviceState metric.Int64ObservableGauge
	notAfter     metric.Int64ObservableGauge
	left         metric.Int64Counter
	inWork       metric.Int64ObservableGauge
	held         metric.Int64ObservableGauge
}

// buckets of durations, in seconds: fine where a turn should be, and with bounds at the timeouts that Dialogflow has.
var buckets = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2, 3, 4, 5, 7.5, 10, 20, 30}

func newInstruments(meter metric.Meter) (i instruments, err error) {
	var problems [13]error
	i.turns, problems[0] = meter.Int64Counter("intentgate.turns",
		metric.WithDescription("Webhook calls that were answered or refused."), metric.WithUnit("{turn}"))
	i.turnDuration, problems[1] = meter.Float64Histogram("intentgate.turn.duration",
		metric.WithDescription("Time from the start of Dialogflow's clock to the answer."), metric.WithUnit("s"),
		metric.WithExplicitBucketBoundaries(buckets...))
	i.callDuration, problems[2] = meter.Float64Histogram("intentgate.service.call.duration",
		metric.WithDescription("Time that an intent service took, as the gateway sees it."), metric.WithUnit("s"),
		metric.WithExplicitBucketBoundaries(buckets...))
	i.handshake, problems[3] = meter.Int64Counter("intentgate.handshakes",
		metric.WithDescription("TLS handshakes of the edge."), metric.WithUnit("{handshake}"))
	i.unknown, problems[4] = meter.Int64Counter("intentgate.unknown.fields",
		metric.WithDescription("Fields of webhook requests that no published schema has; the first 100 by name."), metric.WithUnit("{field}"))
	i.quirks, problems[5] = meter.Int64Counter("intentgate.quirks",
		metric.WithDescription("Ways of writing that no protobuf reader would accept."), metric.WithUnit("{quirk}"))
	i.dropped, problems[6] = meter.Int64Counter("intentgate.dropped.reply.parts",
		metric.WithDescription("Parts of replies that the platform cannot express."), metric.WithUnit("{part}"))
	i.serviceState, problems[7] = meter.Int64ObservableGauge("intentgate.service.state",
		metric.WithDescription("1 for the state that the service's connection is in."))
	i.notAfter, problems[8] = meter.Int64ObservableGauge("intentgate.certificate.not_after.timestamp",
		metric.WithDescription("When a certificate, the first root of a trust profile's chain or its dates end, as Unix time."), metric.WithUnit("s"))
	i.left, problems[9] = meter.Int64Counter("intentgate.callers.left",
		metric.WithDescription("Callers that hung up before their webhook's timeout was over."), metric.WithUnit("{turn}"))
	i.inWork, problems[10] = meter.Int64ObservableGauge("intentgate.turns.in.work",
		metric.WithDescription("Turns in work."), metric.WithUnit("{turn}"))
	i.held, problems[11] = meter.Int64ObservableGauge("intentgate.held",
		metric.WithDescription("Bytes of bodies that are held for turns in work."), metric.WithUnit("By"))
	i.joins, problems[12] = meter.Int64Counter("intentgate.joins",
		metric.WithDescription("Turns that were answered by what another turn had asked for."), metric.WithUnit("{turn}"))
	return i, errors.Join(problems[:]...)
}
