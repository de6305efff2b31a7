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
	return c.state(context.Background())
}

// state asks for the reason with a call of the health service. In TRANSIENT_FAILURE that fails before anything is
// sent, with the reason of the last failure, be it of the name, the connection, TLS or the service's health; grpc has
// no other way to tell it. Should the connection come back meanwhile, a health check goes out, which harms nobody.
func (c *Client) state(ctx context.Context) (state connectivity.State, detail string) {
	state = c.conn.GetState()
	if state != connectivity.TransientFailure {
		return state, ""
	}
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	_, err := grpc_health_v1.NewHealthClient(c.conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err == nil {
		return c.conn.GetState(), ""
	}
	return state, cut(status.Convert(err).Message())
}

// watch tells of changes until ctx ends. Connecting and idle are neither reachable nor unreachable: what was last
// known stands, so that a service that restarts quickly makes no noise.
func (c *Client) watch(ctx context.Context) {
	told := connectivity.Idle
	for {
		state, detail := c.state(ctx)
		if ctx.Err() != nil {
			return
		}
		if state == connectivity.Idle {
			c.conn.Connect()
		}
		if state != told && (state == connectivity.Ready || state == connectivity.TransientFailure) {
			told = state
			c.tell(ctx, state, detail)
		}
		if !c.conn.WaitForStateChange(ctx, state) {
			return
		}
	}
}

func (c *Client) tell(ctx context.Context, state connectivity.State, detail string) {
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
