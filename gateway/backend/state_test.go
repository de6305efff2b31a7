package backend_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/intentgate/intentgate/gateway/backend"
)

// journal is what was logged.
type journal struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.out.Write(p)
}

// lines returns the messages with their reasons.
func (j *journal) lines(t *testing.T) (lines []string) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	for line := range strings.Lines(j.out.String()) {
		var entry struct{ Level, Msg, Service, Target, Reason string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		if entry.Service != "orders" || entry.Target == "" || (entry.Level == "WARN") != (entry.Reason != "") {
			t.Errorf("line lacks something: %s", line)
		}
		lines = append(lines, strings.TrimSpace(entry.Msg+" "+entry.Reason))
	}
	return lines
}

func TestServiceComesAndGoes(t *testing.T) {
	hop := newHop(t)
	var journal journal
	address := "127.0.0.1:" + closedPort(t)
	client := dial(t, backend.Config{
		Target: address, Credentials: hop.gateway.ClientCredentials,
		Logger: slog.New(slog.NewJSONHandler(&journal, nil)),
	})
	if reason := client.await(t, connectivity.TransientFailure); !strings.Contains(reason, "connection refused") {
		t.Errorf("reason is %q, want a refused connection", reason)
	}
	for range 2 {
		first := serve(t, hop.service.ServerCredentials(), address, health.NewServer(), echo)
		begin := time.Now()
		client.await(t, connectivity.Ready)
		if took := time.Since(begin); took > 4*time.Second {
			t.Errorf("found again after %s, want about two seconds at most", took)
		}
		if state, detail := client.State(); state != connectivity.Ready || detail != "" {
			t.Errorf("state is %s, %q, want READY", state, detail)
		}
		if _, err := client.Invoke(t.Context(), method, nil); err != nil {
			t.Error(err)
		}
		first.stop()
		client.await(t, connectivity.TransientFailure)
		if state, detail := client.State(); state != connectivity.TransientFailure || !strings.Contains(detail, "connection refused") {
			t.Errorf("state is %s, %q, want TRANSIENT_FAILURE and a refused connection", state, detail)
		}
	}
	want := []string{"Service unreachable", "Service reachable", "Service unreachable", "Service reachable", "Service unreachable"}
	lines := journal.lines(t)
	if len(lines) != len(want) {
		t.Fatalf("logged %q, want %q", lines, want)
	}
	for i := range want {
		if !strings.HasPrefix(lines[i], want[i]) {
			t.Errorf("line %d is %q, want %q", i, lines[i], want[i])
		}
	}
}

func TestHealth(t *testing.T) {
	hop := newHop(t)
	service := serve(t, hop.service.ServerCredentials(), "127.0.0.1:0", health.NewServer(), echo)
	client := dial(t, backend.Config{Target: service.address, Credentials: hop.gateway.ClientCredentials})
	client.await(t, connectivity.Ready)

	service.health.SetServingStatus("", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	if reason := client.await(t, connectivity.TransientFailure); !strings.Contains(reason, "NOT_SERVING") {
		t.Errorf("reason is %q, want NOT_SERVING", reason)
	}
	if _, err := client.Invoke(t.Context(), method, nil); status.Code(err) != codes.Unavailable {
		t.Errorf("error is %v, want UNAVAILABLE", err)
	}
	service.health.SetServingStatus("", grpc_health_v1.HealthCheckResponse_SERVING)
	client.await(t, connectivity.Ready)
	if _, err := client.Invoke(t.Context(), method, nil); err != nil {
		t.Error(err)
	}
}

func TestNoHealthServiceIsHealthy(t *testing.T) {
	hop := newHop(t)
	service := serve(t, hop.service.ServerCredentials(), "127.0.0.1:0", nil,
		func(context.Context, metadata.MD, []byte) ([]byte, error) {
			return nil, status.Error(codes.Unimplemented, "no such method")
		})
	client := dial(t, backend.Config{Target: service.address, Credentials: hop.gateway.ClientCredentials})
	client.await(t, connectivity.Ready)
}

func TestCloseTellsNobody(t *testing.T) {
	hop := newHop(t)
	service := serve(t, hop.service.ServerCredentials(), "127.0.0.1:0", health.NewServer(), echo)
	client := dial(t, backend.Config{Target: service.address, Credentials: hop.gateway.ClientCredentials})
	client.await(t, connectivity.Ready)
	client.Close()
	for len(client.changes) > 0 {
		if last := <-client.changes; last.state == connectivity.Shutdown {
			t.Error("closing was told as a change")
		}
	}
	if state, _ := client.State(); state != connectivity.Shutdown {
		t.Errorf("state is %s, want SHUTDOWN", state)
	}
}
