package gateway_test

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/admission"
	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/secret"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// limited bounds the turns of a gateway.
func limited(t *testing.T, limits admission.Limits) *admission.Control {
	t.Helper()
	return must(admission.New(limits, time.Now))(t)
}

// busy says that the gateway is full, as webhooks and all of ES are told.
const busy = `{"webhooks": [{"path": "/turns", "platform": "ES", "fallback": {"causes": {"overloaded": {"text": {"de": "Viel los."}}}}}],
	"fallback": {"text": {"default": "Sorry."}}}`

// A turn that finds no place is answered at once, unread, in words that go for all of its webhook, or by a status.
func TestOverload(t *testing.T) {
	order := recorded(t, "es-order-track")
	for name, c := range map[string]struct {
		limits    admission.Limits
		fallbacks string
		cx        bool
		enter     string // who takes the first place
		status    int
		answer    string
		fallback  string
		reason    string
	}{
		"turns, the only language": {
			limits: admission.Limits{Turns: 1, HeldBytes: 1 << 20}, fallbacks: busy,
			status: 200, answer: `{"fulfillmentText":"Viel los."`, fallback: "webhooks[0].fallback.causes.overloaded", reason: "overloaded_turns",
		},
		"turns, for all": {
			limits: admission.Limits{Turns: 1, HeldBytes: 1 << 20}, fallbacks: `{"fallback": {"text": {"default": "Sorry.", "de": "Leider."}, "sessionParameters": {"x": 1}}}`,
			status: 200, answer: `{"fulfillmentText":"Sorry."`, fallback: "fallback", reason: "overloaded_turns",
		},
		"turns, which language?": {
			limits: admission.Limits{Turns: 1, HeldBytes: 1 << 20}, fallbacks: `{"fallback": {"text": {"en": "Sorry.", "de": "Leider."}}}`,
			status: 503, answer: `{"code":14,"message":"the gateway is overloaded"}`, reason: "overloaded_turns",
		},
		"turns, a status on purpose": {
			limits: admission.Limits{Turns: 1, HeldBytes: 1 << 20}, fallbacks: `{"fallback": {"status": "NOT_FOUND"}}`,
			status: 404, answer: `{"code":5,`, fallback: "fallback", reason: "overloaded_turns",
		},
		"turns on CX, where the global one does not count": {
			limits: admission.Limits{Turns: 1, HeldBytes: 1 << 20}, fallbacks: `{"fallback": {"text": {"default": "Sorry."}}}`, cx: true,
			status: 503, answer: `{"code":14,"message":"the gateway is overloaded"}`, reason: "overloaded_turns",
		},
		"bytes": {
			limits: admission.Limits{Turns: 2, HeldBytes: 1000}, fallbacks: busy,
			status: 200, answer: `{"fulfillmentText":"Viel los."`, fallback: "webhooks[0].fallback.causes.overloaded", reason: "overloaded_bytes",
		},
		"the share of those that nothing proves": {
			limits: admission.Limits{Turns: 2, HeldBytes: 1 << 20, Shared: true}, fallbacks: "",
			status: 429, answer: `{"code":8,"message":"the project has too many turns"}`, reason: "project_share",
		},
	} {
		t.Run(name, func(t *testing.T) {
			control := limited(t, c.limits)
			f := start(t, func(s *setup) {
				s.admission, s.fallbacks = control, c.fallbacks
				if c.cx {
					onCX(func(*setup) {})(s)
				}
			})
			place, reason := control.Enter(c.enter)
			if reason != admission.None {
				t.Fatal(reason)
			}
			body := order
			if c.cx {
				body = recorded(t, "cx-order-track")
			}
			got := f.send(f.request(t.Context(), body))
			if got.status != c.status || !strings.HasPrefix(got.body, c.answer) || strings.Contains(got.body, "outputContexts") || got.closes {
				t.Errorf("answer %+v", got)
			}
			if l := f.line(); l.Reason != c.reason || l.Fallback != c.fallback || l.HTTPStatus != c.status {
				t.Errorf("logged %+v", l)
			}
			if len(f.service.calls) != 0 {
				t.Error("the service was called")
			}
			place.Leave()
			if c.limits.HeldBytes > 1000 {
				f.play(body)
			}
			if turns, bytes := control.InUse(); turns != 0 || bytes != 0 {
				t.Errorf("%d turns and %d bytes stay in use", turns, bytes)
			}
		})
	}
}

// A connection whose request was not read is used again.
func TestOverloadKeepsConnections(t *testing.T) {
	control := limited(t, admission.Limits{Turns: 1, HeldBytes: 1 << 20})
	f := start(t, func(s *setup) { s.admission, s.bodyLimit = control, 1<<20 })
	place, _ := control.Enter("")
	body, connections := recorded(t, "es-order-track")+strings.Repeat(" ", 100<<10), 0
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		TLSHandshakeDone: func(tls.ConnectionState, error) { connections++ },
	})
	for range 3 {
		if got := f.send(f.request(ctx, body)); got.status != http.StatusServiceUnavailable {
			t.Fatalf("answer %+v", got)
		}
		f.line()
	}
	place.Leave()
	if got := f.send(f.request(ctx, body)); got.status != http.StatusOK {
		t.Errorf("answer %+v", got)
	}
	if connections != 1 {
		t.Errorf("%d connections", connections)
	}
}

