package process

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/intentgate/intentgate/gateway/pki"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

const settings = `
edge:
  listen: "127.0.0.1:0"
  certificate: {cert: certs/edge.pem, key: certs/edge.key}
  drain_delay: 0s
  drain: 10m
  clients: [{name: dialogflow}]
webhooks:
  - {path: /es, platform: ES, profiles: [dialogflow], id_token: {mode: off, allow_any_project: true}}
services:
  - name: orders
    target: 127.0.0.1:1
    tls: {ca: certs/internal-ca.pem, cert: certs/gateway.pem, key: certs/gateway.key, server_name: orders.internal}
routes: [{service: orders}]
status: {listen: "127.0.0.1:0"}
`

// open opens a gateway whose configuration is that of the settings, changed.
func open(t *testing.T, keys *pki.PKI, change func(*gatewayv1.Config)) *Process {
	t.Helper()
	dir := t.TempDir()
	if _, err := keys.Write(filepath.Join(dir, "certs")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "intentgate.yaml")
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := Open(t.Context(), Config{
		File: file, Adapt: []func(*gatewayv1.Config){change}, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestStopWaitsForWhatIsLeft has turns leave something behind, which a stop waits for, but not for ever.
func TestStopWaitsForWhatIsLeft(t *testing.T) {
	t.Parallel()
	keys, err := pki.New(pki.Options{RSABits: 2048})
	if err != nil {
		t.Fatal(err)
	}
	for name, drain := range map[string]time.Duration{"done in time": 10 * time.Minute, "never done": 10 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := open(t, keys, func(c *gatewayv1.Config) { c.Edge.Drain = durationpb.New(drain) })
			waiting, done, served := make(chan struct{}), make(chan struct{}), make(chan error, 1)
			p.settle = append(p.settle, func(ctx context.Context) {
				close(waiting)
				select {
				case <-done:
				case <-ctx.Done():
				}
			})
			ctx, stop := context.WithCancel(t.Context())
			go func() { served <- p.Serve(ctx) }()
			stop()
			select {
			case <-waiting:
			case <-served:
				t.Fatal("it returned without waiting")
			}
			if drain == 10*time.Minute {
				if len(served) > 0 {
					t.Error("it returned before that")
				}
				close(done)
			}
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
	}
}

// TestOpenRefusesGaps leaves out what is needed.
func TestOpenRefusesGaps(t *testing.T) {
	t.Parallel()
	for name, gap := range map[string]func(*Config){
		"file": func(c *Config) { c.File = "" }, "logger": func(c *Config) { c.Logger = nil },
		"clock": func(c *Config) { c.Now = nil },
	} {
		c := Config{File: "none.yaml", Logger: slog.New(slog.DiscardHandler), Now: time.Now}
		gap(&c)
		if _, err := Open(t.Context(), c); err == nil || !strings.Contains(err.Error(), "needed") {
			t.Errorf("without %s: %v", name, err)
		}
	}
}
