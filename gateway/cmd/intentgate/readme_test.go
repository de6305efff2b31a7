package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadme does what the README tells a newcomer to do: it builds the service that stands there, puts the gateway in front
// of it with the configuration that stands there, and asks as Dialogflow would.
func TestReadme(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "README.md")) //nolint:gosec // the project's own
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[string][]string{} // by language, in their order
	for _, block := range regexp.MustCompile("(?s)```([a-z]+)\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		blocks[block[1]] = append(blocks[block[1]], block[2])
	}
	if len(blocks["proto"]) != 1 || len(blocks["go"]) != 1 || len(blocks["yaml"]) != 1 || len(blocks["text"]) != 1 {
		t.Fatal("the README has other examples than this test knows")
	}
	proto, err := os.ReadFile(filepath.Join(root, "proto/shop/greeter/v1/greeter_service.proto")) //nolint:gosec // likewise
	if err != nil || !strings.HasSuffix(string(proto), "\n\n"+blocks["proto"][0]) {
		t.Errorf("the README shows another proto than its service is generated of, %v", err)
	}
	asked := regexp.MustCompile(`(?m)^go run ./gateway/cmd/intentgate (simulate .*)$`).FindStringSubmatch(strings.Join(blocks["sh"], ""))
	if asked == nil {
		t.Fatal("the README shows no request")
	}

	dir := t.TempDir()
	if _, err := keys(t).Write(filepath.Join(dir, "dev-certs")); err != nil {
		t.Fatal(err)
	}
	addr := greeter(t, root, dir, blocks["go"][0])
	settings := strings.NewReplacer(`":8443"`, "127.0.0.1:0\n  drain_delay: 0s", "127.0.0.1:8444", addr).Replace(blocks["yaml"][0])
	if err := os.WriteFile(filepath.Join(dir, configFile), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	g := serveFolder(t, dir)
	g.log.await(t, 1, entry{"msg": "Intents learnt"})
	// The port is another one; the audience is still that of the configuration.
	words := strings.Fields(strings.NewReplacer("dev-certs", filepath.Join(dir, "dev-certs"), configFile, filepath.Join(dir, configFile)).Replace(asked[1]))
	stdout, _, err := execute(t, append(words, g.Edge+esPath)...)
	if err != nil {
		t.Error(err)
	}
	stdout = strings.Replace(stdout, g.Edge, "https://localhost:8443", 1)
	took, session := regexp.MustCompile(`after [0-9.]+(µs|ms|s),`), regexp.MustCompile(`sessions/[^/]+/`)
	stdout = session.ReplaceAllString(took.ReplaceAllString(stdout, "after …,"), "sessions/…/")
	if want := took.ReplaceAllString(blocks["text"][0], "after …,"); stdout != want {
		t.Errorf("simulate prints\n%s\nthe README says\n%s", stdout, want)
	}
}

// greeter builds the README's service and runs it as the README does, but for the port. It returns its address.
func greeter(t *testing.T, root, dir, source string) string {
	t.Helper()
	file, binary := filepath.Join(dir, "main.go"), filepath.Join(dir, "greeter")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, file) //nolint:gosec // paths of this test
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("the README's service does not build: %v\n%s", err, out)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	certs := filepath.Join(dir, "dev-certs")
	service := exec.CommandContext(ctx, binary, "--listen", "127.0.0.1:0", "--assert", "dns:gateway.internal", //nolint:gosec // likewise
		"--ca", filepath.Join(certs, "internal-ca.pem"), "--cert", filepath.Join(certs, "orders.pem"), "--key", filepath.Join(certs, "orders.key"))
	service.Cancel = func() error { return service.Process.Signal(os.Interrupt) }
	log, err := service.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(log)
	t.Cleanup(func() {
		stop()
		for lines.Scan() {
			continue // it must not be held up by what it still has to say
		}
		if err := service.Wait(); err != nil && ctx.Err() == nil {
			t.Errorf("the service ended with %v", err)
		}
	})
	address := regexp.MustCompile(`msg=Listening.* address=(\S+)`)
	for lines.Scan() {
		if found := address.FindStringSubmatch(lines.Text()); found != nil {
			return found[1]
		}
	}
	t.Fatal("the service tells no address")
	return ""
}
