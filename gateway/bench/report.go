package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/intentgate/intentgate/gateway/bench/peer"
)

// Report is all that was measured.
type Report struct {
	Date      string            `json:"date"`
	Commit    string            `json:"commit"`
	Machine   string            `json:"machine"`
	Cores     int               `json:"cores"`
	Load      string            `json:"load"` // of the machine, at the start
	Versions  map[string]string `json:"versions"`
	Plan      string            `json:"plan"`
	Rounds    int               `json:"rounds"`
	Seconds   float64           `json:"seconds"` // that a peer plays at a time
	Took      float64           `json:"took"`    // seconds, all in all
	Bars      []Bar             `json:"bars"`
	Rows      []*Row            `json:"rows"`
	Idle      []Idle            `json:"idle,omitempty"`
	Where     []Share           `json:"where,omitempty"` // the CPU time of a turn goes
	StartUps  []StartUp         `json:"start_ups,omitempty"`
	BinaryMiB float64           `json:"binary_mib,omitempty"` // of the gateway
}

// Row is what a peer did in a cell.
type Row struct {
	Cell   string   `json:"cell"`
	Peer   string   `json:"peer"`
	Median Sample   `json:"median"`
	Rounds []Sample `json:"rounds"`
}

// Sample is what was measured once. Times are in microseconds: CPU, Backend and Load those of the edge, of the service and of who plays
// Dialogflow for a turn, P50 and P99 what Dialogflow waits. Failed is the share of turns without an answer of the service's: a gateway with too much to do says so.
type Sample struct {
	CPU        float64 `json:"cpu"`
	Backend    float64 `json:"backend"`
	Load       float64 `json:"load"`
	P50        float64 `json:"p50"`
	P99        float64 `json:"p99"`
	PerSecond  float64 `json:"per_second"`
	Allocs     float64 `json:"allocs"` // of the edge for a turn; 0: it does not tell
	AllocBytes float64 `json:"alloc_bytes"`
	PeakMiB    float64 `json:"peak_mib"`
	Failed     float64 `json:"failed,omitempty"`
}

// Idle is what a connection takes that waits for its next turn: what is live, with stacks, and by the kernel's account.
type Idle struct {
	Peer        string  `json:"peer"`
	Connections int     `json:"connections"`
	LiveKiB     float64 `json:"live_kib"`
	RSSKiB      float64 `json:"rss_kib"`
}

// StartUp is how long a peer takes until it serves.
type StartUp struct {
	Peer         string  `json:"peer"`
	Milliseconds float64 `json:"milliseconds"`
}

func (r *Report) row(cell, peer string) *Row {
	for _, row := range r.Rows {
		if row.Cell == cell && row.Peer == peer {
			return row
		}
	}
	return nil
}

func (r *Report) add(c cell, name string, s Sample) {
	row := r.row(c.String(), name)
	if row == nil {
		row = &Row{Cell: c.String(), Peer: name}
		r.Rows = append(r.Rows, row)
	}
	row.Rounds = append(row.Rounds, s)
}

// finish sorts the rows and computes what follows from them.
func (r *Report) finish() {
	var cells []string
	byCell := map[string][]*Row{}
	for _, row := range r.Rows {
		if byCell[row.Cell] == nil {
			cells = append(cells, row.Cell)
		}
		byCell[row.Cell] = append(byCell[row.Cell], row)
	}
	r.Rows = nil
	for _, c := range cells {
		for _, name := range peerNames() {
			for _, row := range byCell[c] {
				if row.Peer == name {
					row.Median = medians(row.Rounds)
					r.Rows = append(r.Rows, row)
				}
			}
		}
	}
	r.Bars = r.bars()
}

// medians are those of each figure.
func medians(samples []Sample) (m Sample) {
	for _, figure := range []func(*Sample) *float64{
		func(s *Sample) *float64 { return &s.CPU }, func(s *Sample) *float64 { return &s.Backend }, func(s *Sample) *float64 { return &s.Load },
		func(s *Sample) *float64 { return &s.P50 }, func(s *Sample) *float64 { return &s.P99 },
		func(s *Sample) *float64 { return &s.PerSecond }, func(s *Sample) *float64 { return &s.PeakMiB },
		func(s *Sample) *float64 { return &s.Failed }, func(s *Sample) *float64 { return &s.Allocs }, func(s *Sample) *float64 { return &s.AllocBytes },
	} {
		var values []float64
		for i := range samples {
			values = append(values, *figure(&samples[i]))
		}
		*figure(&m) = median(values)
	}
	return m
}

// describe says what is measured where.
func (b *bed) describe(ctx context.Context, o *options) *Report {
	said := func(program string, args ...string) string {
		text, _ := exec.CommandContext(ctx, program, args...).CombinedOutput() //nolint:gosec // what is asked is written here
		return strings.TrimSpace(string(text))
	}
	r := &Report{
		Date: time.Now().UTC().Format(time.DateOnly), Commit: said("git", "-C", b.root, "describe", "--always", "--dirty"),
		Machine: machine(), Cores: runtime.NumCPU(), Plan: o.plan, Rounds: o.rounds, Seconds: o.duration.Seconds(),
		Versions: map[string]string{"Go": strings.TrimPrefix(runtime.Version(), "go")},
	}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		r.Load, _, _ = strings.Cut(string(text), " ")
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			switch module.Path {
			case "google.golang.org/grpc", "google.golang.org/protobuf", "github.com/grpc-ecosystem/grpc-gateway/v2":
				r.Versions[module.Path] = strings.TrimPrefix(module.Version, "v")
			}
		}
	}
	if b.edges[node] != nil {
		r.Versions["Node.js"] = strings.TrimPrefix(said("node", "--version"), "v")
	}
	if b.edges[nginx] != nil {
		_, r.Versions["nginx"], _ = strings.Cut(said("nginx", "-v"), "nginx/")
	}
	return r
}

// machine is the processor, with how many of its cores are ours, the memory and the system.
func machine() string {
	member := func(file, name string) string {
		f, err := os.Open(file)
		if err != nil {
			return ""
		}
		defer func() { _ = f.Close() }()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if key, value, _ := strings.Cut(lines.Text(), ":"); strings.TrimSpace(key) == name {
				return strings.TrimSpace(value)
			}
		}
		return ""
	}
	var kib float64
	_, _ = fmt.Sscan(member("/proc/meminfo", "MemTotal"), &kib)
	return fmt.Sprintf("%s, %d cores, %.0f GiB, %s, %s", member("/proc/cpuinfo", "model name"), runtime.NumCPU(), kib/(1<<20), kernel(), runtime.GOARCH)
}

func readReport(path string) (*Report, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := &Report{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("%s: %w; want a report, as --json or --docs writes it", path, err)
	}
	return r, nil
}

func writeJSON(out io.Writer, v any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", " ")
	return encoder.Encode(v)
}

// tell writes the line by which a process says where it is.
func tell(out io.Writer, url string) error {
	return json.NewEncoder(out).Encode(peer.Started{Message: "Serving", Edge: url})
}

// floorOf is the row that others of its cell are compared with.
func (r *Report) floorOf(row *Row) *Row {
	if floor := r.row(row.Cell, bare); floor != nil {
		return floor
	}
	return r.row(row.Cell, static)
}
