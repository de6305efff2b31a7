package main

import (
	"context"
	"net"
	"net/http"
	"strings"
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
	wantES(t, <-answered, "just in time")
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
