package backend

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

const (
	// maxDetail is how much of a reason is told: enough for a certificate's complaint, not for a stranger's novel.
	maxDetail = 400
	// askFor bounds the question for a reason, in case there is none any more and it goes out as a call.
	askFor = time.Second
)

// State returns the state of the connection and, while the service cannot be reached, why: what a call would be told.
func (c *Client) State() (state connectivity.State, detail string) {
	conn := c.hold()
	defer conn.calls.RUnlock()
	return conn.state(context.Background())
}

// state asks for the reason with a call of the health service. In TRANSIENT_FAILURE that fails before anything is
// sent, with the reason of the last failure, be it of the name, the connection, TLS or the service's health; grpc has
// no other way to tell it. Should the connection come back meanwhile, a health check goes out, which harms nobody.
func (c *connection) state(ctx context.Context) (state connectivity.State, detail string) {
	state = c.GetState()
	if state != connectivity.TransientFailure {
		return state, ""
	}
	if err := c.ask(ctx); err != nil {
		return state, cut(status.Convert(err).Message())
	}
	return c.GetState(), ""
}

// ask calls the health service.
func (c *connection) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	_, err := grpc_health_v1.NewHealthClient(c).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	return err
}

// watch tells of changes until ctx ends. Connecting and idle are neither reachable nor unreachable: what was last
// known stands, so that a service that restarts quickly makes no noise.
func (c *Client) watch(ctx context.Context, conn *connection) {
	for {
		state, detail := conn.state(ctx)
		if ctx.Err() != nil {
			return
		}
		if state == connectivity.Idle {
			conn.Connect()
			if c.xds && conn.GetState() == connectivity.Idle { // still: a control plane's ring of hashes connects to nobody before there is a call
				_ = conn.ask(ctx) // how it fares is the next state
			}
		}
		if state == connectivity.Ready || state == connectivity.TransientFailure {
			c.tell(ctx, state, detail)
		}
		if state == connectivity.Ready && c.connected != nil {
			c.connected() // perhaps another build of the service
		}
		if !conn.WaitForStateChange(ctx, state) {
			return
		}
	}
}

// tell logs a state, unless the log knows it already or ctx has ended: another connection is the one that counts then.
func (c *Client) tell(ctx context.Context, state connectivity.State, detail string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil || state == c.told {
		return
	}
	c.told = state
	attrs := []slog.Attr{slog.String("service", c.name), slog.String("target", c.target)}
	if state == connectivity.Ready {
		c.logger.LogAttrs(ctx, slog.LevelInfo, "Service reachable", attrs...)
		return
	}
	c.logger.LogAttrs(ctx, slog.LevelWarn, "Service unreachable", append(attrs, slog.String("reason", detail))...)
}

// cut makes one line of text, at most maxDetail bytes of it.
func cut(text string) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "�")), " ")
	if len(text) > maxDetail {
		text = strings.ToValidUTF8(text[:maxDetail], "") + "…"
	}
	return text
}