// Whoever is slow with a body has a place, and no more memory than the largest of everyday bodies.
func TestPlacesOfSlowBodies(t *testing.T) {
	control := limited(t, admission.Limits{Turns: 1, HeldBytes: 1 << 20})
	f := start(t, func(s *setup) { s.admission, s.Reserve = control, s.Timeout-time.Second })
	reader, writer := io.Pipe()
	request := f.request(t.Context(), "")
	request.Body, request.GetBody, request.ContentLength = reader, nil, bodyLimit
	go func() { // until it is told that the time is over
		for _, err := io.WriteString(writer, "{"); err == nil; {
			_, err = io.WriteString(writer, " ")
			time.Sleep(10 * time.Millisecond)
		}
	}()
	slow := make(chan answer, 1)
	go func() { slow <- f.send(request) }()
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		if turns, bytes := control.InUse(); turns == 1 && bytes > 0 {
			break
		}
		if time.Since(began) > patience/6 {
			t.Error("the slow body takes nothing")
			break
		}
	}
	if _, bytes := control.InUse(); bytes > 65<<10 {
		t.Errorf("%d bytes are held", bytes)
	}
	other := f.request(t.Context(), recorded(t, "es-order-track"))
	if got := f.send(other); got.status != http.StatusServiceUnavailable {
		t.Errorf("answer %+v", got)
	}
	if got := <-slow; got.status != http.StatusRequestTimeout {
		t.Errorf("answer %+v", got)
	}
	_ = writer.Close()
	if turns, bytes := control.InUse(); turns != 0 || bytes != 0 {
		t.Errorf("%d turns and %d bytes stay in use", turns, bytes)
	}
}

// A project that is proven before the body, or by it, has its rate; one that is stated has none.
func TestRateOfProjects(t *testing.T) {
	limits := admission.Limits{Turns: 10, HeldBytes: 1 << 20, PerSecond: 1}
	const fallbacks = `{"routes": [{"service": "orders", "fallback": {"text": {"en": "Later."}}}], "webhooks": [{"path": "/turns", "platform": "CX", "fallback": {"text": {"en": "Unread."}}}]}`
	for name, c := range map[string]struct {
		change func(*testing.T, *setup)
		header string
		second string // what the second turn is answered
	}{
		"stated":          {second: "Hello"},
		"by certificate":  {change: func(_ *testing.T, s *setup) { s.Profiles = []string{"agent"} }, second: "Later."},
		"by a credential": {change: withCredential, header: "a secret of sixteen", second: "Unread."},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, onCX(func(s *setup) {
				s.admission, s.fallbacks = limited(t, limits), fallbacks
				if c.change != nil {
					c.change(t, s)
				}
			}))
			for i, want := range []string{"Hello", c.second} {
				request := f.request(t.Context(), recorded(t, "cx-order-track"))
				if c.header != "" {
					request.Header.Set("X-Secret", c.header)
				}
				got := f.send(request)
				if got.status != http.StatusOK || !strings.Contains(got.body, want) {
					t.Errorf("turn %d: answer %+v, want %s", i, got, want)
				}
				if l := f.line(); (l.Reason == "project_rate") != (want != "Hello") {
					t.Errorf("turn %d: logged %+v", i, l)
				}
			}
		})
	}
}

// withCredential has the project proven by a header.
func withCredential(t *testing.T, s *setup) {
	t.Helper()
	file := t.TempDir() + "/secret"
	if err := os.WriteFile(file, []byte("a secret of sixteen"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Secrets = must(secret.New([]secret.Credential{{Name: "key", Header: "X-Secret", Secrets: []*gatewayv1.Secret{{File: file}}, Projects: []string{"shop"}}}))(t)
	s.Projects = []authn.Project{{ID: "shop", Number: 415104041262}}
}

// With next to nothing left of its time, a turn does not trouble the service.
func TestTooLate(t *testing.T) {
	f := start(t, func(s *setup) {
		s.late = s.Timeout - s.Reserve - 10*time.Millisecond
		s.fallbacks = `{"fallback": {"causes": {"timeout": {"text": {"en": "That took too long."}}}}}`
	})
	got := f.send(f.request(t.Context(), recorded(t, "es-order-track")))
	l := f.line()
	if got.status != http.StatusOK || !strings.Contains(got.body, "That took too long.") || l.Reason != "too_late" || l.Code != "DeadlineExceeded" {
		t.Errorf("answer %+v, logged %+v", got, l)
	}
	if len(f.service.calls) != 0 {
		t.Error("the service was called")
	}
}

// Who leaves before the time is over tells that the two ends have different times in mind; once an hour it is said.
func TestCallerLeavesTooEarly(t *testing.T) {
	asked, gone, seen, now := make(chan struct{}), make(chan struct{}, 2), make(chan context.Context, 2), time.Now()
	var later atomic.Int64
	f := start(t, func(s *setup) {
		s.clock = func() time.Time { return now.Add(time.Duration(later.Load())) }
		s.seen = func(r *http.Request) { seen <- r.Context() }
		s.answer = func(ctx context.Context) ([]byte, error) {
			asked <- struct{}{}
			<-gone
			<-(<-seen).Done() // the call goes on, when the gateway knows
			later.Add(int64(10 * time.Second))
			return reply(&intentgatev1.Reply{Texts: []string{"Hello"}})(ctx)
		}
	})
	for range 2 {
		ctx, leave := context.WithCancel(t.Context())
		go func() {
			<-asked
			leave()
		}()
		if response, err := f.client.Do(f.request(ctx, fresh(recorded(t, "es-order-track")))); err == nil {
			_ = response.Body.Close()
			t.Errorf("answer %d", response.StatusCode)
		}
		gone <- struct{}{}
		if l := f.line(); l.Outcome != "lost" {
			t.Errorf("logged %+v", l)
		}
		<-f.service.calls
	}
	if l := f.other("Caller hung up before the webhook's timeout"); !strings.Contains(l.Hint, "hung up after 0s; the webhook's timeout here is 1m0s") {
		t.Errorf("logged %+v", l)
	}
	select {
	case l := <-f.others:
		t.Errorf("logged, too: %+v", l)
	default:
	}
}
