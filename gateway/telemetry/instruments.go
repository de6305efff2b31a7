package telemetry

import (
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// How many series a kind of measurement may have before further ones share one.
const (
	maxTurnSeries = 2000
	maxSeries     = 200
	maxNames      = 100
)

// instruments are what is counted as it happens.
type instruments struct {
	turnSeries *bounded[turnKey, turnSeries]

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

func newInstruments(m meter) instruments {
	return instruments{
		turnSeries: newBounded(maxTurnSeries, newTurnMeter(m)),
		handshakes: m.counter(maxSeries, "intentgate_handshakes_total", "TLS handshakes of the edge.",
			"result", "reason", "profile"),
		forwarded: m.counter(maxSeries, "intentgate_forwarded_certificates_total", "Requests by the client certificate that a proxy handed on.",
			"result", "reason", "proxy", "profile"),
		tokens: m.counter(maxSeries, "intentgate_id_tokens_total", "ID tokens that were verified: accepted, or why not.",
			"verdict", "webhook"),
		fallbacks: m.counter(maxSeries, "intentgate_fallbacks_total", "Turns that the configuration's fallback answered.",
			"cause", "platform", "service"),
		joins: m.counter(maxNames, "intentgate_joins_total", "Turns that were answered by what another turn had asked for.", "to"),
		continuations: m.counter(maxNames, "intentgate_continuations_total", "Answers that were offered to be fetched later, fetched, or asked for in vain.",
			"what"),
		dropped: m.counter(maxNames, "intentgate_dropped_reply_parts_total", "Parts of replies that the platform cannot express.", "platform"),
		left:    m.counter(maxSeries, "intentgate_callers_left_total", "Callers that hung up before their webhook's timeout was over.", "webhook"),
		unknown: m.counter(maxNames, "intentgate_unknown_fields_total", "Fields of webhook requests that no published schema has; the first 100 by name.", "name"),
		quirks:  m.counter(maxNames, "intentgate_quirks_total", "Ways of writing that no protobuf reader would accept.", "kind"),
		fileReloads: m.counter(maxTurnSeries, "intentgate_file_reloads_total", "Readings of files that put something new in force, or failed.",
			"name", "result"),
		configReloads: m.counter(maxNames, "intentgate_config_reloads_total", "New configurations that were put in force, or were no good.", "result"),
		spansDropped:  m.counter(maxNames, "intentgate_traces_dropped_total", "Spans that could not be sent."),
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

// cloned clones what comes from turns.
func (k turnKey) cloned() turnKey {
	k.project, k.agent, k.method = strings.Clone(k.project), strings.Clone(k.agent), strings.Clone(k.method)
	return k
}

// turnSeries are what a turn's measurements are added to, looked up once.
type turnSeries struct {
	turns          prometheus.Counter
	duration       prometheus.Observer
	call, timeLeft func() prometheus.Observer // which not every turn has: a series is there from when it is asked for
}

// newTurnMeter returns what makes the series of turns.
func newTurnMeter(m meter) func(turnKey) turnSeries {
	turns := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "intentgate_turns_total", Help: "Webhook calls that were answered or refused."},
		[]string{"platform", "project", "agent", "service", "method", "outcome", "code", "reason", "answer"})
	m.MustRegister(turns)
	duration := m.histogram("intentgate_turn_duration_seconds", "Time from the start of Dialogflow's clock to the answer.", buckets, "platform", "service", "outcome")
	call := m.histogram("intentgate_service_call_duration_seconds", "Time that an intent service took, as the gateway sees it.", buckets, "service", "code")
	timeLeft := m.histogram("intentgate_turn_time_left_seconds", "What was left of Dialogflow's timeout when the answer was written.", leftBuckets,
		"platform", "service")
	later := func(of *prometheus.HistogramVec, labels ...string) func() prometheus.Observer {
		return sync.OnceValue(func() prometheus.Observer { return of.WithLabelValues(valid(labels)...) })
	}
	return func(k turnKey) turnSeries {
		return turnSeries{
			turns: turns.WithLabelValues(valid([]string{
				k.platform, k.project, k.agent, k.service, k.method, k.outcome, k.code, k.reason, string(k.answered),
			})...),
			duration: duration.WithLabelValues(valid([]string{k.platform, k.service, k.outcome})...),
			call:     later(call, k.service, k.serviceCode),
			timeLeft: later(timeLeft, k.platform, k.service),
		}
	}
}
