package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/config"
	"github.com/intentgate/intentgate/gateway/fallback"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// documents are the project's Markdown files, and those of more patterns, by their paths from its root.
func documents(t *testing.T, more ...string) map[string]string {
	t.Helper()
	root := filepath.Join("..", "..", "..")
	texts := map[string]string{}
	for _, pattern := range append([]string{"*.md", "docs/*.md"}, more...) {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file) //nolint:gosec // the project's own
			if err != nil {
				t.Fatal(err)
			}
			name, err := filepath.Rel(root, file)
			if err != nil {
				t.Fatal(err)
			}
			texts[filepath.ToSlash(name)] = string(text)
		}
	}
	return texts
}

// TestDocumentedConfigurations loads every configuration that the documentation shows. What is only a part of one stands
// for those sections in the first one of docs/connect.md.
func TestDocumentedConfigurations(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := keys(t).Write(filepath.Join(dir, "dev-certs")); err != nil {
		t.Fatal(err)
	}
	etc := strings.NewReplacer("/etc/intentgate/", "dev-certs/", "fullchain.pem", "edge.pem", "privkey.pem", "edge.key", "agents-ca.pem", "internal-ca.pem", "status.pem", "edge.pem", "status.key", "edge.key")
	for _, file := range []string{"dev-certs/es-password", "dev-certs/webhook-key", "dev-certs/tables.binpb", "tables.binpb"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte("not a secret: "+file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "dev-certs/tokens.key"), tokenKey(t))
	texts := documents(t)
	whole := sections(yamlBlocks(texts["docs/connect.md"])[0])
	seen := 0
	for name, text := range texts {
		for _, block := range yamlBlocks(text) {
			seen++
			all := maps.Clone(whole)
			own := sections(block)
			if own["conversations"] != "" {
				continue // TestDocumentedConversations plays it
			}
			if own["services"] != "" && own["edge"] != "" {
				all = map[string]string{}
			} else if own["services"] != "" {
				delete(all, "routes") // to other services
			}
			maps.Copy(all, own)
			file := filepath.Join(dir, "intentgate.yaml")
			var content strings.Builder
			for _, section := range all {
				content.WriteString(section)
			}
			if err := os.WriteFile(file, []byte(etc.Replace(content.String())), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := config.Load(file, time.Now()); err != nil {
				t.Errorf("%s: a configuration that does not load: %v\n%s", name, err, block)
			}
		}
	}
	if seen < 8 {
		t.Errorf("the documentation shows %d configurations: has the form of its examples changed?", seen)
	}
}

// TestDocumentedConversations plays those that docs/conversations.md shows, and looks there for all that can be expected.
func TestDocumentedConversations(t *testing.T) {
	t.Parallel()
	page := documents(t)["docs/conversations.md"]
	args := []string{"test", "--demo"}
	for _, block := range yamlBlocks(page) {
		args = append(args, yaml(t, block))
	}
	if stdout, _, err := execute(t, args...); err != nil || len(args) < 4 {
		t.Errorf("%v\n%s", err, stdout)
	}
	fields := (&gatewayv1.ConversationTurn_Expectation{}).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if row := "\n| `" + string(fields.Get(i).Name()) + "` | "; !strings.Contains(page, row) {
			t.Errorf("it has no row%s", row)
		}
	}
}

