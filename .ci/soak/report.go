package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/intentgate/intentgate/gateway/simulator/issuer"
)

// report is what a soak has seen, for programs.
type report struct {
	Date    string           `json:"date"`
	Machine string           `json:"machine"`
	Version string           `json:"version"`
	Seed    uint64           `json:"seed"`
	Seconds float64          `json:"seconds"`
	Tries   int              `json:"tries"`
	Effects int              `json:"side_effects"` // by the service's own count
	Joined  int              `json:"joined"`       // turns that took over the answer of an earlier try
	Phases  []phaseReport    `json:"phases"`
	Before  map[string]usage `json:"at_rest_before"`
	After   map[string]usage `json:"at_rest_after"`
	Memory  [2]int           `json:"memory_kib"` // of the replica that lives throughout: in the middle and in the end
	Broken  []breach         `json:"broken"`
}

// phaseReport is a row.
type phaseReport struct {
	Name      string         `json:"name"`
	Times     int            `json:"times"`
	Tries     int            `json:"tries"`
	Again     int            `json:"again"`   // second tries
	Joined    int            `json:"joined"`  // turns that were answered by a call of another one
	Retried   int            `json:"retried"` // calls that the gateway made more than once
	Kinds     map[string]int `json:"kinds"`   // what came of them
	P50       float64        `json:"p50_ms"`
	P99       float64        `json:"p99_ms"`
	Max       float64        `json:"max_ms"`
	WellAfter float64        `json:"well_after_ms"` // the longest time until turns were good again
}

func (s *soak) report(ctx context.Context, took time.Duration, before, after map[string]usage, m *memory) *report {
	r := &report{
		Date: time.Now().UTC().Format(time.DateOnly), Machine: machineName(), Version: version(ctx), Seed: s.options.seed, Seconds: took.Seconds(),
		Tries: s.tally.sum(), Effects: len(s.ledger.turns), Joined: s.tally.joinedInAll(), Before: before, After: after, Broken: s.tally.breaches(),
	}
	r.Memory[0], r.Memory[1] = m.ends()
	s.tally.mu.Lock()
	defer s.tally.mu.Unlock()
	for _, name := range s.tally.order {
		row := s.tally.rows[name]
		if row.tries == 0 {
			continue
		}
		slices.Sort(row.took)
		p := phaseReport{
			Name: name, Times: row.times, Tries: row.tries, Again: row.again, Joined: row.joined, Retried: row.retried, Kinds: row.kinds,
			P50: ms(quantile(row.took, 0.5)), P99: ms(quantile(row.took, 0.99)), Max: ms(quantile(row.took, 1)),
		}
		if len(row.recovered) > 0 {
			p.WellAfter = ms(slices.Max(row.recovered))
		}
		r.Phases = append(r.Phases, p)
	}
	return r
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// print writes the report for people.
func (r *report) print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	kinds := map[string]bool{}
	for _, p := range r.Phases {
		for kind := range p.Kinds {
			kinds[kind] = true
		}
	}
	columns := slices.Sorted(maps.Keys(kinds))
	heads := strings.ReplaceAll(strings.Join(columns, "\t"), "fallback ", "")
	_, _ = fmt.Fprintf(table, "phase\ttimes\ttries\tsecond\tjoined\tretried\t%s\tp50 ms\tp99 ms\tmax ms\twell after s\t\n", heads)
	for _, p := range r.Phases {
		_, _ = fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t", p.Name, p.Times, p.Tries, p.Again, p.Joined, p.Retried)
		for _, kind := range columns {
			_, _ = fmt.Fprintf(table, "%d\t", p.Kinds[kind])
		}
		_, _ = fmt.Fprintf(table, "%.1f\t%.0f\t%.0f\t%.1f\t\n", p.P50, p.P99, p.Max, p.WellAfter/1000)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s, %s, %s, seed %d: %d tries in %.0f s, %d side effects, %d joined\n",
		r.Date, r.Machine, r.Version, r.Seed, r.Tries, r.Seconds, r.Effects, r.Joined)
	for _, name := range []string{"steady", "rolled", "service"} {
		before, after := r.Before[name], r.After[name]
		fmt.Fprintf(&b, "%s at rest: %d → %d descriptors, %d → %d goroutines, %d → %d MiB\n", name, before.Descriptors, after.Descriptors,
			before.Goroutines, after.Goroutines, before.Resident>>10, after.Resident>>10)
	}
	fmt.Fprintf(&b, "steady under load: %d → %d MiB\n", r.Memory[0]>>10, r.Memory[1]>>10)
	for _, broken := range r.Broken {
		fmt.Fprintf(&b, "BROKEN %d times: %s\n", broken.Times, broken.Rule)
		for _, example := range broken.Examples {
			fmt.Fprintf(&b, "  %s\n", example)
		}
	}
	if len(r.Broken) == 0 {
		fmt.Fprintln(&b, "no rule was broken")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *report) json(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// machineName is the processor's, as far as the system tells.
func machineName() string {
	name := runtime.GOARCH
	if file, err := os.Open("/proc/cpuinfo"); err == nil {
		lines := bufio.NewScanner(file)
		for lines.Scan() {
			if key, value, _ := strings.Cut(lines.Text(), ":"); strings.TrimSpace(key) == "model name" {
				name = strings.TrimSpace(value)
			}
		}
		_ = file.Close()
	}
	return fmt.Sprintf("%d cores of %s", runtime.NumCPU(), name)
}

// tokens are the ID tokens, each used for some minutes, as Google's are.
type tokens struct {
	issuer *issuer.Issuer

	mu   sync.Mutex
	made map[string]token
}

type token struct {
	text string
	at   time.Time
}

// token returns the one of a webhook.
func (s *soak) token(w webhook) string {
	const life = 10 * time.Minute
	t := &s.tokens
	t.mu.Lock()
	defer t.mu.Unlock()
	if one := t.made[w.path]; time.Since(one.at) < life {
		return one.text
	}
	text, err := t.issuer.Token("https://localhost"+w.path, projectNumber)
	if err != nil {
		s.broken(ruleProcess, err.Error())
	}
	if t.made == nil {
		t.made = map[string]token{}
	}
	t.made[w.path] = token{text, time.Now()}
	return text
}

func isPanic(message string) bool {
	return message == "Handler panicked" || strings.HasPrefix(message, "panic: ") || strings.HasPrefix(message, "fatal error: ")
}
