package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestConfigPrint(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	path := filepath.Join(dir, configFile)
	text, _, err := execute(t, "config", "print", "--config", path)
	if err != nil || !strings.Contains(text, "    idle_timeout: 2m0s\n") || !strings.Contains(text, "cert: "+dir+"/") {
		t.Fatalf("%v: %s", err, text)
	}
	again := filepath.Join(t.TempDir(), "again.yaml")
	write(t, again, []byte(text))
	if same, _, err := execute(t, "config", "print", "--config", again); err != nil || same != text {
		t.Errorf("%v: what is printed is printed as\n%s", err, same)
	}
	var values struct {
		Edge struct {
			Limits struct {
				Connections int `json:"connections"`
			} `json:"limits"`
		} `json:"edge"`
	}
	asJSON, _, err := execute(t, "config", "print", "--config", path, "--json")
	if err := errors.Join(err, json.Unmarshal([]byte(asJSON), &values)); err != nil || values.Edge.Limits.Connections != 10000 {
		t.Errorf("%v: %s", err, asJSON)
	}
	write(t, path, []byte("edge: []\n"))
	if text, _, err := execute(t, "config", "print", "--config", path); err == nil || text != "" || !strings.Contains(err.Error(), path+":1:7: edge: ") {
		t.Errorf("a bad file: %v: %s", err, text)
	}
}

func TestConfigDiff(t *testing.T) {
	t.Parallel()
	g := start(t)
	path, admin := filepath.Join(g.dir, configFile), strings.TrimPrefix(g.Admin, "http://")
	text, err := os.ReadFile(path) //nolint:gosec // of this test
	if err != nil {
		t.Fatal(err)
	}
	// Elsewhere it has the same files, by paths that are relative, and a listener of another address.
	other := filepath.Join(t.TempDir(), "other.yaml")
	edited := strings.Replace(string(text), "required: true", "required: false", 1)
	write(t, other, []byte(strings.Replace(edited, `admin: {listen: "127.0.0.1:0"}`, `admin: {listen: "127.0.0.1:9"}`, 1)))
	for name, test := range map[string]struct {
		args         []string
		stdout, fail string // fail is what the error says
		status       int
	}{
		"itself":      {[]string{path, path}, "", "", 0},
		"what runs":   {[]string{"--config", path, "--admin", admin}, "", "", 0},
		"two files":   {[]string{path, other}, "services[shop-orders].required: true → (absent)\nadmin.listen: 127.0.0.1:0 → 127.0.0.1:9 (restart)\n", "changes: 2, of which 1 cannot be reloaded", 1},
		"backwards":   {[]string{other, path}, "services[shop-orders].required: (absent) → true\nadmin.listen: 127.0.0.1:9 → 127.0.0.1:0 (restart)\n", "changes: 2, of which 1 cannot be reloaded", 1},
		"no file":     {[]string{path, "/nothing/there"}, "", "no such configuration file", 2},
		"one file":    {[]string{path}, "", "either two files", 2},
		"all":         {[]string{path, path, "--admin", admin}, "", "either two files", 2},
		"another":     {[]string{"--config", path, "--admin", "192.0.2.1:9901"}, "", "want an address of this machine", 2},
		"by name":     {[]string{"--config", path, "--admin", "gateway.example:9901"}, "", "want an address of this machine", 2},
		"nobody":      {[]string{"--config", path, "--admin", "127.0.0.1:1"}, "", "refused; want the address of admin.listen", 2},
		"not admin's": {[]string{"--config", path, "--admin", strings.TrimPrefix(g.Status, "http://")}, "", "404 Not Found; is ", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stdout, _, err := execute(t, append([]string{"config", "diff"}, test.args...)...)
			status := 0
			if err != nil {
				status = exitStatus(err)
			}
			if stdout != test.stdout || status != test.status || err != nil && (test.fail == "" || !strings.Contains(err.Error(), test.fail)) {
				t.Errorf("status %d, %v: %s", status, err, stdout)
			}
		})
	}
	var report struct {
		Changes []struct{ Path, Before, After string }
		Restart bool
	}
	stdout, _, err := execute(t, "config", "diff", path, other, "--json")
	if json.Unmarshal([]byte(stdout), &report) != nil || err == nil || len(report.Changes) != 2 || !report.Restart || report.Changes[1].After != "127.0.0.1:9" {
		t.Errorf("%v: %s", err, stdout)
	}
	if stdout, _, err = execute(t, "config", "diff", path, path, "--json"); err != nil || !strings.Contains(stdout, `"changes": []`) {
		t.Errorf("%v: %s", err, stdout)
	}
}

// An answer that is none is not taken for a configuration.
func TestConfigDiffOfNonsense(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"", "[", `{"yaml": 5}`, `{"yaml": "a: ["}`} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(answer)) }))
		t.Cleanup(server.Close)
		if _, _, err := execute(t, "config", "diff", "--config", filepath.Join(folder(t), configFile), "--admin", server.Listener.Addr().String()); err == nil || exitStatus(err) != 2 {
			t.Errorf("%s: %v", answer, err)
		}
	}
}

func TestConfigSchema(t *testing.T) {
	t.Parallel()
	text, _, err := execute(t, "config", "schema")
	var schema struct {
		Title string `json:"title"`
	}
	if err := errors.Join(err, json.Unmarshal([]byte(text), &schema)); err != nil || schema.Title != "intentgate.yaml" {
		t.Errorf("%v: %s", err, text)
	}
}
