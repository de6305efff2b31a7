package edge_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/authn/authntest"
	"github.com/intentgate/intentgate/gateway/edge"
)

func TestDrain(t *testing.T) {
	pki := authntest.New(t)
	for _, http2 := range []bool{false, true} {
		entered, finish := make(chan struct{}), make(chan struct{})
		f := start(t, pki, func(c *edge.Config) {
			c.Site().Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				close(entered)
				<-finish
				if r.Context().Err() != nil {
					t.Error("the turn in flight was cancelled")
				}
				_, _ = io.WriteString(w, "finished")
			})
		})
		answers := make(chan string, 1)
		go func() {
			_, body, err := f.post(f.client(f.clientConfig(pki.Client().TLS()), http2))
			if err != nil {
				body = err.Error()
			}
			answers <- body
		}()
		<-entered
		f.stop()
		refusesConnections(t, f)
		close(finish)
		if body := <-answers; body != "finished" {
			t.Errorf("answer %q", body)
		}
		if err := f.wait(); err != nil {
			t.Error(err)
		}
	}
}

func TestDrainHasAnEnd(t *testing.T) {
	pki := authntest.New(t)
	for _, drain := range []time.Duration{0, 50 * time.Millisecond} {
		entered := make(chan struct{})
		f := start(t, pki, func(c *edge.Config) {
			c.Site().Drain = drain
			c.Site().Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				close(entered)
				<-r.Context().Done()
			})
		})
		go func() { _, _, _ = f.post(f.client(f.clientConfig(pki.Client().TLS()), false)) }()
		<-entered
		f.stop()
		if err := f.wait(); err == nil || !strings.Contains(err.Error(), "turns in flight were cut off after "+drain.String()+": 1") {
			t.Errorf("Serve returned %v", err)
		}
	}
}

// A connection that has brought no request is no turn in flight, and nothing to wait for.
func TestDrainOfSpareConnections(t *testing.T) {
	pki := authntest.New(t)
	for _, drain := range []time.Duration{0, 4 * time.Second} {
		f := start(t, pki, func(c *edge.Config) { c.Site().Drain = drain })
		for _, protocol := range []string{"h2", "http/1.1"} {
			config := f.clientConfig(pki.Client().TLS())
			config.NextProtos = []string{protocol}
			if err := tls.Client(f.dial(), config).HandshakeContext(t.Context()); err != nil {
				t.Fatal(err)
			}
			f.handshake()
		}
		began := time.Now()
		f.stop()
		if err := f.wait(); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("a stop took %s", took)
		}
	}
}

func TestNegativeDrain(t *testing.T) {
	if _, err := edge.New(edge.Config{}); strings.Contains(err.Error(), "Drain") {
		t.Errorf("no drain at all: %v", err)
	}
	site := nowhere(authntest.New(t))
	site().Drain = -time.Second
	if _, err := edge.New(edge.Config{Site: site}); !strings.Contains(err.Error(), "Drain is -1s") {
		t.Errorf("error %v", err)
	}
}

// refusesConnections waits until nobody accepts any more.
func refusesConnections(t *testing.T, f *fixture) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		tcp, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", f.Addr().String())
		if err != nil {
			return
		}
		_ = tcp.Close()
		time.Sleep(10 * time.Millisecond) // each is a handshake that is reported
	}
	t.Error("connections are still accepted")
}
