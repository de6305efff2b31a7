package binding_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// documented are the fields of KindsRequest for which docs/annotations.md writes words instead of a type.
var documented = map[string]string{
	"an enum": "size", "`optional`": "maybe_int32", "`repeated`": "int64s", "`map`": "rates", "a message": "item",
	"a message with `start` and `end`": "period", "a member of a oneof": "email",
}

// TestDocumentedConversions plays the examples of the tables in docs/annotations.md.
func TestDocumentedConversions(t *testing.T) {
	text, err := os.ReadFile("../../docs/annotations.md")
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]string{} // by type
	for _, f := range compile(t, "KindsService.Kinds", binding.Options{Platform: dialogflow.ES}).Describe().Request {
		if _, known := fields[f.Type]; !known && !strings.Contains(f.Path, ".") {
			fields[f.Type] = f.Path
		}
	}
	in, out := table(t, string(text), "value → field"), table(t, string(text), "field → value")
	for _, row := range in {
		for _, field := range fieldsOf(t, row[0], fields) {
			var cases [][2]string
			for _, e := range regexp.MustCompile("`([^`]+)` → (?:`([^`]+)`|(unset|refused))").FindAllStringSubmatch(row[2], -1) {
				want := e[2]
				if e[3] == refused {
					want = refused
				}
				cases = append(cases, [2]string{e[1], want})
			}
			t.Run("in "+field, func(t *testing.T) { testKind(t, field, examples(t, row[2], cases)) })
		}
	}
	for _, row := range out {
		for _, field := range fieldsOf(t, row[0], fields) {
			var cases [][]string
			for _, e := range regexp.MustCompile("`([^`]+)` → (?:`([^`]+)`|ES `([^`]+)`, CX `([^`]+)`)").FindAllStringSubmatch(row[2], -1) {
				if cases = append(cases, []string{e[1], e[2]}); e[2] == "" {
					cases[len(cases)-1] = []string{e[1], e[3], e[4]}
				}
			}
			for _, c := range examples(t, row[2], cases) {
				for _, platform := range []dialogflow.Platform{dialogflow.ES, dialogflow.CX} {
					t.Run("out "+field+" "+platform.String(), func(t *testing.T) {
						method := echo(t, platform)
						testRemembered(t, method, platform, method.input.Fields().ByName(protoreflect.Name(field)), c)
					})
				}
			}
		}
	}
}

// TestDocumentedRules plays the examples of rules in docs/annotations.md, and compares the rules with those of testdata/rules.proto.
func TestDocumentedRules(t *testing.T) {
	text, err := os.ReadFile("../../docs/annotations.md")
	if err != nil {
		t.Fatal(err)
	}
	proto, err := os.ReadFile("testdata/rules.proto")
	if err != nil {
		t.Fatal(err)
	}
	squeezed := func(text string) string {
		return regexp.MustCompile(`\s+`).ReplaceAllString(strings.ReplaceAll(strings.ReplaceAll(text, "|", ""), "\\", ""), "")
	}
	method := ruled(t, "Ruled", dialogflow.CX)
	for _, row := range table(t, string(text), "rules") {
		for _, rule := range regexp.MustCompile("`([^`]+ = [^`]+)`").FindAllStringSubmatch(row[1], -1) {
			name, value, _ := strings.Cut(rule[1], " = ")
			if name != "required" && name != "ignore" && !strings.Contains(squeezed(string(proto)), squeezed(name+"="+value)) {
				t.Errorf("no field has the rule %s", rule[1])
			}
		}
		var cases [][2]string
		for _, e := range regexp.MustCompile("`([^`]+)` → (?:`` (.+?) ``|`([^`]+)`|(fits))").FindAllStringSubmatch(row[2], -1) {
			cases = append(cases, [2]string{e[1], e[2] + e[3]})
		}
		field := strings.Trim(row[0], "`")
		for _, c := range examples(t, row[2], cases) {
			name := field
			if name == "count" {
				name = "number"
			}
			parameters := `{"phone": "5550100", "order_id": "A-1042", "` + name + `": ` + c[0] + `}`
			if field == "order_id" {
				parameters = `{"phone": "5550100", "order_id": ` + c[0] + `}`
			}
			_, err := method.Call(turnOf(t, dialogflow.CX, parameters))
			if v := violation(err); v.Problem != c[1] || c[1] == "" && err != nil || c[1] != "" && !strings.HasPrefix(v.Field, field) {
				t.Errorf("%s %s: got %v, want %q", field, c[0], err, c[1])
			}
		}
	}
}

// table returns the rows of the table that follows a mark, cell by cell.
func table(t *testing.T, text, mark string) (rows [][]string) {
	t.Helper()
	_, text, found := strings.Cut(text, "<!-- Played by gateway/binding: "+mark+". -->\n\n")
	if !found {
		t.Fatalf("the tables have no mark %s", mark)
	}
	text, _, _ = strings.Cut(text, "\n\n")
	for _, line := range strings.Split(text, "\n")[2:] {
		rows = append(rows, strings.Split(strings.Trim(line, "| "), " | "))
	}
	return rows
}

// fieldsOf returns the fields of KindsRequest that a row is about.
func fieldsOf(t *testing.T, cell string, byType map[string]string) (names []string) {
	t.Helper()
	if name := documented[cell]; name != "" {
		return []string{name}
	}
	for _, kind := range strings.Split(cell, ", ") {
		name := byType[strings.Trim(kind, "`")]
		if name == "" {
			t.Fatalf("no field is a %s", kind)
		}
		names = append(names, name)
	}
	return names
}

// examples checks that all of those in a cell were understood.
func examples[T any](t *testing.T, cell string, cases []T) []T {
	t.Helper()
	if len(cases) == 0 || len(cases) != strings.Count(cell, "→") {
		t.Fatalf("%d examples in %s", len(cases), cell)
	}
	return cases
}

// TestDocumentedProblems wants a row in docs/annotations.md for each problem of compiling.
func TestDocumentedProblems(t *testing.T) {
	text, err := os.ReadFile("../../docs/annotations.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("rules/*.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, file := range append(files, more...) {
		source, err := os.ReadFile(file) //nolint:gosec // the package's own
		if err != nil {
			t.Fatal(err)
		}
		for _, problem := range regexp.MustCompile(`\bc\.problem\(\w+, (?:fmt\.Sprintf\()?"((?:[^"\\]|\\.)+)"`).FindAllStringSubmatch(string(source), -1) {
			seen++
			for _, piece := range regexp.MustCompile(`%[.0-9]*[a-z]`).Split(problem[1], -1) { // what stands between values
				if !strings.Contains(string(text), strings.TrimSpace(piece)) {
					t.Errorf("%s: docs/annotations.md has no row for %q", file, problem[1])
					break
				}
			}
		}
	}
	if seen < 20 {
		t.Errorf("%d problems: are they written otherwise now?", seen)
	}
}
