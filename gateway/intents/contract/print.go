package contract

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/intentgate/intentgate/gateway/binding"
)

// Print writes contracts for people.
func Print(w io.Writer, services []Service) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(cells ...string) {
		for i := range cells {
			cells[i] = plain(cells[i])
		}
		fmt.Fprintln(table, strings.TrimRight(strings.Join(cells, "\t"), "\t")) //nolint:errcheck // Flush tells
	}
	for i, service := range services {
		if i > 0 {
			line()
		}
		line("service " + service.Service + ", by " + service.Source)
		if service.Error != "" {
			line("  error: " + service.Error)
		}
		for _, m := range service.Methods {
			line()
			line("  " + m.Method)
			for _, row := range m.answers() {
				line("    answers", row[0], row[1])
			}
			for _, f := range m.Request {
				line("    takes", f.Path, f.Type, f.origin())
			}
			for _, e := range m.Response {
				line("    gives", e.Path, e.Type, e.outcome())
			}
			if keeps := m.keeps(); keeps != "" {
				line("    remembers " + keeps)
			}
			if continues := m.continues(); continues != "" {
				line("    continues " + continues)
			}
			for _, warning := range m.Warnings {
				line("    warning: " + warning)
			}
		}
		for i, problem := range service.Problems {
			if i == 0 {
				line()
			}
			line(fmt.Sprintf("  %s: %s", problem.Kind, problem.Element))
			line("    " + problem.Problem)
		}
		for _, warning := range service.Warnings {
			line("  warning: " + warning)
		}
	}
	return table.Flush()
}

// Markdown writes contracts for the documents of those who design agents.
func Markdown(w io.Writer, services []Service) error {
	var b strings.Builder
	row := func(cells ...string) {
		for i := range cells {
			cells[i] = strings.ReplaceAll(plain(cells[i]), "|", "\\|")
		}
		b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
	code := func(text string) string { return "`" + strings.ReplaceAll(text, "`", "'") + "`" }
	for _, service := range services {
		fmt.Fprintf(&b, "# %s\n", plain(service.Service))
		if service.Error != "" {
			fmt.Fprintf(&b, "\n**Error:** %s\n", plain(service.Error))
		}
		for _, m := range service.Methods {
			fmt.Fprintf(&b, "\n## %s\n\n", plain(m.Method))
			for _, row := range m.answers() {
				fmt.Fprintf(&b, "- %s: %s\n", row[0], plain(row[1]))
			}
			if len(m.Request) > 0 {
				b.WriteString("\n")
				row("takes", "type", "from")
				row("---", "---", "---")
				for _, f := range m.Request {
					row(code(f.Path), code(f.Type), f.origin())
				}
			}
			if len(m.Response) > 0 {
				b.WriteString("\n")
				row("gives", "type", "outcome")
				row("---", "---", "---")
				for _, e := range m.Response {
					row(code(e.Path), code(e.Type), e.outcome())
				}
			}
			if keeps := m.keeps(); keeps != "" {
				fmt.Fprintf(&b, "\nRemembered on %s.\n", plain(keeps))
			}
			if continues := m.continues(); continues != "" {
				fmt.Fprintf(&b, "\nContinued on %s.\n", continues)
			}
			for _, warning := range m.Warnings {
				fmt.Fprintf(&b, "\n**Warning:** %s\n", plain(warning))
			}
		}
		if len(service.Problems) > 0 {
			b.WriteString("\n## Not served\n\n")
			row("kind", "element", "problem")
			row("---", "---", "---")
			for _, problem := range service.Problems {
				row(string(problem.Kind), problem.Element, problem.Problem)
			}
		}
		for _, warning := range service.Warnings {
			fmt.Fprintf(&b, "\n**Warning:** %s\n", plain(warning))
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// PrintBreaks writes for people by what agents break.
func PrintBreaks(w io.Writer, breaks []Break, markdown bool) error {
	before := ""
	if markdown {
		before = "- "
	}
	var b strings.Builder
	for _, one := range breaks {
		b.WriteString(before + plain(fmt.Sprintf("%s: %s: %s", one.Method, one.Element, one.Problem)) + "\n")
	}
	if len(breaks) == 0 {
		b.WriteString("No agent breaks.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// keeps says where on ES what a method sets is remembered; empty: it sets nothing there.
func (m *Method) keeps() string {
	if m.Context == nil || !slices.ContainsFunc(m.Response, func(e Effect) bool { return e.Set != "" }) {
		return ""
	}
	return fmt.Sprintf("ES: in the context %s, for %d turns", m.Context.Name, m.Context.Lifespan)
}

// continues says how the answer is fetched where it takes longer than Dialogflow waits; empty: it is not.
func (m *Method) continues() string {
	if m.ContinueFor == 0 {
		return ""
	}
	return fmt.Sprintf("ES: for up to %gs, by the event %s, to which an intent of the agent has to listen", m.ContinueFor, binding.ContinueEvent)
}

// answers lists the kinds of names that a method answers, with them.
func (m *Method) answers() (rows [][2]string) {
	for _, kind := range []struct {
		name  string
		names []string
	}{{"ES intent", m.Intents}, {"ES action", m.Actions}, {"CX tag", m.Tags}} {
		if len(kind.names) > 0 {
			rows = append(rows, [2]string{kind.name, strings.Join(kind.names, ", ")})
		}
	}
	return rows
}

// origin says in words where a field comes from.
func (f *Field) origin() string {
	text := strings.ReplaceAll(f.From, "_", " ")
	if f.From == "turn" {
		text = "the whole turn"
	}
	switch f.From {
	case "parameter":
		text += " " + strings.Join(f.Names, " or ")
	case "join", "payload":
		text += " " + strings.Join(f.Names, " and ")
	}
	if strings.Contains(f.Path, ".") {
		text = strings.Replace(text, "parameter", "member", 1)
	}
	if len(f.ES) > 1 {
		text += "; ES: " + strings.Join(f.ES, ", ")
	}
	if n := len(f.CX); n > 0 && n < 3 { // all three are as usual
		text += "; CX: " + strings.Join(f.CX, ", ")
	}
	if len(f.Words) > 0 {
		text += "; one of " + strings.Join(f.Words, ", ")
	}
	if rules := slices.DeleteFunc(slices.Clone(f.Rules), func(name string) bool { return name == "required" }); len(rules) > 0 {
		text += "; rules " + strings.Join(rules, ", ")
	}
	if f.Reprompt {
		text += "; has a reprompt"
	}
	if f.Required {
		text += "; required"
	}
	if f.Sensitive {
		text += "; sensitive"
	}
	return text
}

// outcome says in words what becomes of a field.
func (e *Effect) outcome() string {
	var all []string
	if e.Text {
		all = append(all, "said")
	}
	if e.Set != "" {
		all = append(all, "remembered as "+e.Set)
		if e.Clear {
			all = append(all, "forgotten where it is absent")
		}
	}
	if e.Reply {
		all = append(all, "obeyed")
	}
	if e.Sensitive {
		all = append(all, "sensitive")
	}
	return strings.Join(all, "; ")
}

// plain is a text in one line without anything that would move the cursor: names are the services' own.
func plain(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strings.Trim(strconv.Quote(text), `"`)
	}
	return text
}
