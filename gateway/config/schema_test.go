package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	schema "github.com/intentgate/intentgate/gen/jsonschema"
)

// TestSchema: what is good is good to editors, too, what is printed included, and what they find in a bad file does not
// change unseen: testdata/schema.golden.txt lists the bad files of which they see nothing.
func TestSchema(t *testing.T) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema.Intentgate))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("intentgate.schema.json", document); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("intentgate.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	folder := fixtures(t)
	for _, file := range good(t, folder) {
		text, err := os.ReadFile(file) //nolint:gosec // a file of testdata
		if err != nil {
			t.Fatal(err)
		}
		for what, text := range map[string][]byte{"": text, " as it is printed": printed(t, file)} {
			if err := compiled.Validate(values(t, text)); err != nil {
				t.Errorf("%s%s: %v", filepath.Base(file), what, err)
			}
		}
	}
	files, err := filepath.Glob("testdata/*.bad.yaml")
	if err != nil || len(files) < 50 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	var unseen strings.Builder
	refused := 0
	for _, file := range files {
		text, err := os.ReadFile(file) //nolint:gosec // a file of testdata
		if err != nil {
			t.Fatal(err)
		}
		if compiled.Validate(values(t, text)) == nil {
			unseen.WriteString(strings.TrimSuffix(filepath.Base(file), ".bad.yaml") + "\n")
		} else {
			refused++
		}
	}
	if refused < 40 {
		t.Errorf("%d bad files are refused", refused)
	}
	golden(t, "testdata/schema.golden.txt", unseen.String())
}

// values are those of a YAML file as an editor has them: times are text. They are "no YAML" where it is none.
func values(t *testing.T, text []byte) (values any) {
	t.Helper()
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return "no YAML"
	}
	var plain func(*yaml.Node)
	plain = func(node *yaml.Node) {
		if node.ShortTag() == "!!timestamp" {
			node.Tag = "!!str"
		}
		for _, child := range node.Content {
			plain(child)
		}
	}
	plain(&document)
	if err := document.Decode(&values); err != nil {
		return "no YAML"
	}
	return values
}
