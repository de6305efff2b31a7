package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/bench/load"
	"github.com/intentgate/intentgate/gateway/bench/turns"
	"github.com/intentgate/intentgate/gateway/config"
)

// samples are rounds that differ by their CPU time alone.
func samples(cpu ...float64) (all []Sample) {
	for _, value := range cpu {
		all = append(all, Sample{CPU: value, Backend: 2 * value, Allocs: 7})
	}
	return all
}

func TestRatio(t *testing.T) {
	t.Parallel()
	row := func(cpu ...float64) *Row { return &Row{Rounds: samples(cpu...)} }
	for name, c := range map[string]struct {
		of, over *Row
		want     float64
	}{
		"of each round": {row(120, 260, 300), row(100, 200, 100), 1.3}, // not 2.6, that of the medians
		"two rounds":    {row(100, 300), row(100, 100), 2},
		"not measured":  {row(1), nil, math.NaN()},
		"no round":      {row(), row(1), math.NaN()},
		"a round less":  {row(2, 100), row(1), 2},
	} {
		if got := ratio(c.of, c.over, cpu); math.Abs(got-c.want) > 1e-9 || math.IsNaN(got) != math.IsNaN(c.want) {
			t.Errorf("%s: %g, want %g", name, got, c.want)
		}
	}
}

// testReport has what each bar wants, the gateway's CPU time being that of its floors times a factor.
func testReport(factor float64) *Report {
	r := &Report{Plan: "base", Versions: map[string]string{"Go": "1", "nginx": "2"}, Idle: []Idle{{Peer: static, LiveKiB: 40}, {Peer: intentgate, LiveKiB: 40 * factor}}}
	for _, c := range cells("base") {
		for _, name := range c.peers {
			cpu := 100 + float64(c.size)/1000
			if strings.HasPrefix(name, intentgate) {
				cpu *= factor
			}
			if name == grpcGateway {
				cpu *= 2
			}
			for _, s := range samples(cpu, cpu, cpu) {
				r.add(c, name, s)
			}
		}
	}
	r.finish()
	r.Where = []Share{{"typed binding", 10, 0}, {"elsewhere", 100, 40}}
	return r
}

// TestBars wants every bar to be met by a gateway that costs what a floor does, and none of those that compare with one by a gateway that
// costs ten times as much.
func TestBars(t *testing.T) {
	t.Parallel()
	good, bad := testReport(1), testReport(10)
	if len(good.Bars) != 19 || len(bad.Bars) != len(good.Bars) || !good.met() || bad.met() {
		t.Fatalf("%d bars, %+v", len(good.Bars), good.Bars)
	}
	for i, bar := range bad.Bars {
		if same := math.Abs(bar.Ratio-good.Bars[i].Ratio) < 1e-6; bar.Name != good.Bars[i].Name || same != bar.met() {
			t.Errorf("%+v, of the good one %+v", bar, good.Bars[i])
		}
	}
	short := &Report{}
	short.add(base(), intentgate, Sample{CPU: 2, Backend: 1})
	short.add(base(), bare, Sample{CPU: 1, Backend: 1})
	short.finish()
	if len(short.Bars) != 2 || short.Bars[0].Ratio != 2 || short.Bars[0].met() || !short.Bars[1].met() {
		t.Errorf("of two peers %+v", short.Bars)
	}
	if short.Rows[0].Peer != bare {
		t.Error("the floor is not told of first")
	}
}

func TestCells(t *testing.T) {
	t.Parallel()
	for _, plan := range []string{"short", "base", "full"} {
		names := map[string]bool{}
		for _, c := range cells(plan) {
			if names[c.String()] {
				t.Errorf("%s: %s is there twice", plan, c)
			}
			names[c.String()] = true
			for _, name := range c.peers {
				if what[name] == "" {
					t.Errorf("%s: there is no peer %q", c, name)
				}
			}
		}
		if !names["es/typed/1400/http1/16/cached/rsa"] {
			t.Errorf("%s has no base cell", plan)
		}
	}
	if n := len(allTurns()); n != 2*3*3*3*4*2 {
		t.Errorf("%d cells are all", n)
	}
}

