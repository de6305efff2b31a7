package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"

	"github.com/intentgate/intentgate/gateway/bench/load"
	"github.com/intentgate/intentgate/gateway/bench/peer"
	"github.com/intentgate/intentgate/gateway/bench/turns"
	"github.com/intentgate/intentgate/gateway/child"
	"github.com/intentgate/intentgate/gateway/pki"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

// bed is where the peers live: a folder, the programs, and what all of them share.
type bed struct {
	root, dir string // of the checkout, and of this run
	progress  io.Writer
	quick     bool   // the build is to be
	self      string // this program, built as the gateway is
	gateway   string
	collector string // the address
	backend   *process
	load      *process
	edges     map[string]*process
	full      float64 // turns a second that the gateway can do of the base cell
	started   []*process
}

// process is a program that serves.
type process struct {
	*child.Process
	peer.Started

	Address string `json:"address"` // of a service
	behind  []int  // processes that are counted with it
	second  string // the URL of another edge that is counted with it
	service []int  // processes that are counted with the service
}

// pids are those whose CPU time and memory are the peer's.
func (p *process) pids() []int { return append(family(p.PID()), p.behind...) }

// starting is how long a process may take until it serves.
const starting = 30 * time.Second

// launch starts a program and waits until it has written a line of JSON that says where it is. What it writes later is read, and thrown
// away.
func (b *bed) launch(ctx context.Context, serving, program string, args ...string) (*process, error) {
	p := &process{}
	found := make(chan struct{})
	scan := &scanner{line: func(line []byte) bool {
		var said process
		if json.Unmarshal(line, &said) != nil || said.Message != serving {
			return false
		}
		p.Started, p.Address = said.Started, said.Address
		close(found)
		return true
	}}
	var err error
	if p.Process, err = child.Start(b.dir, scan, program, args...); err != nil {
		return nil, err
	}
	b.started = append(b.started, p)
	select {
	case <-found:
		return p, nil
	case <-p.Ended():
		err = p.Died()
	case <-time.After(starting):
		err = fmt.Errorf("says nothing of %q after %s, but:\n%s", serving, starting, p.Said())
	case <-ctx.Done():
		err = ctx.Err()
	}
	p.Close()
	return nil, fmt.Errorf("%s %s: %w", program, strings.Join(args, " "), err)
}

// scanner shows lines until one is wanted.
type scanner struct {
	line func([]byte) bool
	rest []byte
	done bool
}

// Write never fails.
func (s *scanner) Write(text []byte) (int, error) {
	if s.done {
		return len(text), nil
	}
	for s.rest = append(s.rest, text...); !s.done; {
		line, rest, ok := bytes.Cut(s.rest, []byte("\n"))
		if !ok {
			break
		}
		s.rest, s.done = rest, s.line(line)
	}
	return len(text), nil
}

// rsaBits are those of the root that SSL.com's is like.
const rsaBits = 4096

// bed builds the programs, and starts what peers share. It is to be closed, also where it fails.
func (o *options) bed(ctx context.Context, progress io.Writer) (*bed, error) {
	b := &bed{progress: progress, quick: o.plan == "short"}
	return b, b.make(ctx, rsaBits)
}

// make starts what peers share, once the programs are built, unless they are.
func (b *bed) make(ctx context.Context, bits int) (err error) {
	b.edges = map[string]*process{}
	if b.root, err = root(); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "bench"); err != nil {
		return err
	}
	var making sync.WaitGroup
	var keysErr error
	making.Go(func() { keysErr = b.certificates(bits) })
	if b.self == "" {
		err = b.build(ctx)
	}
	making.Wait()
	for platform, name := range map[string]string{"ES": "es", "CX": "cx"} {
		text, readErr := os.ReadFile(filepath.Join(b.root, "gateway/testdata/turns", name+"-order-track.good.json"))
		err = errors.Join(err, readErr, os.WriteFile(turns.File(b.dir, platform), text, 0o600))
	}
	if err := errors.Join(err, keysErr, b.collect(ctx)); err != nil {
		return err
	}
	if b.backend, err = b.startService(ctx); err != nil {
		return err
	}
	b.load, err = b.launch(ctx, "Serving", b.self, loadCommand, b.dir)
	return err
}

func (b *bed) startService(ctx context.Context) (*process, error) {
	return b.launch(ctx, "Listening", b.self, backendCommand, "--listen", "127.0.0.1:0", "--log-format", "json",
		"--cert", b.cert(pki.OrdersCert), "--key", b.cert(pki.OrdersKey), "--ca", b.cert(pki.InternalCA), "--assert", "dns:"+pki.GatewayName)
}

