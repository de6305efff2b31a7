package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/intentgate/intentgate/gateway/bench/load"
)

// measure starts the peers and plays all cells.
func measure(ctx context.Context, o *options, plan []cell, progress io.Writer) (report *Report, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	begun := time.Now()
	b, err := o.bed(ctx, progress)
	defer func() { err = errors.Join(err, b.close()) }()
	if err != nil {
		return nil, err
	}
	if err := b.start(ctx, plan); err != nil {
		return nil, err
	}
	report = b.describe(ctx, o)
	if err := b.pace(ctx, o, plan); err != nil {
		return nil, err
	}
	playing := time.Now()
	for round := range o.rounds {
		for i, c := range plan {
			left := ""
			if done, all := round*len(plan)+i, o.rounds*len(plan); done > 0 {
				left = fmt.Sprintf("; about %s left", (time.Since(playing) / time.Duration(done) * time.Duration(all-done)).Round(time.Second))
			}
			_, _ = fmt.Fprintf(progress, "bench: %s: round %d of %d, cell %d of %d: %s%s\n", time.Since(begun).Round(time.Second), round+1, o.rounds, i+1, len(plan), c, left)
			for j := range c.peers {
				name := c.peers[(j+round)%len(c.peers)] // nobody is always the one after the heaviest
				if b.edges[name] == nil {
					continue
				}
				s, err := b.sample(ctx, c, name, o.duration)
				if err != nil {
					return nil, fmt.Errorf("%s in %s: %w", name, c, b.because(name, err))
				}
				report.add(c, name, s)
			}
		}
	}
	for _, name := range []string{static, intentgate} {
		if o.idle == 0 || b.edges[name] == nil {
			continue
		}
		_, _ = fmt.Fprintf(progress, "bench: %s: %d idle connections of %s\n", time.Since(begun).Round(time.Second), o.idle, name)
		idle, err := b.idle(ctx, name, o.idle)
		if err != nil {
			return nil, fmt.Errorf("%s with idle connections: %w", name, err)
		}
		report.Idle = append(report.Idle, idle)
	}
	report.finish()
	if o.plan != "short" {
		if err := errors.Join(b.where(ctx, report), b.startUps(ctx, report)); err != nil {
			return nil, err
		}
	}
	report.Took = time.Since(begun).Seconds()
	return report, nil
}

// pace finds out how many turns a second the gateway can do of the base cell, where a cell asks for a share of them.
func (b *bed) pace(ctx context.Context, o *options, plan []cell) error {
	i := slices.IndexFunc(plan, func(c cell) bool { return c.paced > 0 })
	if i < 0 {
		return nil
	}
	name := intentgate
	if b.edges[name] == nil {
		name = plan[i].peers[0]
	}
	s, err := b.sample(ctx, base(), name, 2*o.duration)
	b.full = s.PerSecond
	return err
}

// sample has a peer play a cell once.
func (b *bed) sample(ctx context.Context, c cell, name string, length time.Duration) (s Sample, err error) {
	p := b.edges[name]
	job := c.job(name, p)
	job.PerSecond = c.paced * b.full
	if err := b.prepare(ctx, job); err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, b.tell(ctx, "/close", nil, nil)) }()
	var played load.Played
	if err := b.tell(ctx, "/play?for="+(length/4).String(), nil, &played); err != nil {
		return s, err
	}
	pids, backend, player := p.pids(), append(b.backend.pids(), p.service...), b.load.pids()
	if err := resetPeak(pids); err != nil {
		return s, err
	}
	before, err := heapOf(ctx, p.Status)
	if err != nil {
		return s, err
	}
	edgeTime, edgeErr := cpuTime(pids)
	backendTime, backendErr := cpuTime(backend)
	loadTime, loadErr := cpuTime(player)
	err = b.tell(ctx, "/play?for="+length.String(), nil, &played)
	edgeNow, edgeErr2 := cpuTime(pids)
	backendNow, backendErr2 := cpuTime(backend)
	loadNow, loadErr2 := cpuTime(player)
	if err := errors.Join(err, edgeErr, edgeErr2, backendErr, backendErr2, loadErr, loadErr2); err != nil {
		return s, err
	}
	if played.Failures*20 > played.Turns {
		return s, fmt.Errorf("%d of %d failed, the first one so: %s", played.Failures, played.Turns, played.First)
	}
	after, err := heapOf(ctx, p.Status)
	if err != nil {
		return s, err
	}
	again, err := heapOf(ctx, p.Status) // what it costs to ask
	if err != nil {
		return s, err
	}
	_, peak, err := memory(pids)
	turns := float64(played.Turns)
	return Sample{
		CPU: micro(edgeNow-edgeTime) / turns, Backend: micro(backendNow-backendTime) / turns, Load: micro(loadNow-loadTime) / turns, P50: played.P50, P99: played.P99,
		PerSecond: turns / played.Seconds, PeakMiB: float64(peak) / 1024, Failed: float64(played.Failures) / turns,
		Allocs:     max(0, (after.mallocs-before.mallocs)-(again.mallocs-after.mallocs)) / turns,
		AllocBytes: max(0, (after.bytes-before.bytes)-(again.bytes-after.bytes)) / turns,
	}, err
}

