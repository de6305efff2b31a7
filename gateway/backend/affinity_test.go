package backend_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/intentgate/intentgate/gateway/backend"
)

// sessions is how many the tests of affinity play.
const sessions = 120

func affine(c *backend.Config) { c.Affinity = true }

// session is the name of one: they differ in their last characters, as Dialogflow's do in fewer than one would like.
func session(n int) string {
	return fmt.Sprintf("projects/shop/agent/sessions/6f0f5c1e-0000-4000-8000-%012d", n)
}

// homes plays a turn of each session and returns the addresses that they went to.
func (c *cluster) homes(t *testing.T) map[string]string {
	t.Helper()
	return homes(t, c.Client, c.instances)
}

func homes(t *testing.T, client *backend.Client, instances []*instance) map[string]string {
	t.Helper()
	homes := map[string]string{}
	for n := range sessions {
		before := map[*instance]int64{}
		for _, one := range instances {
			before[one] = one.calls.Load()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		_, err := client.Invoke(ctx, &backend.Call{Method: method, Session: session(n)})
		cancel()
		if err != nil {
			t.Fatalf("session %d: %v", n, err)
		}
		for _, one := range instances {
			if one.calls.Load() > before[one] {
				homes[session(n)] += one.address
			}
		}
	}
	return homes
}

// moved says which sessions have another home, and how many went from where to where.
func moved(before, after map[string]string) map[[2]string]int {
	moves := map[[2]string]int{}
	for session, from := range before {
		if to := after[session]; to != from {
			moves[[2]string{from, to}]++
		}
	}
	return moves
}

func of(homes map[string]string, address string) (count int) {
	for _, home := range homes {
		if home == address {
			count++
		}
	}
	return count
}

// TestAffinity has sessions stay where they are while instances come and go.
func TestAffinity(t *testing.T) {
	t.Parallel()
	hop, now := newHop(t), time.Now()
	synctest.Test(t, func(t *testing.T) {
		c := behind(t, hop, now, 3, affine)
		c.load(t, time.Second) // until all are connected to
		home := c.homes(t)
		for _, one := range c.instances {
			if n := of(home, one.address); n < sessions/3-20 || n > sessions/3+20 {
				t.Errorf("%d of %d sessions are at %s, want about a third", n, sessions, one.address)
			}
			if md := fmt.Sprint(map[string][]string(*one.metadata.Load())); strings.Contains(md, "session") {
				t.Errorf("a call carries %s", md)
			}
		}
		if again := c.homes(t); !maps.Equal(home, again) {
			t.Errorf("nothing has changed, and sessions moved: %v", moved(home, again))
		}
		other := behind(t, hop, now, 3, affine) // as another gateway
		other.load(t, time.Second)
		if elsewhere := other.homes(t); !maps.Equal(home, elsewhere) {
			t.Errorf("another gateway sends sessions elsewhere: %v", moved(home, elsewhere))
		}

		// One is not healthy for a while: only its sessions move, to both of the others, and come back.
		c.instances[1].health.SetServingStatus("", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
		synctest.Wait()
		without := c.homes(t)
		moves := moved(home, without)
		if n := of(home, "first1:1"); moves[[2]string{"first1:1", "first0:1"}] < n/4 || moves[[2]string{"first1:1", "first2:1"}] < n/4 || len(moves) != 2 {
			t.Errorf("without the second of three sessions move %v", moves)
		}
		if load := c.Load(); load.In != 2 || load.Out != 1 {
			t.Errorf("%d instances take calls and %d do not, want 2 and 1", load.In, load.Out)
		}
		c.instances[1].health.SetServingStatus("", grpc_health_v1.HealthCheckResponse_SERVING)
		synctest.Wait()
		if back := c.homes(t); !maps.Equal(home, back) {
			t.Errorf("all are back, and sessions are not: %v", moved(home, back))
		}

		// A fourth comes, and takes a quarter of the sessions; nothing else moves.
		c.instances, c.state.Endpoints = append(c.instances, nil), append(c.state.Endpoints, c.state.Endpoints[0])
		c.start(t, 3, "fourth:1")
		c.names.UpdateState(c.state)
		synctest.Wait()
		four := c.homes(t)
		if n := of(four, "fourth:1"); n < sessions/4-20 || n > sessions/4+20 {
			t.Errorf("the fourth has %d of %d sessions", n, sessions)
		}
		for move := range moved(home, four) {
			if move[1] != "fourth:1" {
				t.Errorf("a fourth came, and sessions moved from %s to %s", move[0], move[1])
			}
		}
	})
}

// TestAffinityAndEjection has an instance fail: its sessions go elsewhere, and come back. That is told.
func TestAffinityAndEjection(t *testing.T) {
	t.Parallel()
	hop, now := newHop(t), time.Now()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		c := behind(t, hop, now, 3, affine, func(c *backend.Config) {
			c.Logger = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
			c.Retries = backend.Retries{Tries: 2}
		})
		c.load(t, time.Second)
		home := c.homes(t)
		c.instances[1].will(func(context.Context) ([]byte, error) {
			return nil, status.Error(codes.Unavailable, "what the user said")
		})
		// A further try goes to another instance, so that the turn is not lost, and after four of them the others are left alone.
		for n := range sessions {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := c.Invoke(ctx, &backend.Call{Method: method, Session: session(n), Idempotent: true})
			cancel()
			if err != nil {
				t.Errorf("session %d: %v", n, err)
			}
		}
		if out := c.homes(t); of(out, "first1:1") > 0 || len(moved(home, out)) != 2 {
			t.Errorf("the second is left out, and sessions moved %v", moved(home, out))
		}
		var line struct {
			Msg, Service, Instance, Code string
			For                          time.Duration
			Failed                       int
		}
		if err := json.Unmarshal(log.Bytes(), &line); err != nil {
			t.Fatalf("want one line in the log: %v\n%s", err, log.String())
		}
		if line.Msg != "Instance left out" || line.Service != "orders" || line.Instance != "first1:1" || line.Code != "Unavailable" ||
			line.For != 10*time.Second || line.Failed != 4 {
			t.Errorf("logged %+v", line)
		}
		if strings.Contains(log.String(), "user") || strings.Contains(log.String(), "sessions/") {
			t.Errorf("the log tells what is the user's: %s", log.String())
		}
		if load := c.Load(); load.Ejections != 1 || load.In != 2 || load.Out != 1 {
			t.Errorf("load %+v, want one ejection, two instances in and one out", load)
		}
		c.instances[1].will(fine)
		time.Sleep(10 * time.Second)
		if back := c.homes(t); !maps.Equal(home, back) || c.Load().Out > 0 {
			t.Errorf("it is back, and sessions are not: %v", moved(home, back))
		}
	})
}

// TestNoAffinity has instances take turns with a session that did not ask to stay.
func TestNoAffinity(t *testing.T) {
	t.Parallel()
	hop, now := newHop(t), time.Now()
	synctest.Test(t, func(t *testing.T) {
		c := behind(t, hop, now, 3)
		c.load(t, time.Second)
		if home, again := c.homes(t), c.homes(t); of(home, "first0:1") != sessions/3 || len(again) != sessions {
			t.Errorf("%d of %d sessions are at the first of three", of(home, "first0:1"), sessions)
		}
	})
}
