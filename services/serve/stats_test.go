package serve_test

import (
	"context"
	"testing"

	"google.golang.org/grpc/stats"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/serve"
)

// methods hands on the name of each call's method.
type methods chan string

func (m methods) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	m <- info.FullMethodName
	return ctx
}

func (methods) HandleRPC(context.Context, stats.RPCStats) {}

func (methods) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (methods) HandleConn(context.Context, stats.ConnStats) {}

func TestStatsHandlerSeesCalls(t *testing.T) {
	seen := make(methods, 1)
	w := run(t, hello, func(c *serve.Config) { c.StatsHandler = seen })
	if _, err := w.client(t, reports).Fulfill(t.Context(), &intentgatev1.FulfillRequest{}); err != nil {
		t.Fatal(err)
	}
	if got := <-seen; got != intentgatev1.IntentService_Fulfill_FullMethodName {
		t.Errorf("saw %s", got)
	}
}