func TestParsing(t *testing.T) {
	t.Parallel()
	if now, peak := memoryOf("Name:\tbench\nVmHWM:\t  2048 kB\nVmRSS:\t  1024 kB\n"); now != 1024 || peak != 2048 {
		t.Errorf("%d KiB, at most %d", now, peak)
	}
	const metrics = "# HELP go_memstats_mallocs_total x\ngo_memstats_mallocs_total 1.5e+06\ngo_memstats_alloc_bytes_total 7\n" +
		"go_memstats_heap_alloc_bytes 8\ngo_memstats_stack_inuse_bytes 9\n"
	if h, err := parseHeap([]byte(metrics)); err != nil || h != (heap{1.5e6, 7, 8, 9}) {
		t.Errorf("%+v, %v", h, err)
	}
	for _, bad := range []string{"", "go_memstats_mallocs_total x\n"} {
		if _, err := parseHeap([]byte(bad)); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
	var lines []string
	s := &scanner{line: func(line []byte) bool {
		lines = append(lines, string(line))
		return string(line) == "two"
	}}
	for _, text := range []string{"on", "e\ntw", "o\nthree\n", "four\n"} {
		if n, err := s.Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
	if strings.Join(lines, ",") != "one,two" {
		t.Errorf("lines %q", lines)
	}
}

// TestRooms reads stacks as they are printed.
func TestRooms(t *testing.T) {
	t.Parallel()
	const traces = `File: intentgate
Type: cpu
-----------+-------------------------------------------------------
      10ms   internal/runtime/syscall/linux.Syscall6
             syscall.write
             crypto/tls.(*Conn).Write
             net/http.(*conn).serve
-----------+-------------------------------------------------------
      1500ms   bytes.IndexByte (inline)
             github.com/intentgate/intentgate/gateway/dialogflow.Read
             github.com/intentgate/intentgate/gateway.(*turn).play
             net/http.(*conn).serve
-----------+-------------------------------------------------------
      490ms   runtime.scanObject
             runtime.gcBgMarkWorker
`
	got := shares([]byte(traces), 200)
	for room, want := range map[string]float64{
		"the kernel: reading and writing": 1, "Dialogflow's JSON, both ways": 150, "memory: allocating and collecting": 49, "TLS": 0,
	} {
		if math.Abs(got[room]-want) > 1e-9 {
			t.Errorf("%s: %g µs, want %g", room, got[room], want)
		}
	}
	for stack, want := range map[string]string{
		"strings.Cut own/router.x own.x net/http.x": "the route", "own.x net/http.x": "the edge and the handler", "net.x crypto/tls.x own/edge.x": "TLS",
		"runtime.schedule runtime.mcall": "goroutines and timers", "runtime.mallocgc own/binding.x": "memory: allocating and collecting",
	} {
		if got := roomOf(strings.Fields(strings.ReplaceAll(stack, "own", own))); got != want {
			t.Errorf("%s: %s, want %s", stack, got, want)
		}
	}
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	ask := func(args ...string) (string, error) {
		var out bytes.Buffer
		err := run(t.Context(), args, &out, io.Discard)
		return out.String(), err
	}
	for _, args := range [][]string{{"--plan", "none"}, {"--cells", "("}, {"more"}, {"--rounds", "-1"}, {"--cells", "nowhere"}, {"--from", "nothing.json"}} {
		if _, err := ask(args...); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
	if text, err := ask("--help"); err != nil || text != help {
		t.Errorf("help: %v", err)
	}
	text, err := ask("--list", "--cells", "^handshake", "--peers", "^intentgate$")
	if err != nil || text != "handshake/16/rsa                             intentgate\nhandshake/16/ecdsa                           intentgate\n" {
		t.Errorf("%q, %v", text, err)
	}
}

// TestDocument writes a page, prints a report beside an older one, and is strict.
func TestDocument(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	page, from, before := filepath.Join(folder, "performance.md"), filepath.Join(folder, "bad.json"), filepath.Join(folder, "good.json")
	for path, r := range map[string]*Report{from: testReport(10), before: testReport(1)} {
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := run(t.Context(), []string{"--from", from, "--docs", folder}, &out, io.Discard); err == nil {
		t.Error("a page that is not there is written")
	}
	if err := os.WriteFile(page, []byte("# By hand\n"+measuredBegin+"old\n"+measuredEnd+"\nBy hand, too\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	err := run(t.Context(), []string{"--from", from, "--docs", folder, "--against", before, "--strict"}, &out, io.Discard)
	if !errors.Is(err, errNotMet) || !strings.Contains(out.String(), "| 10.00 |    1.20 | NOT met | 1.00 |") {
		t.Errorf("%v\n%s", err, out.String())
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"# By hand\n", "## Capacity", "### How long answers wait", "### Two gateways", "## Where the time goes", "elsewhere, 60 µs; typed", "\nBy hand, too\n", "| 10.00 |    1.20 | NOT met |", "- **node**: by hand in Node.js", "with Go 1, nginx 2;"} {
		if !strings.Contains(string(text), part) {
			t.Errorf("no %q in\n%s", part, text)
		}
	}
	if strings.Contains(string(text), "old") {
		t.Error("what was measured before is still there")
	}
	if read, err := readReport(filepath.Join(folder, "performance.json")); err != nil || len(read.Rows) != len(testReport(10).Rows) {
		t.Errorf("the report: %v", err)
	}
	svg, err := os.ReadFile(filepath.Join(folder, "performance.svg"))
	if err != nil || !bytes.Contains(svg, []byte(">intentgate-routes</text>")) {
		t.Errorf("the plot: %v", err)
	}
}

// TestMain runs the tests, unless this is a process that one of them has started.
func TestMain(m *testing.M) {
	if len(os.Args) < 2 || !slices.Contains([]string{peerCommand, backendCommand, loadCommand}, os.Args[1]) {
		os.Exit(m.Run()) //nolint:forbidigo // as a main function
	}
	main()
}

// TestSmoke has peers play a little: all that is measured of them is there.
func TestSmoke(t *testing.T) {
	t.Parallel()
	b := &bed{progress: io.Discard, self: os.Args[0]}
	defer func() { _ = b.close() }()
	if err := b.make(t.Context(), 2048); err != nil {
		t.Fatal(err)
	}
	plan := []cell{
		base().with(func(c *cell) { c.method, c.protocol, c.connections = turns.Canonical, load.HTTP2, 4 }, equal, grpcGateway),
		base().with(func(c *cell) { c.platform, c.protocol, c.fresh, c.chain = "CX", load.New, true, "ecdsa" }, grpcGateway),
		base().with(func(c *cell) { c.protocol, c.connections = load.Resumption, 2 }, equal),
	}
	if err := b.start(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	for _, c := range plan {
		for _, name := range c.peers {
			s, err := b.sample(t.Context(), c, name, 40*time.Millisecond)
			if err != nil {
				t.Fatalf("%s in %s: %v", name, c, b.because(name, err))
			}
			if s.CPU <= 1 || s.P50 <= 0 || s.P99 < s.P50 || s.PerSecond <= 0 || s.PeakMiB <= 1 {
				t.Errorf("%s in %s: %+v", name, c, s)
			}
			if calls := c.protocol != load.Resumption; calls != (s.Backend > 1) {
				t.Errorf("%s in %s: the service takes %g µs", name, c, s.Backend)
			}
		}
	}
	if h, err := heapOf(t.Context(), b.edges[equal].Status); err != nil || h.mallocs < 1000 || h.bytes < h.live || h.stacks <= 0 {
		t.Errorf("%+v, %v", h, err) // too few turns for a figure of one: to ask costs as much
	}
	if idle, err := b.idle(t.Context(), equal, 50); err != nil || idle.LiveKiB < 1 { // too few for what is resident
		t.Errorf("%+v, %v", idle, err)
	}
	wrong := plan[0].job(equal, b.edges[equal])
	wrong.Echo = true // a floor does not know what it is asked
	if err := b.prepare(t.Context(), wrong); err == nil || !strings.Contains(err.Error(), "4 of 4 failed") {
		t.Errorf("wrong answers are taken: %v", err)
	}
	if _, err := b.startPeer(t.Context(), "nobody"); err == nil || !strings.Contains(err.Error(), "there is no such peer") {
		t.Errorf("a peer that is not there: %v", err)
	}
	file := filepath.Join(b.dir, "intentgate.yaml")
	if err := os.WriteFile(file, []byte(b.configuration("127.0.0.1:1", 100, 5)), 0o600); err != nil {
		t.Fatal(err)
	}
	if settings, err := config.LoadAlone(file, false); err != nil || len(settings.GetRoutes()) != 100 || len(settings.GetServices()) != 7 {
		t.Errorf("the gateway's configuration: %v", err)
	}
}
