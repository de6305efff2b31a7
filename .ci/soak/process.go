package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/intentgate/intentgate/gateway/child"
)

// starting is how long a process may take until it serves.
const starting = 20 * time.Second

// process is a program that serves, until it is asked to end: when it ends before, that is a fault of its own.
type process struct {
	*child.Process

	name   string
	asked  atomic.Bool   // to end, one way or another
	serves chan struct{} // closed when it has said where
	said   map[string]any
}

// launch starts a program, and returns when its log has a line with a message, whose members are in said. Other lines go to each.
func launch(ctx context.Context, name, serving string, each func(map[string]any), died func(string), program string, args ...string) (*process, error) {
	p := &process{name: name, serves: make(chan struct{})}
	scan := &logScan{each: func(line map[string]any) {
		if line["msg"] == serving && p.said == nil {
			p.said = line
			close(p.serves)
		}
		each(line)
	}}
	var err error
	if p.Process, err = child.Start("", scan, program, args...); err != nil {
		return nil, err
	}
	go func() {
		<-p.Ended()
		if !p.asked.Load() {
			died(fmt.Sprintf("%s: %v", name, p.Died()))
		}
	}()
	select {
	case <-p.serves:
		return p, nil
	case <-p.Ended():
		err = p.Died()
	case <-time.After(starting):
		err = fmt.Errorf("serves nothing after %s; it said:\n%s", starting, p.Said())
	case <-ctx.Done():
		err = ctx.Err()
	}
	p.kill()
	return nil, fmt.Errorf("%s: %w", name, err)
}

// kill is SIGKILL, of which no process hears.
func (p *process) kill() {
	p.asked.Store(true)
	p.Close()
}

// stop is SIGTERM. It returns when the process has ended, with an error if it did not do so well, or not in time.
func (p *process) stop(ctx context.Context, within time.Duration) error {
	p.asked.Store(true)
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if err := p.Terminate(); err != nil {
		return err
	}
	return p.Wait(ctx)
}

// freeze is SIGSTOP and SIGCONT.
func (p *process) freeze(frozen bool) error {
	signal := syscall.SIGCONT
	if frozen {
		signal = syscall.SIGSTOP
	}
	return syscall.Kill(p.PID(), signal)
}

// usage is what a process holds.
type usage struct {
	Descriptors int `json:"descriptors"`
	Goroutines  int `json:"goroutines,omitempty"` // of a gateway
	Resident    int `json:"resident_kib"`
}

// usage reads what the kernel knows of the process.
func (p *process) usage() (u usage, err error) {
	folder := filepath.Join("/proc", strconv.Itoa(p.PID()))
	open, err := os.ReadDir(filepath.Join(folder, "fd"))
	if err != nil {
		return usage{}, err
	}
	text, err := os.ReadFile(filepath.Join(folder, "status")) //nolint:gosec // the kernel's
	if err != nil {
		return usage{}, err
	}
	u.Descriptors = len(open)
	for line := range strings.Lines(string(text)) {
		if kib, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			_, err = fmt.Sscan(kib, &u.Resident)
		}
	}
	return u, err
}

// gateway is one life of a replica of the gateway.
type gateway struct {
	*process

	edge, status string      // addresses
	ready        atomic.Bool // by its own account, a moment ago
	killed       atomic.Bool // so that turns in flight are cut
}

// startGateway runs `intentgate serve`.
func startGateway(ctx context.Context, name, binary, config string, each func(map[string]any), died func(string)) (*gateway, error) {
	p, err := launch(ctx, name, "Serving", each, died, binary, "serve", "--config", config, "--log-format", "json", "--audit-log", os.DevNull)
	if err != nil {
		return nil, err
	}
	g := &gateway{process: p}
	edge, _ := p.said["edge"].(string)
	g.edge = strings.TrimPrefix(edge, "https://")
	g.status, _ = p.said["status"].(string)
	return g, nil
}

// look asks whether the gateway is ready, as a balancer does.
func (g *gateway) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, g.status+"/readyz", nil)
	if err != nil {
		return
	}
	response, err := http.DefaultClient.Do(request)
	g.ready.Store(err == nil && response.StatusCode == http.StatusOK)
	if err == nil {
		_ = response.Body.Close()
	}
}

// reachable waits until the gateway has a connection to each service.
func (g *gateway) reachable(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, starting)
	defer cancel()
	for {
		var seen struct {
			Services []struct{ State, Detail string }
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, g.status+"/readyz", nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		err = errors.Join(json.NewDecoder(response.Body).Decode(&seen), response.Body.Close())
		if err != nil {
			return fmt.Errorf("%s: /readyz: %w", g.name, err)
		}
		if len(seen.Services) == 1 && seen.Services[0].State == "READY" {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%s: its service is not reachable: %v", g.name, seen.Services)
		}
	}
}

// metrics returns the sums of the gateway's metrics, over all their labels.
func (g *gateway) metrics(ctx context.Context) (map[string]float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, g.status+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	sums := map[string]float64{}
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		name, _, _ := strings.Cut(lines.Text(), " ")
		name, _, _ = strings.Cut(name, "{")
		value, err := strconv.ParseFloat(lines.Text()[strings.LastIndexByte(lines.Text(), ' ')+1:], 64)
		if err == nil && name != "#" {
			sums[name] += value
		}
	}
	return sums, errors.Join(lines.Err(), response.Body.Close())
}

// holds is usage with the goroutines.
func (g *gateway) holds(ctx context.Context) (usage, error) {
	sums, err := g.metrics(ctx)
	if err != nil {
		return usage{}, err
	}
	u, err := g.usage()
	u.Goroutines = int(sums["go_goroutines"])
	return u, err
}

// build builds the gateway.
func build(ctx context.Context, folder string) (binary string, err error) {
	binary = filepath.Join(folder, "intentgate")
	output, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "./gateway/cmd/intentgate").CombinedOutput() //nolint:gosec // into a folder of its own
	if err != nil {
		return "", fmt.Errorf("build the gateway, in the checkout's folder: %w\n%s", err, output)
	}
	return binary, nil
}

// address returns the one that a log line names.
func (p *process) address() string {
	address, _ := p.said["address"].(string)
	return address
}

// dial connects as fast as a machine of the same network.
func dial(ctx context.Context, address string) (net.Conn, error) {
	return (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", address)
}
