package telemetry

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// How many series a kind of measurement may have before further ones share one.
const (
	maxTurnSeries = 2000
	maxSeries     = 200
	maxNames      = 100
)

// instruments are what is counted as it happens.
type instruments struct {
	turns        metric.Int64Counter
	turnDuration metric.Float64Histogram
	callDuration metric.Float64Histogram
	timeLeft     metric.Float64Histogram
	turnSeries   *bounded[turnKey, turnSeries]

	handshakes, forwarded, tokens                  counter
	fallbacks, joins, continuations, dropped, left counter
	unknown, quirks                                counter
	fileReloads, configReloads, spansDropped       counter
}

var (
	// buckets of durations, in seconds: fine where a turn should be, and with bounds at the timeouts that Dialogflow has.
	buckets = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2, 3, 4, 5, 7.5, 10, 20, 30}
	// leftBuckets are those of what is left of such a timeout: at 0 and below it, the answer came too late.
	leftBuckets = []float64{0, .1, .25, .5, 1, 2, 3, 4, 5, 7.5, 10, 20, 30}
)

func newInstruments(m *meter) instruments {
	turns, err := m.Int64Counter("intentgate.turns", metric.WithDescription("Webhook calls that were answered or refused."), metric.WithUnit("{turn}"))
	m.problem(err)
	return instruments{
		turns:        turns,
		turnDuration: m.histogram("intentgate.turn.duration", "Time from the start of Dialogflow's clock to the answer.", buckets),
		callDuration: m.histogram("intentgate.service.call.duration", "Time that an intent service took, as the gateway sees it.", buckets),
		timeLeft:     m.histogram("intentgate.turn.time.left", "What was left of Dialogflow's timeout when the answer was written.", leftBuckets),
		turnSeries:   newBounded(maxTurnSeries, newTurnSeries, turnKey.coarser),
		handshakes: m.counter(maxSeries, "intentgate.handshakes", "{handshake}", "TLS handshakes of the edge.",
			"result", "reason", "profile"),
		forwarded: m.counter(maxSeries, "intentgate.forwarded.certificates", "{request}", "Requests by the client certificate that a proxy handed on.",
			"result", "reason", "proxy", "profile"),
		tokens: m.counter(maxSeries, "intentgate.id.tokens", "{token}", "ID tokens that were verified: accepted, or why not.",
			"verdict", "webhook"),
		fallbacks: m.counter(maxSeries, "intentgate.fallbacks", "{turn}", "Turns that the configuration's fallback answered.",
			"cause", "platform", "service"),
		joins: m.counter(maxNames, "intentgate.joins", "{turn}", "Turns that were answered by what another turn had asked for.", "to"),
		continuations: m.counter(maxNames, "intentgate.continuations", "{turn}", "Answers that were offered to be fetched later, fetched, or asked for in vain.",
			"what"),
		dropped: m.counter(maxNames, "intentgate.dropped.reply.parts", "{part}", "Parts of replies that the platform cannot express.", "platform"),
		left:    m.counter(maxSeries, "intentgate.callers.left", "{turn}", "Callers that hung up before their webhook's timeout was over.", "webhook"),
		unknown: m.counter(maxNames, "intentgate.unknown.fields", "{field}",
			"Fields of webhook requests that no published schema has; the first 100 by name.", "name"),
		quirks: m.counter(maxNames, "intentgate.quirks", "{quirk}", "Ways of writing that no protobuf reader would accept.", "kind"),
		fileReloads: m.counter(maxTurnSeries, "intentgate.file.reloads", "{reading}", "Readings of files that put something new in force, or failed.",
			"name", "result"),
		configReloads: m.counter(maxNames, "intentgate.config.reloads", "{reload}", "New configurations that were put in force, or were no good.", "result"),
		spansDropped:  m.counter(maxNames, "intentgate.traces.dropped", "{span}", "Spans that could not be sent."),
	}
}

// turnKey is what turns are told apart by.
type turnKey struct {
	platform, project, agent, service, method, outcome, code, reason string
	answered                                                         Answered
	serviceCode                                                      string
}

// coarser leaves out what comes from turns, be they proven, and methods: the rest is out of the configuration and the code.
func (k turnKey) coarser() turnKey {
	k.project, k.agent, k.method = other, other, other
	return k
}

// turnSeries are the options of a turn's measurements, made once: making attribute sets is what costs.
type turnSeries struct {
	count                    []metric.AddOption
	duration, call, timeLeft []metric.RecordOption
}

func newTurnSeries(key turnKey) turnSeries {
	platform, service := attribute.String("platform", key.platform), attribute.String("service", key.service)
	outcome := attribute.String("outcome", key.outcome)
	set := func(labels ...attribute.KeyValue) metric.MeasurementOption {
		return metric.WithAttributeSet(attribute.NewSet(labels...))
	}
	return turnSeries{
		count: []metric.AddOption{set(platform, service, outcome,
			attribute.String("project", key.project), attribute.String("agent", key.agent), attribute.String("method", key.method),
			attribute.String("code", key.code), attribute.String("reason", key.reason), attribute.String("answer", string(key.answered)))},
		duration: []metric.RecordOption{set(platform, service, outcome)},
		call:     []metric.RecordOption{set(service, attribute.String("code", key.serviceCode))},
		timeLeft: []metric.RecordOption{set(platform, service)},
	}
}
