package main

import (
	"encoding/json"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// TestVersion tells what this very binary was built from: each module as go.sum has it.
func TestVersion(t *testing.T) {
	t.Parallel()
	stdout, _, err := execute(t, "version", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var told struct {
		Version, Commit, Platform string
		GoVersion                 string `json:"go_version"`
		SBOM                      map[string]any
	}
	if err := json.Unmarshal([]byte(stdout), &told); err != nil {
		t.Fatal(err)
	}
	if told.Version == "" || told.GoVersion != runtime.Version() || told.Platform != runtime.GOOS+"/"+runtime.GOARCH {
		t.Errorf("it tells %+v", told)
	}
	alone, _, err := execute(t, "version", "--sbom")
	var bill map[string]any
	if err := json.Unmarshal([]byte(alone), &bill); err != nil || !reflect.DeepEqual(bill, told.SBOM) {
		t.Errorf("--sbom prints another bill: %v", err)
	}
	if err != nil {
		t.Error(err)
	}
	sums, err := os.ReadFile("../../../go.sum")
	if err != nil {
		t.Fatal(err)
	}
	var known struct {
		Metadata struct {
			Component struct{ Name string }
		}
		Components []struct {
			Ref           string `json:"bom-ref"`
			Name, Version string
			Properties    []struct{ Name, Value string }
		}
	}
	if err := json.Unmarshal([]byte(alone), &known); err != nil {
		t.Fatal(err)
	}
	refs := map[string]bool{}
	for _, c := range known.Components {
		if refs[c.Ref] {
			t.Errorf("%s is there twice", c.Ref)
		}
		refs[c.Ref] = true
		if c.Name == "std" {
			continue
		}
		if len(c.Properties) != 1 || !strings.Contains("\n"+string(sums), "\n"+c.Name+" "+c.Version+" "+c.Properties[0].Value+"\n") {
			t.Errorf("go.sum has no %+v", c)
		}
	}
	for _, want := range []string{"std", "google.golang.org/grpc", "google.golang.org/protobuf", "github.com/spf13/cobra"} {
		if !strings.Contains(alone, `"name": "`+want+`"`) {
			t.Errorf("%s is missing", want)
		}
	}
	if known.Metadata.Component.Name != "github.com/intentgate/intentgate" || len(refs) < 20 {
		t.Errorf("the bill of %s lists %d components", known.Metadata.Component.Name, len(refs))
	}
	if stdout, _, err := execute(t, "version"); err != nil || !strings.HasPrefix(stdout, "version ") || !strings.Contains(stdout, runtime.Version()) {
		t.Errorf("%s, %v", stdout, err)
	}
	if _, _, err := execute(t, "version", "--json", "--sbom"); err == nil {
		t.Error("both formats at a time")
	}
}
