package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	ordersv1 "github.com/intentgate/intentgate/gen/go/shop/orders/v1"
	"github.com/intentgate/intentgate/services/orders"
	"github.com/intentgate/intentgate/services/serve"
)

// TestLanguages plays the demo, and the conversations of the services in those languages that are prepared.
func TestLanguages(t *testing.T) {
	if os.Getenv("TEST_DEMO") == "" {
		t.Skip("make test-demo plays it, which prepares the services in other languages")
	}
	const long = 10 * time.Minute // processes are started for each conversation
	stdout, stderr, err := executeWithin(t, long, "demo", "--once")
	if err != nil {
		t.Errorf("%v\n%s%s", err, stdout, stderr)
	}
	for _, n := range findNeighbours(t.Context()) {
		t.Run(n.name, func(t *testing.T) {
			if n.command == nil {
				if os.Getenv("CI") != "" {
					t.Errorf("it %s", n.missing)
				}
				t.Skipf("it %s", n.missing)
			}
			call := "      call " + string(n.contract.Services().Get(0).FullName())
			if got := strings.Count(stdout, call); got < 4 { // in two languages, on two platforms
				t.Errorf("the demo calls it %d times", got)
			}
			files, err := filepath.Glob("../../../services/" + n.name + "/conversations/*.yaml")
			if err != nil || files == nil {
				t.Fatal(err, files)
			}
			stdout, stderr, err := executeWithin(t, long, append([]string{"test", "--demo"}, files...)...)
			if err != nil || !strings.Contains(stderr, " 0 skipped") {
				t.Errorf("%v\n%s%s", err, stdout, stderr)
			}
		})
	}
}

// pretend makes a checkout in which there is a program in the place of stores, and goes there. It tells of the orders' methods.
func pretend(t *testing.T, program string) (root string) {
	t.Helper()
	root = t.TempDir()
	err := serve.Run(t.Context(), []string{"--descriptors", filepath.Join(root, "set")}, io.Discard, io.Discard, serve.Config{
		Name: "orders", Register: func(r grpc.ServiceRegistrar) { ordersv1.RegisterOrderServiceServer(r, orders.New(demoDay)) },
	})
	if err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{
		"go.mod":           "module github.com/intentgate/intentgate\n",
		".venv/bin/stores": "#!/bin/sh\nif [ \"$1\" = --descriptors ]; then exec cp " + root + "/set \"$2\"; fi\n" + program + "\n",
	} {
		path := filepath.Join(root, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil { //nolint:gosec // it is run
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(root, "below"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Join(root, "below"))
	return root
}

// TestNeighbourFails has a service be no good, in each way it can.
func TestNeighbourFails(t *testing.T) {
	const announce = `echo 'time=2026-12-01T09:00:00Z level=INFO msg=Listening service=stores address=127.0.0.1:1' >&2; `
	path := yaml(t, "conversations: [{name: a, platforms: [ES], turns: [{say: Where, intent: store.find, expect: {heard: x}}]}]\n")
	for name, c := range map[string]struct {
		program string
		want    []string
	}{
		"does not start":  {"echo no space is left >&2; exit 3", []string{"stores has ended: exit status 3; it said:\nno space is left\n"}},
		"does not stay":   {announce + "echo no money is left; exit 4", []string{"stores has ended: exit status 4; it said:\ntime=", "no money is left\n"}},
		"does not answer": {announce + "exec sleep 600", []string{"- x\n"}},
		"is not there":    {"exec ./nothing", []string{"stores has ended: exit status 127"}},
	} {
		t.Run(name, func(t *testing.T) {
			pretend(t, c.program)
			stdout, _, err := execute(t, "test", "--demo", path)
			wantFailed(t, err, "1 of 1 conversations are not as expected")
			for _, want := range c.want {
				if !strings.Contains(stdout, want) {
					t.Errorf("it does not say %q:\n%s", want, stdout)
				}
			}
		})
	}
	pretend(t, "exit 3")
	_, stderr, err := execute(t, "demo", "--once")
	wantFailed(t, err, "stores has ended: exit status 3")
	if !strings.Contains(stderr, "Found stores, in Python: .venv/bin/stores\nLeft out: loyalty needs Node.js 20 and a build: make typescript\n") {
		t.Errorf("it does not tell what it found:\n%s", stderr)
	}
}

// TestNeighboursLeftOut skips conversations whose service is not there, and starts none that is not asked.
func TestNeighboursLeftOut(t *testing.T) {
	path := yaml(t, `agent:
  intents: {ask: {action: loyalty.balance, tag: loyalty-balance}, order.track: {tag: track-order}}
conversations:
  - name: of loyalty
    turns: [{say: How many, intent: ask, expect: {heard: x}}]
  - name: of orders
    turns: [{say: Where, intent: order.track, parameters: {order_id: A-1042}, expect: {heard: {contains: A-1042}}}]
`)
	root := pretend(t, "echo started > $(dirname $0)/../../started")
	stdout, stderr, err := execute(t, "test", "--demo", path)
	if err != nil || strings.Count(stdout, "loyalty needs Node.js 20 and a build: make typescript\n") != 2 || !strings.Contains(stderr, "4 conversations, 0 failed, 2 skipped") {
		t.Errorf("%v\n%s%s", err, stdout, stderr)
	}
	if _, err := os.Stat(filepath.Join(root, "started")); err == nil {
		t.Error("stores was started, which nobody asks")
	}
	if !slices.ContainsFunc(findNeighbours(t.Context()), func(n *neighbour) bool { return n.name == "stores" && n.command != nil }) {
		t.Error("the checkout is not found from a folder below")
	}
}
