package backend_test

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/health"

	"github.com/intentgate/intentgate/gateway/backend"
)

// BenchmarkInvoke is a call over mutual TLS, with the service in the same process.
func BenchmarkInvoke(b *testing.B) {
	hop := newHop(b)
	service := serve(b, hop.service.ServerCredentials(), "127.0.0.1:0", health.NewServer(), echo)
	client := dial(b, backend.Config{Target: service.address, Credentials: hop.gateway.ClientCredentials, Retries: backend.Retries{Tries: 3}})
	client.await(b, connectivity.Ready)
	request := message(500)
	for name, idempotent := range map[string]bool{"idempotent": true, "side effects": false} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ctx, cancel := context.WithTimeout(b.Context(), 5*time.Second)
				if _, err := client.Invoke(ctx, &backend.Call{Method: method, Request: request, Idempotent: idempotent}); err != nil {
					b.Fatal(err)
				}
				cancel()
			}
		})
	}
}

// BenchmarkProtection is what a good call costs beside the call itself.
func BenchmarkProtection(b *testing.B) {
	client := simulated(backend.Config{Retries: backend.Retries{Tries: 3}}, func(context.Context, *backend.Call) ([]byte, error) { return nil, nil })
	for name, idempotent := range map[string]bool{"idempotent": true, "side effects": false} {
		b.Run(name, func(b *testing.B) {
			ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
			defer cancel()
			call := &backend.Call{Method: method, Idempotent: idempotent}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := client.Invoke(ctx, call); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