// TestDocumentedFallbacks has the check say of the example of docs/fallbacks.md what is said there, and the causes be those of the codes.
func TestDocumentedFallbacks(t *testing.T) {
	t.Parallel()
	dir, texts := folder(t), documents(t)
	page := texts["docs/fallbacks.md"]
	parts := sections(settings)
	own := sections(yamlBlocks(page)[0])
	own["services"] = strings.NewReplacer("/etc/intentgate/", "certs/").Replace(own["services"])
	maps.Copy(parts, own)
	var content strings.Builder
	for _, section := range parts {
		content.WriteString(section)
	}
	if err := os.WriteFile(filepath.Join(dir, configFile), []byte(content.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, _, err := execute(t, "check", "--offline", "--config", filepath.Join(dir, configFile))
	if err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile(`(?m)^ok +fallback +(.*)$`).FindAllStringSubmatch(page, -1)
	if len(lines) < 5 {
		t.Errorf("the page shows %d lines of the check", len(lines))
	}
	for _, line := range lines {
		if !strings.Contains(stdout, "  "+line[1]+"\n") {
			t.Errorf("the check does not say\n%s\nbut\n%s", line[1], stdout)
		}
	}
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		name := map[codes.Code]string{codes.Canceled: "CANCELLED"}[code]
		if name == "" {
			name = strings.ToUpper(regexp.MustCompile("([a-z])([A-Z])").ReplaceAllString(code.String(), "${1}_${2}"))
		}
		row := regexp.MustCompile("(?m)^\\| `" + fallback.CauseOf(code).String() + "` \\|.*$").FindString(page)
		if status := strconv.Itoa(binding.HTTPStatus(code)); !strings.Contains(row, name) || !strings.Contains(row, status) || !strings.Contains(row, binding.CXEvent(binding.HTTPStatus(code))+"`") {
			t.Errorf("the row %q does not have %s, %s", row, name, status)
		}
	}
}

// TestDocumentedFirstService has the page for all languages show what the guides of the libraries show, which their tests follow; the
// service in Go is built.
func TestDocumentedFirstService(t *testing.T) {
	t.Parallel()
	texts := documents(t)
	seen := map[string]int{}
	for _, block := range regexp.MustCompile("(?s)```([a-z]+)\n(.*?)```").FindAllStringSubmatch(texts["docs/first-service.md"], -1) {
		seen[block[1]]++
		guide := texts["services/"+map[string]string{"python": "python", "ts": "typescript", "java": "java", "yaml": "python"}[block[1]]+"/README.md"]
		switch {
		case block[1] == "go":
			source := strings.Replace(block[2], "acme.example/greeter/gen/acme/", "github.com/intentgate/intentgate/gen/go/shop/", 1)
			file := filepath.Join(t.TempDir(), "main.go")
			if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
				t.Fatal(err)
			}
			build := exec.CommandContext(t.Context(), "go", "build", "-o", os.DevNull, file) //nolint:gosec // of this test
			build.Dir = filepath.Join("..", "..", "..")
			if out, err := build.CombinedOutput(); err != nil {
				t.Errorf("the service in Go does not build: %v\n%s", err, out)
			}
		case guide != "" && !strings.Contains(guide, "\n"+block[2]):
			t.Errorf("the guide does not show this:\n%s", block[2])
		}
	}
	for _, language := range []string{"go", "python", "ts", "java", "yaml"} {
		if seen[language] != 1 {
			t.Errorf("%d blocks of %s", seen[language], language)
		}
	}
}

func yamlBlocks(text string) (blocks []string) {
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(text, -1) {
		blocks = append(blocks, block[1])
	}
	return blocks
}

// sections are the parts of a configuration by their top-level keys.
func sections(text string) map[string]string {
	parts := map[string]string{}
	starts := regexp.MustCompile(`(?m)^[a-z_]+:`).FindAllStringIndex(text, -1)
	for i, start := range starts {
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		parts[text[start[0]:start[1]-1]] = text[start[0]:end]
	}
	return parts
}

// TestDocumentedLinks follows every link of the documentation inside the repository.
func TestDocumentedLinks(t *testing.T) {
	t.Parallel()
	texts := documents(t, "gen/*.md", "services/*/README.md")
	for name, text := range texts {
		for _, link := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(text, -1) {
			target, anchor, _ := strings.Cut(link[1], "#")
			if strings.Contains(target, ":") {
				continue // elsewhere
			}
			file := name
			if target != "" {
				file = filepath.ToSlash(filepath.Join(filepath.Dir(name), target))
			}
			if _, err := os.Stat(filepath.Join("..", "..", "..", file)); err != nil {
				t.Errorf("%s: %s leads nowhere", name, link[1])
			}
			if anchor != "" && !anchors(texts[file])[anchor] {
				t.Errorf("%s: %s: %s has no such heading", name, link[1], file)
			}
		}
	}
}