// because says why a peer has ended, if it has.
func (b *bed) because(name string, err error) error {
	select {
	case <-b.edges[name].Ended():
		return fmt.Errorf("%w: %w", err, b.edges[name].Died())
	default:
		return err
	}
}

func micro(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }

func (b *bed) prepare(ctx context.Context, job load.Job) error {
	return b.tell(ctx, "/prepare", job, nil)
}

// tell tells the Dialogflow something, and reads its answer.
func (b *bed) tell(ctx context.Context, path string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, b.load.Edge+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	text, err = io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return errors.New(strings.TrimSpace(string(text)))
	}
	if answer != nil {
		return json.Unmarshal(text, answer)
	}
	return nil
}

// heap is what a Go process has allocated so far, and what it holds.
type heap struct{ mallocs, bytes, live, stacks float64 }

// heapOf asks the process with this status listener; without one nothing is known.
func heapOf(ctx context.Context, status string) (heap, error) {
	if status == "" {
		return heap{}, nil
	}
	text, err := fetch(ctx, status+"/metrics")
	if err != nil {
		return heap{}, err
	}
	return parseHeap(text)
}

// parseHeap reads Prometheus' text.
func parseHeap(text []byte) (h heap, err error) {
	wanted := map[string]*float64{
		"go_memstats_mallocs_total": &h.mallocs, "go_memstats_alloc_bytes_total": &h.bytes,
		"go_memstats_heap_alloc_bytes": &h.live, "go_memstats_stack_inuse_bytes": &h.stacks,
	}
	found := 0
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if to := wanted[name]; to != nil {
			if *to, err = strconv.ParseFloat(value, 64); err != nil {
				return h, fmt.Errorf("metric %s: %w", name, err)
			}
			found++
		}
	}
	if found != len(wanted) {
		return h, fmt.Errorf("of the metrics of Go's memory %d are there, of %d", found, len(wanted))
	}
	return h, nil
}

func fetch(ctx context.Context, address string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", address, response.Status)
	}
	return text, err
}

// idle has a peer hold connections that have had one turn each.
func (b *bed) idle(ctx context.Context, name string, connections int) (Idle, error) {
	p := b.edges[name]
	holds := func() (live, rss float64, err error) {
		for range 2 { // what was used last is kept once more
			if _, err := fetch(ctx, p.Admin+"/debug/pprof/heap?gc=1"); err != nil {
				return 0, 0, err
			}
		}
		h, err := heapOf(ctx, p.Status)
		now, _, memoryErr := memory(p.pids())
		return (h.live + h.stacks) / 1024, float64(now), errors.Join(err, memoryErr)
	}
	live, rss, err := holds()
	if err != nil {
		return Idle{}, err
	}
	c := base()
	c.connections = connections
	if err := b.prepare(ctx, c.job(name, p)); err != nil {
		return Idle{}, err
	}
	liveThen, rssThen, err := holds()
	n := float64(connections)
	return Idle{Peer: name, Connections: connections, LiveKiB: (liveThen - live) / n, RSSKiB: (rssThen - rss) / n}, errors.Join(err, b.tell(ctx, "/close", nil, nil))
}

// startUps measures how long peers take to start, and how large programs are.
func (b *bed) startUps(ctx context.Context, report *Report) error {
	const tries = 5
	for _, name := range peerNames() {
		if b.edges[name] == nil || name == manyRoutes || name == manyBackend || name == pair {
			continue
		}
		var took []float64
		for range tries {
			d, err := b.startUp(ctx, name)
			if err != nil {
				return fmt.Errorf("start %s: %w", name, err)
			}
			took = append(took, micro(d)/1e3)
		}
		report.StartUps = append(report.StartUps, StartUp{Peer: name, Milliseconds: median(took)})
	}
	size, err := os.Stat(b.gateway)
	if err == nil {
		report.BinaryMiB = float64(size.Size()) / (1 << 20)
	}
	return err
}

// memoryOf reads what /proc/PID/status says of what a process holds now, and at most, in KiB.
func memoryOf(status string) (now, peak int) {
	for line := range strings.Lines(status) {
		if kib, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			_, _ = fmt.Sscan(kib, &now)
		}
		if kib, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			_, _ = fmt.Sscan(kib, &peak)
		}
	}
	return now, peak
}

// median is NaN of nothing.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}
