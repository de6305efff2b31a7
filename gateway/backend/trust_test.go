package backend_test

import (
	"context"
	"crypto/tls"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/intentgate/intentgate/gateway/backend"
	"github.com/intentgate/intentgate/services/mtls/mtlstest"
)

func TestTrust(t *testing.T) {
	ca, foreign := mtlstest.NewCA(t), mtlstest.NewCA(t)
	service, gateway := open(t, ca.Files("dns:"+serviceName)), open(t, ca.Files("dns:"+gatewayName))
	// mixed trusts the right authority and shows a certificate of the foreign one.
	mixed := foreign.Files("dns:" + gatewayName)
	mixed.CA = filepath.Join(t.TempDir(), "ca.pem")
	if err := ca.WriteFile(mixed.CA); err != nil {
		t.Fatal(err)
	}
	only12 := &tls.Config{ //nolint:gosec // an old service is what is tried
		MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*service.Certificate()},
	}

	// Under TLS 1.3 a client hears of its refusal late, and often only that the connection is gone.
	const unsaid = ":"

	tests := map[string]struct {
		server credentials.TransportCredentials
		client func(string) credentials.TransportCredentials
		name   string
		want   string // in the reason; empty: accepted
	}{
		"right":                  {service.ServerCredentials(), gateway.ClientCredentials, serviceName, ""},
		"another name":           {service.ServerCredentials(), gateway.ClientCredentials, "stock.internal", "certificate is valid for orders.internal, not stock.internal"},
		"address for a name":     {service.ServerCredentials(), gateway.ClientCredentials, "127.0.0.1", "doesn't contain any IP SANs"},
		"service of another CA":  {open(t, foreign.Files("dns:"+serviceName)).ServerCredentials(), gateway.ClientCredentials, serviceName, "certificate signed by unknown authority"},
		"gateway of another CA":  {service.ServerCredentials(), open(t, mixed).ClientCredentials, serviceName, unsaid},
		"service speaks TLS 1.2": {credentials.NewTLS(only12), gateway.ClientCredentials, serviceName, "protocol version"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var handled atomic.Int32
			service := serve(t, test.server, "127.0.0.1:0", health.NewServer(),
				func(_ context.Context, _ metadata.MD, request []byte) ([]byte, error) {
					handled.Add(1)
					return request, nil
				})
			client := dial(t, backend.Config{Target: service.address, ServerName: test.name, Credentials: test.client})
			if test.want == "" {
				client.await(t, connectivity.Ready)
				return
			}
			if reason := client.await(t, connectivity.TransientFailure); !strings.Contains(reason, test.want) {
				t.Errorf("reason is %q, want …%s…", reason, test.want)
			}
			if _, err := client.Invoke(t.Context(), call(nil)); status.Code(err) != codes.Unavailable {
				t.Errorf("error is %v, want UNAVAILABLE", err)
			}
			if n := handled.Load(); n != 0 {
				t.Errorf("the service answered %d calls, want none", n)
			}
		})
	}
}

func TestUnixSocket(t *testing.T) {
	hop := newHop(t)
	path := filepath.Join(t.TempDir(), "s")
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, listener, hop.service.ServerCredentials(), health.NewServer(), echo)
	client := dial(t, backend.Config{Target: "unix://" + path, Credentials: hop.gateway.ClientCredentials})
	if _, err := client.Invoke(t.Context(), call(nil)); err != nil {
		t.Error(err)
	}
}
