package main

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// until asks again and again, which does no harm, until something is so.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for start := time.Now(); !is(); time.Sleep(time.Millisecond) {
		if time.Since(start) > patience {
			t.Fatalf("never %s", what)
		}
	}
}

// TestStop stops the gateway in the middle of a turn.
func TestStop(t *testing.T) {
	t.Parallel()
	g := start(t)
	asked, finish := make(chan struct{}), make(chan struct{})
	g.service.answers(func(context.Context, *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
		close(asked)
		<-finish
		return says("just in time"), nil
	})
	client, request := g.dialogflow(t), g.request(t.Context(), t, esPath, esTurn("in flight"))
	answered, failed := make(chan answer, 1), make(chan error, 1)
	go func() {
		got, err := send(client, request)
		failed <- err
		answered <- got
	}()
	<-asked
	g.stop()
	until(t, "draining", func() bool {
		status, ready := g.readiness(t)
		return status == http.StatusServiceUnavailable && ready.Draining && !ready.Ready
	})
	if got := get(t, g.Status+"/livez"); got.StatusCode != http.StatusOK {
		t.Errorf("/livez is %d while draining", got.StatusCode)
	}
	until(t, "closed to new callers", func() bool {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", g.hostPort())
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	select {
	case err := <-failed:
		t.Fatalf("answered before the service did: %v", err)
	case <-g.done:
		t.Error("run returned before the turn was over")
	default:
	}
	close(finish)
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	got := <-answered
	wantES(t, got, "just in time")
	if !got.Close {
		t.Error("the connection stays")
	}
	if err := g.wait(t); err != nil {
		t.Errorf("run returned %v", err)
	}
	for _, url := range []string{g.Edge, g.Status, g.Admin} {
		_, hostPort, _ := strings.Cut(url, "://")
		if conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", hostPort); err == nil {
			_ = conn.Close()
			t.Errorf("%s is still listening", url)
		}
	}
}

// programVariable, in the environment, has a test's binary be the program.
const programVariable = "INTENTGATE_PROGRAM"

// TestSecondSignal stops the program by a signal, which waits, and by a second one, which does not.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	dir := folder(t, edit{"drain_delay: 0s", "drain_delay: 10m"}, edit{"required: true", "required: false"})
	program := exec.CommandContext(t.Context(), os.Args[0], "serve", "--config", filepath.Join(dir, configFile), "--json") //nolint:gosec // this program
	program.Env = append(os.Environ(), programVariable+"=1")
	stdout, err := program.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	g := &gate{}
	if err := json.NewDecoder(stdout).Decode(&g.Addresses); err != nil {
		t.Fatal(err)
	}
	until(t, "ready", func() bool { return get(t, g.Status+"/readyz").StatusCode == http.StatusOK })
	if err := program.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	until(t, "stopping", func() bool { return get(t, g.Status+"/readyz").StatusCode == http.StatusServiceUnavailable })
	if conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", g.hostPort()); err != nil {
		t.Errorf("it accepts no more: %v", err)
	} else {
		_ = conn.Close()
	}
	ended := make(chan error, 1)
	go func() { ended <- program.Wait() }()
	until(t, "stopped at once", func() bool {
		_ = program.Process.Signal(syscall.SIGTERM) // the first one may still be on its way
		select {
		case err = <-ended:
			return true
		default:
			return false
		}
	})
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		t.Fatalf("it ended with %v", err)
	}
	if status, _ := exit.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGTERM {
		t.Errorf("it ended with %v", err)
	}
}
