// Package deploy_test checks what the gateway is deployed with, and that the checks notice what is wrong.
package deploy_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tool returns a command of those that make hands over, which builds them.
func tool(t *testing.T, name string) []string {
	t.Helper()
	command := strings.Fields(os.Getenv(name))
	if len(command) == 0 {
		t.Skipf("%s is not set: `make check-deploy` and `make check-release` run this, each with its tools", name)
	}
	return command
}

// run runs a command and returns what it printed; err is that of its end.
func run(t *testing.T, command ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	c := exec.CommandContext(t.Context(), command[0], command[1:]...) //nolint:gosec // the tests' own
	c.Dir, c.Stdout, c.Stderr = "..", &out, &errs
	err = c.Run()
	return out.String(), errs.String(), err
}

// mustRun is run of what must succeed.
func mustRun(t *testing.T, command ...string) (stdout string) {
	t.Helper()
	stdout, stderr, err := run(t, command...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, stderr)
	}
	return stdout
}

// render returns the manifests of a folder.
func render(t *testing.T, folder string) string {
	t.Helper()
	return mustRun(t, append(tool(t, "KUSTOMIZE"), "build", "deploy/kubernetes/"+folder)...)
}

// replaced replaces a text that must be there, once.
func replaced(t *testing.T, text, from, to string) string {
	t.Helper()
	if !strings.Contains(text, from) {
		t.Fatalf("there is no %q to be replaced", from)
	}
	return strings.Replace(text, from, to, 1)
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path) //nolint:gosec // the project's own
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
