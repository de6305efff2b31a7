package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestConsumer is a team outside of the tree on its first day: it follows docs/typed.md word for word in an empty folder beside a
// checkout of what is committed, and its service is called through the gateway. It builds tools, so that it is run by
// `make test-consumer` alone.
func TestConsumer(t *testing.T) {
	if os.Getenv("CONSUMER") == "" {
		t.Skip("`make test-consumer` runs it")
	}
	outside := t.TempDir()
	sh(t, "../../..", "mkdir "+outside+"/intentgate && git archive HEAD | tar -x -C "+outside+"/intentgate")
	guide, err := os.ReadFile("../../../docs/typed.md")
	if err != nil {
		t.Fatal(err)
	}
	edge, service := freeAddress(t), freeAddress(t)
	_, text, _ := strings.Cut(string(guide), "## From an empty folder\n")
	text, _, _ = strings.Cut(text, "### 5. ")
	text = strings.NewReplacer("localhost:8443", edge, ":8443", edge, "127.0.0.1:9444", service, "localhost:9444", service).Replace(text)

	dir := filepath.Join(outside, "tables")
	at, ready := outside, 0
	for _, block := range regexp.MustCompile("(?s)```(\\w+)\n(.*?)```").FindAllStringSubmatch(text, -1) {
		language, content := block[1], block[2]
		if file := map[string]string{"proto": "proto/tables/v1/table_service.proto", "go": "main.go", "yaml": "intentgate.yaml"}[language]; file != "" {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil { //nolint:gosec // the guide is ours
				t.Fatal(err)
			}
			continue
		}
		for _, command := range commands(content) {
			switch {
			case strings.HasPrefix(command, "protoc "), strings.HasPrefix(command, "ls"), strings.HasPrefix(command, "export "):
			case strings.HasSuffix(command, "&"):
				background(t, dir, strings.TrimSuffix(command, "&"))
				ready++
			default:
				sh(t, at, command)
				at = dir // the first one goes there
			}
		}
	}
	if ready != 2 {
		t.Fatalf("%d programs run, want the service and the gateway", ready)
	}
	const want = "say: A table for 4 on the terrace, 27 November 18:30 UTC."
	for _, turn := range []string{
		"--intent table.book --param number=4 --param date=2026-11-27T12:00:00+01:00 --param time=2026-11-22T19:30:00+01:00 --param area=Draußen",
		`--platform CX --tag book-table --param guests=4 --param 'date={"year": 2026, "month": 11, "day": 27}' ` +
			`--param 'time={"hours": 19, "minutes": 30}' --param area=outside`,
	} {
		if got := sh(t, dir, "intentgate simulate --config intentgate.yaml --dev dev-certs "+turn); !strings.Contains(got, want) {
			t.Errorf("got %s, want %q", got, want)
		}
	}
}

// commands are those behind the prompts of a console, without what they print.
func commands(console string) (all []string) {
	more, end := false, ""
	for line := range strings.Lines(console) {
		command, prompted := strings.CutPrefix(line, "$ ")
		switch {
		case prompted:
			all = append(all, command)
		case more || end != "":
			all[len(all)-1] += line
		default:
			continue
		}
		more = strings.HasSuffix(line, "\\\n")
		switch {
		case strings.Contains(line, "<<'END'"):
			end = "END\n"
		case line == end:
			end = ""
		}
	}
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	return all
}

// shell prepares a command for a shell in a folder, with the tools that the guide builds.
func shell(ctx context.Context, dir, command string) *exec.Cmd {
	bin := filepath.Join(filepath.Dir(dir), "tables", "bin")
	if filepath.Base(dir) == "tables" {
		bin = filepath.Join(dir, "bin")
	}
	c := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", command) //nolint:gosec // the guide's own
	c.Dir, c.Env = dir, append(os.Environ(), "GOBIN="+bin, "PATH="+bin+":"+os.Getenv("PATH"))
	return c
}

func sh(t *testing.T, dir, command string) string {
	t.Helper()
	out, err := shell(t.Context(), dir, command).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return string(out)
}

// background runs a program until the test ends, and returns once it says that it listens.
func background(t *testing.T, dir, command string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c := shell(ctx, dir, "exec "+command)
	c.Stdout, c.Stderr = in, in
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	_ = in.Close()
	t.Cleanup(func() { cancel(); _ = c.Wait(); _ = out.Close() })
	var said bytes.Buffer
	for buffer := make([]byte, 4096); !regexp.MustCompile(`msg=(Listening|"Service reachable")`).Match(said.Bytes()); {
		n, err := out.Read(buffer)
		said.Write(buffer[:n])
		if err != nil {
			t.Fatalf("%s ended: %s", command, said.Bytes())
		}
	}
	go func() { // it is not to wait for a reader
		for buffer := make([]byte, 4096); err == nil; {
			_, err = out.Read(buffer)
		}
	}()
}

// freeAddress is one that nobody listens on, on this machine.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return fmt.Sprint(listener.Addr())
}
