package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/backend/dnstest"
	"github.com/intentgate/intentgate/gateway/pki"
	ordersv1 "github.com/intentgate/intentgate/gen/go/shop/orders/v1"
)

// placed is the orders service of a place, which it says.
type placed struct {
	ordersv1.OrderServiceServer

	place string
}

// TrackOrder answers.
func (p placed) TrackOrder(ctx context.Context, request *ordersv1.TrackOrderRequest) (*ordersv1.TrackOrderResponse, error) {
	response, err := p.OrderServiceServer.TrackOrder(ctx, request)
	if err == nil && p.place != "" {
		response.Text += " I am at " + p.place + "."
	}
	return response, err
}

// launched is a process of this test's binary.
type launched struct {
	*exec.Cmd

	stdout io.Reader
	log    string // a file
	ended  chan struct{}
}

// launch starts one, which ends with the test at the latest.
func launch(t *testing.T, variable string, args ...string) *launched {
	t.Helper()
	p := &launched{Cmd: exec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0], args...), log: filepath.Join(t.TempDir(), "log"), ended: make(chan struct{})} //nolint:gosec // this program
	log, err := os.Create(p.log)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	p.Env, p.Stderr = append(os.Environ(), variable), log
	if p.stdout, err = p.StdoutPipe(); err == nil {
		err = p.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_, _ = p.Process.Wait()
	}()
	t.Cleanup(func() {
		p.end(t, syscall.SIGKILL)
		if log, err := os.ReadFile(p.log); t.Failed() && err == nil {
			t.Logf("%v\n%s", args, log[max(0, len(log)-1500):])
		}
	})
	return p
}

// end ends it by a signal.
func (p *launched) end(t *testing.T, signal syscall.Signal) {
	t.Helper()
	_ = p.Process.Signal(signal) // it may have ended
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatalf("%v does not end it", signal)
	}
}

// fleet is three instances of a service and two gateways, each a process, with a name server for the former and a balancer before the
// latter.
type fleet struct {
	dir, port string
	places    []string // of the instances
	instances []*launched
	gateways  []*launched
	gates     []*gate // by the index of gateways
	balancer  *balancer
	asked     int // times, by whole
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{places: []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"}, balancer: balance(t), instances: make([]*launched, 3), gateways: make([]*launched, 2), gates: make([]*gate, 2)}
	f.port = freePort(t, f.places)
	names := dnstest.Start(t)
	names.Set(pki.OrdersName, f.places...)
	f.dir = folder(
		t, edit{"drain_delay: 0s", "drain_delay: 500ms"},
		typedSettings("orders", "dns://"+names.Address+"/"+pki.OrdersName+":"+f.port, `reflection: {}, allow: {intents: ["order.*"]}`),
		edit{"    intents: {refl", "    affinity: SESSION\n    required: true\n    intents: {refl"},
		edit{"required: true\n  - name", "required: false\n  - name"}, // nothing is there for the general route
	)
	return f
}

// freePort is a port that nobody listens on at any of the addresses.
func freePort(t *testing.T, addresses []string) string {
	t.Helper()
	for range 10 {
		port, all := "0", true
		for _, address := range addresses {
			listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort(address, port))
			if err != nil {
				all = false
				break
			}
			defer func() { _ = listener.Close() }()
			_, port, _ = net.SplitHostPort(listener.Addr().String())
		}
		if all {
			return port
		}
	}
	t.Fatalf("no port is free at %v", addresses)
	return ""
}

// serve starts an instance.
func (f *fleet) serve(t *testing.T, i int) {
	t.Helper()
	file := func(name string) string { return filepath.Join(f.dir, certsFolder, name) }
	f.instances[i] = launch(t, judgedVariable+"="+f.places[i], "--listen", net.JoinHostPort(f.places[i], f.port), "--assert", "dns:"+pki.GatewayName,
		"--cert", file(pki.OrdersCert), "--key", file(pki.OrdersKey), "--ca", file(pki.InternalCA))
	go func() { _, _ = io.Copy(io.Discard, f.instances[i].stdout) }()
}

// open starts a gateway and has it get connections when it is ready.
func (f *fleet) open(t *testing.T, i int) {
	t.Helper()
	p := launch(t, programVariable+"=1", "serve", "--config", filepath.Join(f.dir, configFile), "--json")
	g := &gate{pki: keys(t), dir: f.dir}
	if err := json.NewDecoder(p.stdout).Decode(&g.Addresses); err != nil {
		t.Fatalf("a gateway does not start: %v", err)
	}
	until(t, "ready", func() bool { return get(t, g.Status+"/readyz").StatusCode == http.StatusOK })
	f.gateways[i], f.gates[i] = p, g
	f.balancer.add(t, g)
}

