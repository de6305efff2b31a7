package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/pki"
	"github.com/intentgate/intentgate/gateway/process"
	"github.com/intentgate/intentgate/services/serve"
)

// hosts are the names of the edge in its certificate: each test may call it by one of its own.
const hosts = "*.gate.test"

// serviceName is also the ES context that the golden files speak of.
const serviceName = "shop-orders"

// settings is the configuration that tests edit.
const settings = `edge:
  listen: "127.0.0.1:0"
  certificate: {cert: certs/edge.pem, key: certs/edge.key}
  drain_delay: 0s
  clients:
    - {name: dev, like: dialogflow, roots: {ssl_com: certs/ssl-com-root.pem, gts: certs/gts-root.pem}}
webhooks:
  - path: /dialogflow/es
    platform: ES
    profiles: [dev]
    id_token: {mode: off, allow_any_project: true}
    projects: [{id: shop, number: 415104041262}]
  - path: /dialogflow/es-beta
    platform: ES
    api: V2BETA1
    profiles: [dev]
    id_token: {mode: off, allow_any_project: true}
  - path: /dialogflow/cx
    platform: CX
    profiles: [dev]
    id_token: {mode: off, allow_any_project: true}
    projects: [{id: shop, number: 415104041262}]
services:
  - name: shop-orders
    target: 127.0.0.1:1
    tls: {ca: certs/internal-ca.pem, cert: certs/gateway.pem, key: certs/gateway.key, server_name: orders.internal}
    required: true
routes:
  - service: shop-orders
status: {listen: "127.0.0.1:0"}
admin: {listen: "127.0.0.1:0"}
`

// edit replaces a text of the settings, which must be there.
type edit struct{ old, new string }

// made is the PKI of all tests: making RSA keys takes its time.
var made = sync.OnceValues(func() (*pki.PKI, error) {
	return pki.New(pki.Options{RSABits: 2048, Hosts: []string{hosts}})
})

func keys(t *testing.T) *pki.PKI {
	t.Helper()
	p, err := made()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// folder is a new folder with the certificates and a configuration, as a user would have it.
func folder(t *testing.T, edits ...edit) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := keys(t).Write(filepath.Join(dir, certsFolder)); err != nil {
		t.Fatal(err)
	}
	configure(t, dir, edits...)
	return dir
}

func configure(t *testing.T, dir string, edits ...edit) {
	t.Helper()
	write(t, filepath.Join(dir, configFile), []byte(edited(t, edits...)))
}

// edited are the settings with edits.
func edited(t *testing.T, edits ...edit) string {
	t.Helper()
	text := settings
	for _, e := range edits {
		if !strings.Contains(text, e.old) {
			t.Fatalf("the settings have no %q to be edited", e.old)
		}
		text = strings.Replace(text, e.old, e.new, 1)
	}
	return text
}

// gate is a gateway that runs, in this process and by the same function as the binary.
type gate struct {
	process.Addresses

	pki     *pki.PKI
	dir     string
	log     *journal
	audit   *journal // the trail of decisions on identities
	service *service // nil where there is none
	wires   atomic.Uint32
	stop    context.CancelFunc
	done    chan struct{}
	killed  atomic.Bool // where it is a process of its own
	err     error       // what run returned; not before done is closed
}

// start starts a gateway with an intent service behind it.
func start(t *testing.T, edits ...edit) *gate {
	t.Helper()
	return startWith(t, nil, edits...)
}

// startWith is start with another configuration of the service.
func startWith(t *testing.T, change func(*serve.Config), edits ...edit) *gate {
	t.Helper()
	dir := folder(t)
	s := startService(t, dir, "127.0.0.1:0", change)
	configure(t, dir, append(edits, edit{"127.0.0.1:1\n", s.addr + "\n"})...)
	g := serveFolder(t, dir)
	g.service = s
	g.log.await(t, 1, entry{"msg": "Service reachable"})
	return g
}

// serveFolder runs `intentgate serve` with the configuration in a folder. It must end without an error with the test.
func serveFolder(t *testing.T, dir string, more ...string) *gate {
	t.Helper()
	return serveLogging(t, dir, nil, more...)
}

// serveLogging is serveFolder with a log of its own; nil: the gate's.
func serveLogging(t *testing.T, dir string, log io.Writer, more ...string) *gate {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	g := &gate{pki: keys(t), dir: dir, log: newJournal(), audit: newJournal(), stop: stop, done: make(chan struct{})}
	stdout, printed := io.Pipe()
	args := append([]string{
		"serve", "--config", filepath.Join(dir, configFile), "--json", "--log-format", "json", "--audit-log", g.trail(t),
	}, more...)
	if log == nil {
		log = g.log
	}
	go func() {
		defer close(g.done)
		g.err = run(ctx, args, printed, log)
		_ = printed.CloseWithError(fmt.Errorf("run returned: %w", g.err)) // nothing is printed after the addresses
	}()
	t.Cleanup(func() {
		if err := g.wait(t); err != nil {
			t.Errorf("run returned %v", err)
		}
		if lines := g.log.now(entry{"msg": "Handler panicked"}); len(lines) > 0 {
			t.Errorf("a handler panicked: %v", lines)
		}
	})
	if err := json.NewDecoder(stdout).Decode(&g.Addresses); err != nil {
		t.Fatalf("no addresses on standard output: %v\n%s", err, g.log)
	}
	return g
}

// trail is a file for the audit log that can be waited for: a pipe.
func (g *gate) trail(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "audit")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(path, os.O_RDWR, 0) //nolint:gosec // made just now; it is only read, but opening waits for no writer so
	if err != nil {
		t.Fatal(err)
	}
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		_, _ = io.Copy(g.audit, pipe) // until it is closed
	}()
	t.Cleanup(func() { // after the gateway has ended, whose cleanup is registered later
		_ = pipe.Close()
		<-copied
	})
	return path
}

// wait stops the gateway, if it still runs, and returns what run did.
func (g *gate) wait(t *testing.T) error {
	t.Helper()
	g.stop()
	select {
	case <-g.done:
		return g.err
	case <-time.After(patience):
		t.Fatalf("run does not return:\n%s", g.log)
		return nil
	}
}

// file is the path of a certificate or key.
func (g *gate) file(name string) string { return filepath.Join(g.dir, certsFolder, name) }

// hostPort is the edge's address without the scheme.
func (g *gate) hostPort() string { return strings.TrimPrefix(g.Edge, "https://") }

// port is the edge's.
func (g *gate) port() string { return g.Edge[strings.LastIndexByte(g.Edge, ':')+1:] }
