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
	"unicode/utf8"
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
	text = slices.Concat(before, []byte(measuredBegin+"\n\n![CPU time of the edge for a turn](performance.svg)\n\n"+r.markdown(nil)+"\n"+measuredEnd), after)
	write := func(name string, text []byte) error {
		return os.WriteFile(filepath.Join(folder, name), text, 0o644) //nolint:gosec // it is to be committed
	}
	return errors.Join(write("performance.json", report.Bytes()), write("performance.svg", r.plot()), write("performance.md", text))
}

// markdown is what is measured, for people, on the page and on a terminal; with ratios of what was measured before, where that is given.
func (r *Report) markdown(before *Report) string {
	var s strings.Builder
	fmt.Fprintf(&s, "Measured on %s: %s, with", r.Date, r.Machine)
	for i, name := range slices.Sorted(maps.Keys(r.Versions)) {
		fmt.Fprintf(&s, "%s %s %s", map[bool]string{true: ","}[i > 0], name, r.Versions[name])
	}
	fmt.Fprintf(&s, "; commit %s. %d rounds, of %g s for each peer and cell, took %.0f s; the load of the machine was %s at the start.\n",
		r.Commit, r.Rounds, r.Seconds, r.Took, r.Load)
	s.WriteString("\n## Bars\n")
	bars := table{{"", "ratio", "at most", ""}}
	for _, bar := range r.Bars {
		bars = append(bars, []string{bar.Name, fmt.Sprintf("%.2f", bar.Ratio), fmt.Sprintf("%.2f", bar.Most), bar.verdict()})
	}
	for i := range bars {
		if before != nil {
			bars[i] = append(bars[i], before.ratioOf(bars[i][0]))
		}
	}
	bars.write(&s)
	if !r.met() && len(r.Where) > 0 {
		fmt.Fprintf(&s, "\nWhat the profiles show beyond the equal floor, for each turn: %s.\n", r.left())
	}
	r.capacity(&s)
	r.rooms(&s)
	s.WriteString("\n## Who was measured\n\n")
	for _, name := range peerNames() {
		if slices.ContainsFunc(r.Rows, func(row *Row) bool { return row.Peer == name }) {
			fmt.Fprintf(&s, "- **%s**: %s\n", name, what[name])
		}
	}
	s.WriteString("\n## Turns and handshakes\n")
	for rows := r.Rows; len(rows) > 0; {
		name, cell := rows[0].Cell, table{{"", "CPU µs", "× floor", "service µs", "p50 µs", "p99 µs", "1/s", "allocations", "KiB", "peak MiB", "failed"}}
		for ; len(rows) > 0 && rows[0].Cell == name; rows = rows[1:] {
			m := rows[0].Median
			cell = append(cell, []string{
				rows[0].Peer, fmt.Sprintf("%.1f", m.CPU), fmt.Sprintf("%.2f", ratio(rows[0], r.floorOf(rows[0]), cpu)), known("%.1f", m.Backend),
				fmt.Sprintf("%.0f", m.P50), fmt.Sprintf("%.0f", m.P99), fmt.Sprintf("%.0f", m.PerSecond), known("%.0f", m.Allocs),
				known("%.1f", m.AllocBytes/1024), fmt.Sprintf("%.0f", m.PeakMiB), known("%.2f %%", m.Failed*100),
			})
		}
		fmt.Fprintf(&s, "\n`%s`\n", name)
		cell.write(&s)
	}
	if len(r.Idle) > 0 {
		s.WriteString("\n## Idle connections\n")
		idle := table{{"", "connections", "live KiB each", "resident KiB each"}}
		for _, i := range r.Idle {
			idle = append(idle, []string{i.Peer, fmt.Sprint(i.Connections), fmt.Sprintf("%.1f", i.LiveKiB), fmt.Sprintf("%.1f", i.RSSKiB)})
		}
		idle.write(&s)
	}
	if len(r.StartUps) > 0 {
		fmt.Fprintf(&s, "\n## Starting\n\nThe gateway's program has %.1f MiB.\n", r.BinaryMiB)
		starts := table{{"", "serves after ms"}}
		for _, start := range r.StartUps {
			starts = append(starts, []string{start.Peer, fmt.Sprintf("%.0f", start.Milliseconds)})
		}
		starts.write(&s)
	}
	return s.String()
}

// known leaves out what is not.
func known(format string, value float64) string {
	if value == 0 {
		return ""
	}
	return fmt.Sprintf(format, value)
}

// table has a head and rows, of which the first column is words, and all others are numbers.
type table [][]string

// write writes it in Markdown, the columns below each other.
func (t table) write(s *strings.Builder) {
	widths := make([]int, len(t[0]))
	for _, row := range t {
		for i, text := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(text), 2)
		}
	}
	s.WriteByte('\n')
	for i, row := range t {
		for j, text := range row {
			if j == 0 {
				fmt.Fprintf(s, "| %-*s |", widths[j], text)
			} else {
				fmt.Fprintf(s, " %*s |", widths[j], text)
			}
		}
		s.WriteByte('\n')
		if i > 0 {
			continue
		}
		for j, width := range widths {
			if j == 0 {
				s.WriteString("|" + strings.Repeat("-", width+2) + "|")
			} else {
				s.WriteString(strings.Repeat("-", width+1) + ":|")
			}
		}
		s.WriteByte('\n')
	}
}

// plot draws the CPU time of all peers in the base cell, each with its rounds as dots. A bar that ends with an arrow would be longer.
func (r *Report) plot() []byte {
	rows, most := []*Row{}, 0.0
	for _, row := range r.Rows {
		if row.Cell == base().String() {
			rows, most = append(rows, row), max(most, row.Median.CPU*1.1)
		}
	}
	if own := r.row(base().String(), intentgate); own != nil {
		most = min(most, 3*own.Median.CPU) // the differences of the others are to be seen
	}
	const left, width, line = 150, 560, 26
	var s bytes.Buffer
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">`+"\n", left+width+70, len(rows)*line+40)
	fmt.Fprintf(&s, `<rect width="100%%" height="100%%" fill="#fff"/><text x="10" y="18">CPU time of the edge for a turn, µs; a dot is a round (%s)</text>`+"\n", base())
	for i, row := range rows {
		y, fill, end := 30+i*line, "#9db4c8", ""
		if strings.HasPrefix(row.Peer, intentgate) {
			fill = "#2f6f9f"
		}
		if row.Median.CPU > most {
			end = "→ "
		}
		x := func(value float64) float64 { return left + min(value/most, 1)*width }
		fmt.Fprintf(&s, `<text x="%d" y="%d" text-anchor="end">%s</text><rect x="%d" y="%d" width="%.1f" height="18" fill="%s"/>`,
			left-8, y+14, html.EscapeString(row.Peer), left, y, x(row.Median.CPU)-left, fill)
		for _, sample := range row.Rounds {
			if sample.CPU <= most {
				fmt.Fprintf(&s, `<circle cx="%.1f" cy="%d" r="2" fill="#222"/>`, x(sample.CPU), y+9)
			}
		}
		fmt.Fprintf(&s, `<text x="%d" y="%d">%s%.0f</text>`+"\n", left+width+6, y+14, end, row.Median.CPU)
	}
	s.WriteString("</svg>\n")
	return s.Bytes()
}