// turn is one of a session.
func turnOf(t *testing.T, session, id string) string {
	t.Helper()
	text := string(golden(t, "turns", "es-order-track.good.json"))
	text = strings.ReplaceAll(strings.ReplaceAll(text, "7d1f0a52-3c1b-4e0a-8a55-90be2d7f6c11", session), "A-1001", "A-1042")
	return strings.Replace(text, "5c9f2d1e-7a44-4b0e-9d38-2f6b1c0a9e77-21947381", id, 1)
}

// play plays a turn and says where it was answered.
func (f *fleet) play(t *testing.T, client *http.Client, url, session, id string) (place string, err error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+esPath, strings.NewReader(turnOf(t, session, id)))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	got, err := send(client, request)
	if err != nil {
		return "", fmt.Errorf("%w: %w", errBroken, err)
	}
	for _, place := range f.places {
		if got.StatusCode == http.StatusOK && strings.Contains(got.body, "I am at "+place) {
			return place, nil
		}
	}
	return "", fmt.Errorf("answer %d %s", got.StatusCode, got.body)
}

// errBroken is a connection that broke before there was an answer.
var errBroken = errors.New("no answer")

// whole waits until all instances take calls, as each gateway sees it, which has to make one for that.
func (f *fleet) whole(t *testing.T) {
	t.Helper()
	for _, g := range f.gates {
		client := g.dialogflow(t)
		until(t, "all instances take calls", func() bool {
			f.asked++
			_, err := f.play(t, client, g.Edge, "whole", fmt.Sprint("whole-", f.asked))
			return err == nil && strings.Contains(get(t, g.Status+"/metrics").body, `intentgate_service_instances{service="orders",state="in"} 3`)
		})
	}
}

// TestScaleOut runs three instances and two gateways and takes each away in turn. While that is done as it should be, nobody notices;
// where a gateway is killed, a caller whose connection broke tries again, as Dialogflow does, and is answered.
func TestScaleOut(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	for i := range f.instances {
		f.serve(t, i)
	}
	for i := range f.gateways {
		f.open(t, i)
	}
	// A session is at the same instance, whichever gateway it comes by.
	client, seen := f.gates[0].dialogflow(t), map[string]bool{}
	f.whole(t)
	for n := range 20 {
		session := fmt.Sprint("s-", n)
		one, err := f.play(t, client, f.gates[0].Edge, session, session+"-1")
		other, err2 := f.play(t, client, f.gates[1].Edge, session, session+"-2")
		if err != nil || err2 != nil || one != other {
			t.Errorf("session %s was answered at %q and at %q: %v, %v", session, one, other, err, err2)
		}
		seen[one] = true
	}
	if len(seen) != len(f.places) {
		t.Errorf("20 sessions went to %v, want all places", seen)
	}

	var enough atomic.Bool
	t.Cleanup(func() { enough.Store(true) })
	var playing sync.WaitGroup
	var turns, again atomic.Int64
	var killing atomic.Bool
	for n := range 4 {
		client, url := f.gates[0].dialogflow(t), "https://"+f.balancer.listener.Addr().String()
		playing.Go(func() {
			for i := 0; !enough.Load(); i++ {
				session, id := fmt.Sprintf("c-%d-%d", n, i/5), fmt.Sprintf("%d-%d", n, i)
				_, err := f.play(t, client, url, session, id)
				if errors.Is(err, errBroken) && killing.Load() {
					again.Add(1)
					_, err = f.play(t, client, url, session, id)
				}
				if err != nil {
					t.Errorf("turn %s is lost: %v", id, err)
					return
				}
				time.Sleep(time.Duration(turns.Add(1)%5) * time.Millisecond) // as people do
			}
		})
	}
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		for i := range f.instances {
			f.instances[i].end(t, signal)
			f.serve(t, i)
			f.whole(t)
		}
		for i := range f.gateways {
			killing.Store(signal == syscall.SIGKILL)
			f.gates[i].killed.Store(signal == syscall.SIGKILL)
			f.gateways[i].end(t, signal)
			f.open(t, i)
			f.whole(t)
			killing.Store(false)
		}
	}
	enough.Store(true)
	playing.Wait()
	t.Logf("%d turns, %d of which were tried again when a gateway was killed", turns.Load(), again.Load())
}
