package main

import (
	"fmt"
	"math"

	"github.com/intentgate/intentgate/gateway/bench/load"
	"github.com/intentgate/intentgate/gateway/bench/peer"
	"github.com/intentgate/intentgate/gateway/bench/turns"
)

// Bar is what a ratio is to be at most.
type Bar struct {
	Name  string  `json:"name"`
	Ratio float64 `json:"ratio"`
	Most  float64 `json:"most"`
}

func (b *Bar) met() bool { return b.Ratio <= b.Most }

func (b *Bar) verdict() string {
	if b.met() {
		return "met"
	}
	return "NOT met"
}

func (r *Report) met() bool {
	for _, bar := range r.Bars {
		if !bar.met() {
			return false
		}
	}
	return true
}

// ratioOf is what a bar's ratio was in this report; that of no bar at all heads the column.
func (r *Report) ratioOf(name string) string {
	if name == "" {
		return "on " + r.Date
	}
	for _, bar := range r.Bars {
		if bar.Name == name {
			return fmt.Sprintf("%.2f", bar.Ratio)
		}
	}
	return ""
}

func cpu(s *Sample) float64     { return s.CPU }
func backend(s *Sample) float64 { return s.Backend }

// ratio is the median of the ratios of a figure in each round: what the machine does besides changes from one to the next. It is NaN
// where something is not measured.
func ratio(of, over *Row, figure func(*Sample) float64) float64 {
	if of == nil || over == nil {
		return math.NaN()
	}
	var ratios []float64
	for i := range min(len(of.Rounds), len(over.Rounds)) {
		ratios = append(ratios, figure(&of.Rounds[i])/figure(&over.Rounds[i]))
	}
	return median(ratios)
}

// bars are those of which all is measured that they want.
func (r *Report) bars() (bars []Bar) {
	add := func(name string, value, most float64) {
		if !math.IsNaN(value) && !math.IsInf(value, 0) {
			bars = append(bars, Bar{name, value, most})
		}
	}
	compare := func(name string, c cell, figure func(*Sample) float64, over string, most float64) {
		add(name, ratio(r.row(c.String(), intentgate), r.row(c.String(), over), figure), most)
	}
	for _, platform := range []string{"ES", "CX"} {
		on := func(change func(*cell)) cell { return base().with(func(c *cell) { c.platform = platform; change(c) }) }
		typed := on(func(*cell) {})
		compare(platform+" typed, over the equal floor", typed, cpu, equal, 1.2)
		compare(platform+" typed, token seen before, over the bare floor", typed, cpu, bare, 1.6)
		compare(platform+" typed, fresh token, over the bare floor", on(func(c *cell) { c.fresh = true }), cpu, bare, 2.1)
		compare(platform+" typed, over grpc-gateway as it comes", typed, cpu, grpcGateway, .55)
		compare(platform+" IntentService, over the bare floor", on(func(c *cell) { c.method = turns.IntentService }), cpu, bare, 1.9)
		compare(platform+" typed, the service's CPU, over that with the bare floor", typed, backend, bare, 1.5)
	}
	large := base().with(func(c *cell) { c.size = 40 << 10 })
	compare("ES typed, 40 KB, over the bare floor of the same size", large, cpu, bare, 1.6)
	for _, chain := range []string{"rsa", "ecdsa"} {
		shake := base().with(func(c *cell) { c.protocol, c.chain = load.Handshake, chain })
		compare("full handshake, client chain of "+chain+", over bare crypto/tls", shake, cpu, static, 1.1)
	}
	for i := range r.Idle {
		for j := range r.Idle {
			if r.Idle[i].Peer == intentgate && r.Idle[j].Peer == static {
				add("memory of an idle connection, over bare net/http", r.Idle[i].LiveKiB/r.Idle[j].LiveKiB, 1.2)
			}
		}
	}
	add("CPU of a further byte from 8 to 40 KB, over that from 1.4 to 8 KB", r.linear(), 1.25)
	flat := func(name, peer string) {
		add(name, ratio(r.row(base().String(), peer), r.row(base().String(), intentgate), cpu), 1.1)
	}
	flat("10,000 exact routes, over 10", manyRoutes)
	flat("40 services, over 3", manyBackend)
	return bars
}

// linear compares what a byte more costs of large requests and of small ones: 1 where cost is linear, less where it is less.
func (r *Report) linear() float64 {
	var rows []*Row
	sizes := peer.Sizes()
	for _, size := range sizes {
		rows = append(rows, r.row(base().with(func(c *cell) { c.size = size }).String(), intentgate))
	}
	if rows[0] == nil || rows[1] == nil || rows[2] == nil {
		return math.NaN()
	}
	slope := func(i int) float64 {
		return (rows[i+1].Median.CPU - rows[i].Median.CPU) / float64(sizes[i+1]-sizes[i])
	}
	return slope(1) / slope(0)
}
