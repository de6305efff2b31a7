package deploy_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// edit replaces a text, after which a check must say something.
type edit struct{ from, to, want string }

// misfits are manifests that Kubernetes, cert-manager or Prometheus' operator would refuse, or read otherwise than they were meant.
var misfits = map[string]edit{
	"a number that is none":     {"containerPort: 8443", "containerPort: edge", "ports[0].containerPort"},
	"a misspelt key":            {"resourceFieldRef:", "resourcefieldRef:", "unknown field"},
	"a field of another place":  {"minReplicas: 2", "replicas: 2", "spec.replicas"},
	"an unknown version":        {"apiVersion: policy/v1\n", "apiVersion: policy/v1beta1\n", "policy/v1beta1"},
	"a name that is none":       {"name: intentgate-status\n", "name: intentgate_status\n", "metadata.name"},
	"a certificate's algorithm": {"algorithm: RSA", "algorithm: DSA", "spec.privateKey.algorithm"},
	"a certificate's key":       {"issuerRef:", "issuer:", "spec.issuer"},
	"a scrape's interval":       {"interval: 15s", "interval: often", "spec.endpoints[0].interval"},
}

// TestSchemas holds the manifests against the schemas of Kubernetes and of the resources that others define.
func TestSchemas(t *testing.T) {
	validate := append(tool(t, "KUBECTL_VALIDATE"), "--output", "json", "--local-crds", strings.Join(tool(t, "CRDS"), ","))
	dir := t.TempDir()
	files := map[string]string{} // what must be found in them, by path
	add := func(name, manifests, want string) {
		path := filepath.Join(dir, strings.ReplaceAll(name, " ", "-")+".yaml")
		write(t, path, []byte(manifests))
		validate = append(validate, path)
		files[path] = want
	}
	add("base", render(t, "base"), "")
	add("example", render(t, "example"), "")
	for name, misfit := range misfits {
		add(name, replaced(t, render(t, "example"), misfit.from, misfit.to), misfit.want)
	}
	stdout, stderr, err := run(t, validate...)
	if err == nil {
		t.Error("kubectl-validate is content with all of them")
	}
	var verdicts map[string][]struct{ Status, Message string }
	if err := json.Unmarshal([]byte(stdout), &verdicts); err != nil {
		t.Fatalf("kubectl-validate: %v\n%s\n%s", err, stdout, stderr)
	}
	for path, want := range files {
		var said []string
		for _, verdict := range verdicts[path] {
			if verdict.Status != "Success" {
				said = append(said, verdict.Message)
			}
		}
		if len(verdicts[path]) < 8 || want == "" && len(said) > 0 || want != "" && !strings.Contains(strings.Join(said, "\n"), want) {
			t.Errorf("%s: %d documents, said %q, want %q", path, len(verdicts[path]), said, want)
		}
	}
}
