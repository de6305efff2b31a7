package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/intentgate/intentgate/gateway/bench/load"
)

// Share is what a room takes of the CPU time of a turn in the base cell, in microseconds, by the profiles of the gateway and of the
// equal floor.
type Share struct {
	Room    string  `json:"room"`
	Gateway float64 `json:"gateway"`
	Floor   float64 `json:"floor"`
}

// rooms are told by functions: a sample is of the first room that one of its functions is of, from the innermost one on. What is of
// no room, such as Go's maps, is of that which calls it.
var rooms = []struct {
	name  string
	whole bool // the function may stand anywhere
	of    []string
}{
	{"memory: allocating and collecting", true, []string{"runtime.mallocgc", "runtime.growslice", "runtime.gcBgMarkWorker", "runtime.gcAssistAlloc", "runtime.bgsweep", "runtime.gcStart"}},
	{"the kernel: reading and writing", true, []string{"syscall.read", "syscall.write", "syscall.writev"}},
	{"the kernel: sleeping and waking", true, []string{"runtime.futex", "internal/runtime/syscall/", "runtime.usleep", "runtime.tgkill", "runtime.osyield"}},
	{"TLS", false, []string{"crypto/tls."}},
	{"gRPC", false, []string{"google.golang.org/grpc", "golang.org/x/net/http2"}},
	{"HTTP", false, []string{"net/http", "net/textproto"}},
	{"Dialogflow's JSON, both ways", false, []string{own + "/dialogflow"}},
	{"who calls: certificate, token, session", false, []string{own + "/authn"}},
	{"the route", false, []string{own + "/router", own + "/intents"}},
	{"typed binding, both ways", false, []string{own + "/binding"}},
	{"the caller's metadata", false, []string{"github.com/intentgate/intentgate/services/caller"}},
	{"the call: joined tries, limits, circuit", false, []string{own + "/joins", own + "/backend", own + "/process"}},
	{"metrics, spans and the log line", false, []string{own + "/telemetry", own + "/logqueue", "log/slog", "github.com/prometheus/"}},
	{"the edge and the handler", false, []string{own, "github.com/grpc-ecosystem/"}},
	{"goroutines and timers", false, []string{""}},
}

const own = "github.com/intentgate/intentgate/gateway"

// where has the gateway and the equal floor play the base cell, and finds out what they spend their time with.
func (b *bed) where(ctx context.Context, r *Report) error {
	of := map[string]map[string]float64{}
	for _, name := range []string{intentgate, equal} {
		row := r.row(base().String(), name)
		if row == nil {
			return nil
		}
		profile, err := b.profile(ctx, name, []cell{base()}, 15*time.Second)
		if err != nil {
			return err
		}
		file := filepath.Join(b.dir, name+".pprof")
		if err := os.WriteFile(file, profile, 0o600); err != nil {
			return err
		}
		traces, err := exec.CommandContext(ctx, "go", "tool", "pprof", "-traces", "-unit=ms", file).Output() //nolint:gosec // it is this run's
		if err != nil {
			return fmt.Errorf("go tool pprof -traces: %w", err)
		}
		of[name] = shares(traces, row.Median.CPU)
	}
	for _, room := range rooms {
		r.Where = append(r.Where, Share{room.name, of[intentgate][room.name], of[equal][room.name]})
	}
	return nil
}

// shares divides a sum among the rooms, by the stacks that `go tool pprof -traces -unit=ms` prints.
func shares(traces []byte, sum float64) map[string]float64 {
	of, all := map[string]float64{}, 0.0
	for stack := range bytes.SplitSeq(traces, []byte("-----------+-")) {
		_, stack, _ := bytes.Cut(stack, []byte("\n"))
		value, functions, ok := strings.Cut(strings.TrimSpace(string(stack)), " ")
		var ms float64
		if _, err := fmt.Sscanf(value, "%fms", &ms); !ok || err != nil {
			continue
		}
		all += ms
		of[roomOf(strings.Fields(strings.ReplaceAll(functions, " (inline)", "")))] += ms
	}
	for room := range of {
		of[room] *= sum / all
	}
	return of
}

// roomOf returns the room of a stack of functions, the innermost first.
func roomOf(stack []string) string {
	for _, room := range rooms {
		for _, start := range room.of {
			if room.whole && slices.ContainsFunc(stack, func(function string) bool { return strings.HasPrefix(function, start) }) {
				return room.name
			}
		}
	}
	for _, function := range stack {
		for _, room := range rooms {
			for _, start := range room.of {
				if !room.whole && start != "" && strings.HasPrefix(function, start) {
					return room.name
				}
			}
		}
	}
	return rooms[len(rooms)-1].name
}

// left says which rooms take the most beyond what they take of the equal floor.
func (r *Report) left() string {
	rooms := slices.SortedFunc(slices.Values(r.Where), func(a, b Share) int { return cmp.Compare(b.Gateway-b.Floor, a.Gateway-a.Floor) })
	var most []string
	for _, room := range rooms[:min(len(rooms), 5)] {
		most = append(most, fmt.Sprintf("%s, %.0f µs", room.Room, room.Gateway-room.Floor))
	}
	return strings.Join(most, "; ")
}

// target is the share of its time that a core of a gateway is to have work for.
const target = .6

// coreHour is what an hour of a core is assumed to cost, in dollars.
const coreHour = .04

