package main

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// What is measured stands between these lines of performance.md; the rest is written by people.
const (
	measuredBegin = "<!-- measured: what stands from here on is written by `make bench` -->"
	measuredEnd   = "<!-- measured until here -->"
)

// document writes the report into a folder: performance.json, performance.svg, and what is measured into performance.md.
func (r *Report) document(folder string) error {
	page := filepath.Join(folder, "performance.md")
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, begun := bytes.Cut(text, []byte(measuredBegin))
	_, after, ended := bytes.Cut(rest, []byte(measuredEnd))
	if !begun || !ended {
		return fmt.Errorf("%s: what is measured has no place there: want the lines %s and %s", page, measuredBegin, measuredEnd)
	}
	var report bytes.Buffer
	if err := writeJSON(&report, r); err != nil {
		return err
	}
	text = slices.Concat(before, []byte(measuredBegin+"\n\n"+r.markdown()+"\n"+measuredEnd), after)
	write := func(name string, text []byte) error {
		return os.WriteFile(filepath.Join(folder, name), text, 0o644) //nolint:gosec // it is to be committed
	}
	return errors.Join(write("performance.json", report.Bytes()), write("performance.svg", r.plot()), write("performance.md", text))
}

// markdown is what is measured, for the page.
func (r *Report) markdown() string {
	var s strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&s, format, args...) }
	p("Measured on %s: %s, with", r.Date, r.Machine)
	for i, name := range slices.Sorted(maps.Keys(r.Versions)) {
		p("%s %s %s", map[bool]string{true: ","}[i > 0], name, r.Versions[name])
	}
	p("; commit %s. %d rounds, of %g s for each peer and cell; the load of the machine was %s at the start.\n\n", r.Commit, r.Rounds, r.Seconds, r.Load)
	p("![CPU time of the edge for a turn](performance.svg)\n\n## Bars\n\n| | ratio | at most | |\n|---|--:|--:|---|\n")
	for _, bar := range r.Bars {
		p("| %s | %.2f | %.2f | %s |\n", bar.Name, bar.Ratio, bar.Most, strings.TrimSpace(bar.verdict()))
	}
	p("\n## Who was measured\n\n| | |\n|---|---|\n")
	for _, name := range peerNames() {
		if slices.ContainsFunc(r.Rows, func(row *Row) bool { return row.Peer == name }) {
			p("| %s | %s |\n", name, what[name])
		}
	}
	p("\n## Turns and handshakes\n")
	last := ""
	for _, row := range r.Rows {
		if row.Cell != last {
			p("\n`%s`\n\n| | CPU µs | × floor | service µs | p50 µs | p99 µs | 1/s | allocations | KiB | peak MiB |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n", row.Cell)
			last = row.Cell
		}
		m := row.Median
		p("| %s | %.1f | %.2f | %.1f | %.0f | %.0f | %.0f | %s | %s | %.0f |\n", row.Peer, m.CPU, ratio(row, r.floorOf(row), cpu), m.Backend, m.P50, m.P99,
			m.PerSecond, known("%.0f", m.Allocs), known("%.1f", m.AllocBytes/1024), m.PeakMiB)
	}
	if len(r.Idle) > 0 {
		p("\n## Idle connections\n\n| | connections | live KiB each | resident KiB each |\n|---|--:|--:|--:|\n")
		for _, idle := range r.Idle {
			p("| %s | %d | %.1f | %.1f |\n", idle.Peer, idle.Connections, idle.LiveKiB, idle.RSSKiB)
		}
	}
	if len(r.StartUps) > 0 {
		p("\n## Starting\n\nThe gateway's program has %.1f MiB.\n\n| | serves after |\n|---|--:|\n", r.BinaryMiB)
		for _, start := range r.StartUps {
			p("| %s | %.0f ms |\n", start.Peer, start.Milliseconds)
		}
	}
	return s.String()
}

// plot draws the CPU time of all peers in the base cell, each with its rounds as dots.
func (r *Report) plot() []byte {
	var rows []*Row
	most := 0.0
	for _, row := range r.Rows {
		if row.Cell != base().String() {
			continue
		}
		rows = append(rows, row)
		for _, s := range row.Rounds {
			most = max(most, s.CPU)
		}
	}
	const left, width, line = 150, 560, 26
	var s bytes.Buffer
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">`+"\n", left+width+90, len(rows)*line+40)
	fmt.Fprintf(&s, `<rect width="100%%" height="100%%" fill="#fff"/><text x="10" y="18">CPU time of the edge for a turn, µs (%s)</text>`+"\n", base())
	for i, row := range rows {
		y, fill := 30+i*line, "#9db4c8"
		if strings.HasPrefix(row.Peer, intentgate) {
			fill = "#2f6f9f"
		}
		x := func(value float64) float64 { return left + value/most*width }
		fmt.Fprintf(&s, `<text x="%d" y="%d" text-anchor="end">%s</text><rect x="%d" y="%d" width="%.1f" height="18" fill="%s"/>`,
			left-8, y+14, html.EscapeString(row.Peer), left, y, x(row.Median.CPU)-left, fill)
		for _, sample := range row.Rounds {
			fmt.Fprintf(&s, `<circle cx="%.1f" cy="%d" r="2" fill="#222"/>`, x(sample.CPU), y+9)
		}
		fmt.Fprintf(&s, `<text x="%.1f" y="%d">%.0f</text>`+"\n", x(most)+12, y+14, row.Median.CPU)
	}
	s.WriteString("</svg>\n")
	return s.Bytes()
}
