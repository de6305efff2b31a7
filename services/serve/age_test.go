package serve_test

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/mtls/mtlstest"
	"github.com/intentgate/intentgate/services/serve"
)

// TestConnectionsEndByAge calls until several connections have come to their age, and loses no call.
func TestConnectionsEndByAge(t *testing.T) {
	w := run(t, hello, func(c *serve.Config) { c.MaxConnectionAge = 20 * time.Millisecond })
	client := w.client(t, reports)
	seen := map[string]bool{}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for calls := 0; len(seen) < 4; calls++ {
		var p peer.Peer
		if _, err := client.Fulfill(ctx, &intentgatev1.FulfillRequest{}, grpc.Peer(&p)); err != nil {
			t.Fatalf("call %d, connection %d: %v", calls, len(seen), err)
		}
		seen[p.LocalAddr.String()] = true
	}
}

// TestWithdrawnAuthorityEndsConnections takes the authority of a caller away that is connected.
func TestWithdrawnAuthorityEndsConnections(t *testing.T) {
	w := run(t, hello)
	client := w.client(t, reports)
	if _, err := client.Fulfill(t.Context(), &intentgatev1.FulfillRequest{}); err != nil {
		t.Fatal(err)
	}
	if err := mtlstest.NewCA(t).WriteFile(w.files.CA); err != nil {
		t.Fatal(err)
	}
	ended := w.log.next(t, "Connection ended, its certificate is no longer good")
	if names, ok := ended["names"].([]any); !ok || len(names) != 1 || names[0] != reports {
		t.Errorf("the log says %v", ended)
	}
	if _, err := client.Fulfill(t.Context(), &intentgatev1.FulfillRequest{}); err == nil {
		t.Error("a caller of an authority that is withdrawn is answered")
	}
}