// capacity tells what follows for those who run gateways, where enough was measured.
func (r *Report) capacity(s *strings.Builder) {
	one, busy := r.row(base().String(), intentgate), r.row(paced(target).String(), intentgate)
	if one == nil || busy == nil {
		return
	}
	m, planned := one.Median, busy.Median.CPU
	in := func(change func(*cell)) *Sample {
		row := r.row(base().with(change).String(), intentgate)
		if row == nil {
			return &Sample{}
		}
		return &row.Median
	}
	figures := table{{"turns as in the base cell", ""}}
	figure := func(name, format string, value float64) {
		if !math.IsNaN(value) && value > 0 {
			figures = append(figures, []string{name, fmt.Sprintf(format, value)})
		}
	}
	figure("CPU of the gateway for a turn", "%.0f µs", m.CPU)
	figure("turns a second that a core can do", "%.0f", 1e6/m.CPU)
	figure("CPU of the gateway for a turn where it is asked for 60 % of what it can do", "%.0f µs", planned)
	figure("turns a second to plan a core for, of which it has 60 % to do", "%.0f", target*1e6/planned)
	figure("core-hours of a million turns: these µs / 3,600", "%.3f", planned/3600)
	figure("their cost, at an assumed $ 0.04 for the hour of a core, 40 % of it idle", "$ %.4f", planned/3600*coreHour/target)
	figure("CPU besides for each further KiB of the request", "%.2f µs", (in(func(c *cell) { c.size = 40 << 10 }).CPU-m.CPU)/39)
	figure("CPU of a connection, its handshake in full, of a client that came before", "%.0f µs", in(func(c *cell) { c.protocol = load.Handshake }).CPU)
	figure("CPU of a connection that is resumed", "%.0f µs", in(func(c *cell) { c.protocol = load.Resumption }).CPU)
	figure("memory of the gateway, at most", "%.0f MiB", m.PeakMiB)
	for _, idle := range r.Idle {
		if idle.Peer == intentgate {
			figure("memory besides for each connection, resident", "%.0f KiB", idle.RSSKiB)
		}
	}
	s.WriteString("\n## Capacity\n\nCores that gateways need are turns a second × CPU µs of a turn / 600,000: 60 % of the time of each. A turn costs less, the more\n" +
		"there is to do: one waking of the program then serves many.\n")
	figures.write(s)
	r.waiting(s, m.CPU)
	r.twice(s, one)
}

// rooms tells where the time goes.
func (r *Report) rooms(s *strings.Builder) {
	if len(r.Where) == 0 {
		return
	}
	where := table{{"", "gateway µs", "equal floor µs", "beyond"}}
	var gateway, floor float64
	for _, room := range append(slices.Clone(r.Where), Share{Room: "in all"}) {
		if room.Room == "in all" {
			room.Gateway, room.Floor = gateway, floor
		}
		gateway, floor = gateway+room.Gateway, floor+room.Floor
		where = append(where, []string{room.Room, fmt.Sprintf("%.1f", room.Gateway), fmt.Sprintf("%.1f", room.Floor), fmt.Sprintf("%+.1f", room.Gateway-room.Floor)})
	}
	s.WriteString("\n## Where the time goes\n\nCPU time of a turn by a profile of each, with what each room allocates and what Go and the kernel do apart.\n")
	where.write(s)
}

// waiting tells how answers come to wait when more is asked for, and whether a turn costs then what it is said to.
func (r *Report) waiting(s *strings.Builder, said float64) {
	rows := table{{"of what it can do", "turns/s", "machine busy", "CPU µs", "of that above", "p50 ms", "p99 ms", "bare floor's p99 ms"}}
	for _, share := range paces() {
		name := paced(share).String()
		row, floor := r.row(name, intentgate), r.row(name, bare)
		if row == nil {
			continue
		}
		m := row.Median
		rows = append(rows, []string{
			fmt.Sprintf("%.0f %%", share*100), fmt.Sprintf("%.0f", m.PerSecond), fmt.Sprintf("%.0f %%", m.busy()/float64(r.Cores)*100),
			fmt.Sprintf("%.1f", m.CPU), fmt.Sprintf("%.2f", m.CPU/said), fmt.Sprintf("%.2f", m.P50/1e3), fmt.Sprintf("%.2f", m.P99/1e3), "",
		})
		if floor != nil {
			rows[len(rows)-1][7] = fmt.Sprintf("%.2f", floor.Median.P99/1e3)
		}
	}
	if len(rows) > 1 {
		s.WriteString("\n### How long answers wait\n\nSo many turns begin at random moments, on 64 connections; what they wait for counts. " +
			"The service and who plays Dialogflow are on the same cores.\n")
		rows.write(s)
	}
}

// busy is how many cores the edge, the service and the Dialogflow keep busy.
func (s *Sample) busy() float64 { return (s.CPU + s.Backend + s.Load) * s.PerSecond / 1e6 }

// twice compares two gateways before two services with what is to be expected of one.
func (r *Report) twice(s *strings.Builder, one *Row) {
	two := r.row(inPair().String(), pair)
	if two == nil {
		return
	}
	rows := table{{"", "expected", "measured", "ratio"}}
	for _, line := range []struct {
		name   string
		figure func(*Sample) float64
	}{
		{"CPU µs of a gateway for a turn", cpu},
		{"CPU µs of a service for a turn", backend},
		{"turns/s, all on the same cores", func(s *Sample) float64 { return s.PerSecond }},
	} {
		rows = append(rows, []string{
			line.name, fmt.Sprintf("%.1f", line.figure(&one.Median)), fmt.Sprintf("%.1f", line.figure(&two.Median)), fmt.Sprintf("%.2f", ratio(two, one, line.figure)),
		})
	}
	s.WriteString("\n### Two gateways before two services\n\nWhat one does, with 16 connections, is expected of two that have 16 each.\n")
	rows.write(s)
}
