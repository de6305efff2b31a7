package edge_test

import (
	"crypto/tls"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/authntest"
	"github.com/intentgate/intentgate/gateway/edge"
)

// A panic ends its handshake and nothing else: the process lives, and all that was held is given back.
func TestHandshakePanics(t *testing.T) {
	pki := authntest.New(t)
	var calm atomic.Bool
	f := start(t, pki, func(c *edge.Config) {
		c.Limits.Connections, c.Limits.Handshakes = 1, 1
		certificate := c.Site().Certificate
		c.Site().Certificate = func() *tls.Certificate {
			if !calm.Load() {
				panic("oops")
			}
			return certificate()
		}
	})
	for range 3 {
		if _, _, err := f.post(f.client(f.clientConfig(pki.Client().TLS()), false)); err == nil {
			t.Error("an answer")
		}
		if h := f.handshake(); h.Refusal == nil || h.Refusal.Reason != authn.HandshakeFailed || h.Err == nil || h.Verdict != nil {
			t.Errorf("reported %+v, %v", h, h.Refusal)
		}
	}
	calm.Store(true)
	if status, body, err := f.post(f.client(f.clientConfig(pki.Client().TLS()), false)); status != 200 {
		t.Errorf("then: answer %d %q, %v", status, body, err)
	}
	if log := f.log.String(); strings.Count(log, "Handshake panicked") != 1 || strings.Contains(log, "oops") || !strings.Contains(log, "TestHandshakePanics") {
		t.Errorf("log %s", log)
	}
}

func TestHandlerPanicIsLoggedOnce(t *testing.T) {
	pki := authntest.New(t)
	f := start(t, pki, func(c *edge.Config) {
		c.Site().Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("oops") })
	})
	if status, body, err := f.post(f.client(f.clientConfig(pki.Client().TLS()), false)); err == nil {
		t.Errorf("answer %d %q", status, body)
	}
	if log := f.log.String(); strings.Count(log, "Handler panicked") != 1 || strings.Contains(log, "oops") || !strings.Contains(log, "TestHandlerPanicIsLoggedOnce") {
		t.Errorf("log %s", log)
	}
}
