package backend_test

import (
	"context"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/health"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/resolver/dns"

	"github.com/intentgate/intentgate/gateway/backend"
	"github.com/intentgate/intentgate/gateway/backend/dnstest"
)

// TestMain has names looked up as often as a test likes, unless this is the other process of a test.
func TestMain(m *testing.M) {
	if files := os.Getenv(apart); files != "" {
		if err := callApart(files); err != nil {
			panic(err)
		}
		return
	}
	dns.SetMinResolutionInterval(0)
	m.Run()
}

// counted starts a service that counts its calls.
func counted(t *testing.T, hop hop, listener net.Listener) *atomic.Int64 {
	t.Helper()
	calls := new(atomic.Int64)
	serveOn(t, listener, hop.service.ServerCredentials(), health.NewServer(), func(context.Context, metadata.MD, []byte) ([]byte, error) {
		calls.Add(1)
		return nil, nil
	})
	return calls
}

// pair listens at one port of two addresses.
func pair(t *testing.T) (first, second net.Listener) {
	t.Helper()
	for range 10 {
		one, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(one.Addr().String())
		two, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.2:"+port)
		if err == nil {
			return one, two
		}
		_ = one.Close()
	}
	t.Fatal("no port is free at 127.0.0.1 and 127.0.0.2")
	return nil, nil
}

// until calls until something holds.
func until(t *testing.T, client *backend.Client, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if _, err := client.Invoke(ctx, call(nil)); err != nil {
			t.Fatalf("before %s: %v", what, err)
		}
		cancel()
	}
}

// TestHeadlessService scales a service up and down while all that there is of it is healthy, and then has its name vanish.
func TestHeadlessService(t *testing.T) {
	t.Parallel()
	hop, names := newHop(t), dnstest.Start(t)
	one, two := pair(t)
	_, port, _ := net.SplitHostPort(one.Addr().String())
	first, second := counted(t, hop, one), counted(t, hop, two)
	names.Set(serviceName, "127.0.0.1")
	client, err := backend.DialOver(backend.Config{
		Name: "orders", Target: "dns://" + names.Address + "/" + serviceName + ":" + port, Credentials: hop.gateway.ClientCredentials, Logger: discard(),
	}, backend.LookOften(20*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)

	until(t, client, "the first is called", func() bool { return first.Load() > 0 })
	names.Set(serviceName, "127.0.0.1", "127.0.0.2")
	until(t, client, "the second is called", func() bool { return second.Load() > 0 })
	names.Set(serviceName, "127.0.0.2")
	until(t, client, "the first is gone", func() bool { load := client.Load(); return load.In == 1 && load.Out == 0 })
	before := first.Load()
	names.Set(serviceName)
	asked := names.Asked()
	until(t, client, "the name is looked up", func() bool { return names.Asked() > asked+20 })
	if first.Load() > before {
		t.Errorf("%d calls went to an instance that is gone", first.Load()-before)
	}
}