func (b *bed) cert(name string) string { return filepath.Join(b.dir, "certs", name) }

// close ends all processes.
func (b *bed) close() error {
	var ending sync.WaitGroup
	for _, p := range b.started {
		ending.Go(func() { p.End(5 * time.Second) })
	}
	ending.Wait()
	return os.RemoveAll(b.dir)
}

// root is the folder of the checkout.
func root() (string, error) {
	dir, err := os.Getwd()
	for ; err == nil && dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
	}
	return "", errors.Join(err, errors.New("no go.mod in this folder or above: want to be run in a checkout"))
}

// build builds the gateway and this program alike: as a release or, where that is to be quick, as all else in the checkout is built, which
// is the same code.
func (b *bed) build(ctx context.Context) error {
	args, env := []string{"build", "-o", b.dir}, os.Environ()
	if !b.quick {
		args, env = append(args, "-trimpath", "-ldflags=-s -w -buildid="), append(env, "CGO_ENABLED=0")
	}
	command := exec.CommandContext(ctx, "go", append(args, "./gateway/cmd/intentgate", "./gateway/bench")...) //nolint:gosec // into a folder of its own
	command.Dir, command.Env = b.root, env
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build the programs: %w\n%s", err, output)
	}
	b.self, b.gateway = filepath.Join(b.dir, "bench"), filepath.Join(b.dir, "intentgate")
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// certificates makes those of all, with a client's chain of ECDSA beside that of SSL.com.
func (b *bed) certificates(bits int) error {
	if _, err := pki.Write(filepath.Join(b.dir, "certs"), pki.Options{RSABits: bits}); err != nil {
		return err
	}
	root, err := devca.New(devca.Options{CommonName: "IntentGate development ECDSA root"})
	if err != nil {
		return err
	}
	issuer, err := root.Intermediate(devca.Options{CommonName: "IntentGate development ECDSA intermediate"})
	if err != nil {
		return err
	}
	client, err := issuer.Issue(devca.Leaf{
		Subject: pkix.Name{CommonName: "Google LLC", OrganizationalUnit: []string{"IntentGate development only"}}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return err
	}
	return errors.Join(client.WriteFiles(b.cert(load.ECDSACert), b.cert(load.ECDSAKey)), os.WriteFile(b.cert(load.ECDSARoot), root.CertPEM(), 0o600))
}

// collect takes the spans.
func (b *bed) collect(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := grpc.NewServer() // on this machine alone
	collectorv1.RegisterTraceServiceServer(server, sink{})
	go func() { _ = server.Serve(listener) }()
	context.AfterFunc(ctx, server.Stop)
	b.collector = listener.Addr().String()
	return nil
}

type sink struct {
	collectorv1.UnimplementedTraceServiceServer
}

// Export throws them away.
func (sink) Export(context.Context, *collectorv1.ExportTraceServiceRequest) (*collectorv1.ExportTraceServiceResponse, error) {
	return &collectorv1.ExportTraceServiceResponse{}, nil
}

// errAbsent is that of a peer whose program is not on this machine.
var errAbsent = errors.New("is left out")

// edge starts a peer.
func (b *bed) edge(ctx context.Context, name string) (*process, error) {
	switch name {
	case intentgate, manyRoutes, manyBackend:
		return b.startGateway(ctx, name, b.backend.Address)
	case pair:
		return b.startPair(ctx)
	case node:
		return b.startNode(ctx)
	case nginx:
		return b.startNginx(ctx)
	default:
		return b.startPeer(ctx, name)
	}
}

func (b *bed) startPeer(ctx context.Context, kind string) (*process, error) {
	return b.launch(ctx, "Serving", b.self, peerCommand, "--kind", kind, "--dir", b.dir, "--service", b.backend.Address, "--collector", b.collector)
}

// start starts those that have cells, and leaves out those whose programs are not there.
func (b *bed) start(ctx context.Context, plan []cell) error {
	for _, name := range peerNames() {
		if !slices.ContainsFunc(plan, func(c cell) bool { return slices.Contains(c.peers, name) }) {
			continue
		}
		p, err := b.edge(ctx, name)
		switch {
		case errors.Is(err, errAbsent):
			_, _ = fmt.Fprintf(b.progress, "bench: %s %v\n", name, err)
		case err != nil:
			return fmt.Errorf("%s: %w", name, err)
		default:
			b.edges[name] = p
		}
	}
	return nil
}
