package backend_test

import (
	"context"
	"strings"
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

func TestServiceComesAndGoes(t *testing.T) {
	hop := newHop(t)
	address := "127.0.0.1:" + closedPort(t)
	client := dial(t, backend.Config{Target: address, Credentials: hop.gateway.ClientCredentials})
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
		if _, err := client.Invoke(t.Context(), call(nil)); err != nil {
			t.Error(err)
		}
		first.stop()
		client.await(t, connectivity.TransientFailure)
		if state, detail := client.State(); state != connectivity.TransientFailure || !strings.Contains(detail, "connection refused") {
			t.Errorf("state is %s, %q, want TRANSIENT_FAILURE and a refused connection", state, detail)
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
	if _, err := client.Invoke(t.Context(), call(nil)); status.Code(err) != codes.Unavailable {
		t.Errorf("error is %v, want UNAVAILABLE", err)
	}
	service.health.SetServingStatus("", grpc_health_v1.HealthCheckResponse_SERVING)
	client.await(t, connectivity.Ready)
	if _, err := client.Invoke(t.Context(), call(nil)); err != nil {
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
	if len(client.log) > 0 {
		t.Errorf("closing was told: %+v", <-client.log)
	}
	if state, _ := client.State(); state != connectivity.Shutdown {
		t.Errorf("state is %s, want SHUTDOWN", state)
	}
}