// anchors are a document's headings as GitHub links to them.
func anchors(text string) map[string]bool {
	found := map[string]bool{}
	text = regexp.MustCompile("(?ms)^```.*?^```").ReplaceAllString(text, "")
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		kept := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(heading[1]), "")
		found[strings.ReplaceAll(kept, " ", "-")] = true
	}
	return found
}

// TestDocumentedReasons wants a row for every reason of a refusal.
func TestDocumentedReasons(t *testing.T) {
	t.Parallel()
	table := documents(t)["docs/mtls.md"]
	for _, room := range []string{"authn", "authn/idtoken", "authn/secret", "admission"} {
		files, err := filepath.Glob(filepath.Join("..", "..", room, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		seen := 0
		for _, file := range files {
			source, err := os.ReadFile(file) //nolint:gosec // the project's own
			if err != nil {
				t.Fatal(err)
			}
			for _, reason := range regexp.MustCompile(`Reason += "([a-z_]+)"`).FindAllStringSubmatch(string(source), -1) {
				seen++
				if !regexp.MustCompile("(?m)^\\| .*`" + reason[1] + "`").MatchString(table) {
					t.Errorf("docs/mtls.md has no row for %s", reason[1])
				}
			}
		}
		if seen < 3 {
			t.Errorf("%s has %d reasons: are they written otherwise now?", room, seen)
		}
	}
}

// TestDocumentedAnswers wants a row for everybody who can answer a turn.
func TestDocumentedAnswers(t *testing.T) {
	t.Parallel()
	table := documents(t)["docs/telemetry.md"]
	source, err := os.ReadFile(filepath.Join("..", "..", "telemetry", "turn.go"))
	if err != nil {
		t.Fatal(err)
	}
	all := regexp.MustCompile(`Answered += "([a-z]+)"`).FindAllStringSubmatch(string(source), -1)
	if len(all) < 5 {
		t.Errorf("%d answers: are they written otherwise now?", len(all))
	}
	for _, answer := range all {
		if !strings.Contains(table, "\n| `"+answer[1]+"` |") {
			t.Errorf("docs/telemetry.md has no row for %s", answer[1])
		}
	}
}

// TestDocumentedTelemetry wants a row for every metric, and for every field of a turn's line.
func TestDocumentedTelemetry(t *testing.T) {
	t.Parallel()
	text := documents(t)["docs/telemetry.md"]
	for _, c := range []struct {
		files, name, row string
		least            int
	}{
		{"instruments.go", `"(intentgate_[a-z_]+)"`, "(?m)^\\| .*`%s`", 15},
		{"observe.go", `"(intentgate_[a-z_]+)"`, "(?m)^\\| .*`%s`", 20},
		{"line.go", `l\.(?:text|said|number|counted|duration)\("([a-z_]+[a-z])"`, "(?m)^\\| .*`%s`", 30},
		{"privacy.go", `UserData += "([a-z_]+)"`, "(?m)^\\| `%s` \\|", 4},
	} {
		files, err := filepath.Glob(filepath.Join("..", "..", "telemetry", c.files))
		if err != nil {
			t.Fatal(err)
		}
		seen := 0
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			source, err := os.ReadFile(file) //nolint:gosec // the project's own
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range regexp.MustCompile(c.name).FindAllStringSubmatch(string(source), -1) {
				seen++
				if !regexp.MustCompile(fmt.Sprintf(c.row, found[1])).MatchString(text) {
					t.Errorf("docs/telemetry.md has no row for %s", found[1])
				}
			}
		}
		if seen < c.least {
			t.Errorf("%s has %d names: are they written otherwise now?", c.files, seen)
		}
	}
}
