package telemetry

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// meter makes instruments, under names of our own: one that is no good is a mistake in the code, and panics.
type meter struct{ *prometheus.Registry }

// counter counts, told apart by labels of which there are four at most.
func (m meter) counter(most int, name, what string, labels ...string) counter {
	all := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: what}, labels)
	m.MustRegister(all)
	build := func(values labelValues) prometheus.Counter {
		return all.WithLabelValues(valid(values[:len(labels)])...)
	}
	return counter{newBounded(most, build)}
}

// counter is a counter of which a bounded number of series are made: what is more is counted as other.
type counter struct {
	series *bounded[labelValues, prometheus.Counter]
}

type labelValues [4]string

func (labelValues) coarser() labelValues { return labelValues{other} }

func (v labelValues) cloned() labelValues {
	for i, value := range v {
		v[i] = strings.Clone(value)
	}
	return v
}

// other is the label's value of all that have found no place.
const other = "other"

func (c *counter) count(n int, values ...string) {
	var key labelValues
	copy(key[:], values)
	c.series.get(key).Add(float64(n))
}

func (m meter) histogram(name, what string, bounds []float64, labels ...string) *prometheus.HistogramVec {
	all := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: what, Buckets: bounds}, labels)
	m.MustRegister(all)
	return all
}

// valid makes values such that Prometheus takes them, which panics otherwise.
func valid(values []string) []string {
	for i, value := range values {
		values[i] = strings.ToValidUTF8(value, "\ufffd")
	}
	return values
}

// tell gives a value of a measurement with its labels, as names and values in turn. What is said twice has the last value.
type tell func(value float64, labels ...string)

// gauge is asked at every scrape.
func (m meter) gauge(name, what string, observe func(tell)) {
	m.MustRegister(&observed{name, what, prometheus.GaugeValue, observe})
}

// total is a counter that is asked at every scrape.
func (m meter) total(name, what string, observe func(tell)) {
	m.MustRegister(&observed{name, what, prometheus.CounterValue, observe})
}

// observed is a collector that does not know beforehand which series there are.
type observed struct {
	name, what string
	kind       prometheus.ValueType
	observe    func(tell)
}

// Describe says nothing.
func (o *observed) Describe(chan<- *prometheus.Desc) {}

// Collect asks what there is.
func (o *observed) Collect(to chan<- prometheus.Metric) {
	last := map[string]prometheus.Metric{}
	o.observe(func(value float64, labels ...string) {
		var names, values []string
		for i := 0; i < len(labels); i += 2 {
			names, values = append(names, labels[i]), append(values, labels[i+1])
		}
		last[strings.Join(values, "\x00")] = prometheus.MustNewConstMetric(prometheus.NewDesc(o.name, o.what, names, nil), o.kind, value, valid(values)...)
	})
	for _, metric := range last {
		to <- metric
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
