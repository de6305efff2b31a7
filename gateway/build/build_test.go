package build

import (
	"encoding/json"
	"runtime/debug"
	"testing"
)

// TestSBOM lists a program whose every part is known.
func TestSBOM(t *testing.T) {
	info := Info{
		Version: "v1.2.3+dirty", Commit: "abc", Modified: true, Time: "2026-12-01T09:00:00Z", Go: "go1.26.8", Platform: "linux/amd64", main: "example.com/Program",
		modules: []*debug.Module{
			{Path: "example.com/plain", Version: "v2.0.0+incompatible", Sum: "h1:abc="},
			{Path: "example.com/ours", Version: "v1.0.0", Sum: "h1:no=", Replace: &debug.Module{Path: "example.com/fork", Version: "v1.0.1", Sum: "h1:fork="}},
			{Path: "example.com/here", Version: "v1.0.0", Replace: &debug.Module{Path: "./here"}},
		},
	}
	text, err := json.Marshal(info.SBOM())
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"$schema":"http://cyclonedx.org/schema/bom-1.6.schema.json","bomFormat":"CycloneDX","specVersion":"1.6","version":1,` +
		`"metadata":{"timestamp":"2026-12-01T09:00:00Z","component":{"type":"application","bom-ref":"pkg:golang/example.com/program@v1.2.3%2Bdirty",` +
		`"name":"example.com/Program","version":"v1.2.3+dirty","purl":"pkg:golang/example.com/program@v1.2.3%2Bdirty","properties":[` +
		`{"name":"intentgate:commit","value":"abc"},{"name":"intentgate:modified","value":"true"},{"name":"intentgate:platform","value":"linux/amd64"}]}},` +
		`"components":[{"type":"library","bom-ref":"pkg:golang/std@1.26.8","name":"std","version":"1.26.8","purl":"pkg:golang/std@1.26.8"},` +
		`{"type":"library","bom-ref":"pkg:golang/example.com/plain@v2.0.0%2Bincompatible","name":"example.com/plain","version":"v2.0.0+incompatible",` +
		`"purl":"pkg:golang/example.com/plain@v2.0.0%2Bincompatible","properties":[{"name":"intentgate:go.sum","value":"h1:abc="}]},` +
		`{"type":"library","bom-ref":"pkg:golang/example.com/fork@v1.0.1","name":"example.com/fork","version":"v1.0.1","purl":"pkg:golang/example.com/fork@v1.0.1",` +
		`"properties":[{"name":"intentgate:go.sum","value":"h1:fork="},{"name":"intentgate:replaces","value":"example.com/ours"}]},` +
		`{"type":"library","bom-ref":"pkg:golang/./here","name":"./here","version":"","purl":"pkg:golang/./here","properties":[{"name":"intentgate:replaces","value":"example.com/here"}]}]}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}
