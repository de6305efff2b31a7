package gateway_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/intentgate/intentgate/gateway"
	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/idtoken"
	"github.com/intentgate/intentgate/gateway/backend"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/joins"
	"github.com/intentgate/intentgate/gateway/router"
	"github.com/intentgate/intentgate/gateway/telemetry"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller"
)

func TestTurn(t *testing.T) {
	f := start(t, nil)
	got := f.send(f.request(t.Context(), recorded(t, "es-order-track")))
	if got.status != http.StatusOK || got.header.Get("Content-Type") != "application/json" || !strings.Contains(got.body, "Hello") {
		t.Errorf("answer %+v", got)
	}
	call := <-f.service.calls
	if call.method != intentgatev1.IntentService_Fulfill_FullMethodName {
		t.Errorf("the method is %s", call.method)
	}
	// The connection was accepted, and its first request started, when the clock stood where it stands.
	if want := f.now.Add(time.Minute - time.Second); !call.deadline.Equal(want) {
		t.Errorf("the deadline is %s after the start, want timeout less reserve: %s", call.deadline.Sub(f.now), want.Sub(f.now))
	}
	if l := f.line(); l.Code != "OK" || l.HTTPStatus != http.StatusOK || l.Reason != "" {
		t.Errorf("logged %+v", l)
	}
}

// A long answer is not cut into chunks.
func TestAnswersStateTheirLength(t *testing.T) {
	for _, length := range []int{10, 3000, 20_000} {
		f := start(t, func(s *setup) { s.answer = reply(&intentgatev1.Reply{Texts: []string{strings.Repeat("a", length)}}) })
		got := f.send(f.request(t.Context(), recorded(t, "es-order-track")))
		if stated := got.header.Get("Content-Length"); got.status != http.StatusOK || len(got.body) < length || stated != strconv.Itoa(len(got.body)) {
			t.Errorf("HTTP %d with %d bytes, of which %q are stated", got.status, len(got.body), stated)
		}
	}
}

// fail answers with a status that holds what nobody outside may read.
func fail(code codes.Code) func(context.Context) ([]byte, error) {
	return func(context.Context) ([]byte, error) { return nil, status.Error(code, "secret: ledger-7 of Mrs Smith") }
}

// refuse ends the call before the service, or its answer, is heard.
func refuse(reason backend.Reason, code codes.Code) func(context.Context) ([]byte, error) {
	return func(context.Context) ([]byte, error) {
		return nil, &backend.Refused{Reason: reason, Code: code, Detail: "secret: of ledger-7"}
	}
}

// Whatever keeps a turn from its answer has a reason for the log, a status and a sentence for the caller.
func TestFailures(t *testing.T) {
	order := recorded(t, "es-order-track")
	for name, c := range map[string]struct {
		change func(*setup)
		body   string // of the ES turn if empty

		status int
		code   codes.Code
		reason string
		public string
		called bool
	}{
		"profile mismatch": {
			change: func(s *setup) { s.Profiles = []string{"somebody-else"} },
			status: 403, code: codes.PermissionDenied, reason: "profile_mismatch", public: "the caller is not allowed here",
		},
		"profile mismatch, and nobody reads the body": {
			change: func(s *setup) { s.Profiles = []string{"somebody-else"} }, body: "no JSON",
			status: 403, code: codes.PermissionDenied, reason: "profile_mismatch", public: "the caller is not allowed here",
		},
		"project mismatch": {
			change: func(s *setup) { s.Projects = []authn.Project{{ID: "another", Number: 1}} },
			status: 403, code: codes.PermissionDenied, reason: "project_mismatch", public: "the caller is not allowed here",
		},
		"agent mismatch": {
			change: onCX(func(s *setup) { s.Profiles = []string{"agent"} }),
			body:   recorded(t, "cx-order-track", "5f8a3c1e-2b7d-4c90-a6e4-1d0f9b3c7a52", "another-agent"),
			status: 403, code: codes.PermissionDenied, reason: "agent_mismatch", public: "the caller is not allowed here",
		},
		"no route": {
			change: func(s *setup) { s.match.Intent = "order.cancel" },
			status: 404, code: codes.NotFound, reason: "no_route", public: "no route takes this turn",
		},
		"bad JSON": {
			body:   strings.Replace(order, `"order_id": "A-1001"`, `"order_id": 1, "order_id": 2`, 1),
			status: 400, code: codes.InvalidArgument, reason: "bad_request", public: "queryResult.parameters",
		},
		"large body": {
			body:   order + strings.Repeat(" ", bodyLimit),
			status: 413, code: codes.InvalidArgument, reason: "bad_request", public: "the body is larger than 32768 bytes",
		},
		"a session too long for metadata": {
			body:   strings.ReplaceAll(order, "90be2d7f6c11", strings.Repeat("9", 5<<10)),
			status: 400, code: codes.InvalidArgument, reason: "bad_request", public: "too long to be passed on",
		},

		"deadline": {
			change: func(s *setup) {
				s.Reserve = s.Timeout - time.Second
				s.answer = func(ctx context.Context) ([]byte, error) {
					<-ctx.Done()
					return nil, status.FromContextError(ctx.Err()).Err()
				}
			},
			status: 504, code: codes.DeadlineExceeded, reason: "deadline", public: "the intent service did not answer in time", called: true,
		},
		"unavailable": {
			change: func(s *setup) { s.answer = fail(codes.Unavailable) },
			status: 503, code: codes.Unavailable, reason: "unavailable", public: "the intent service is not available", called: true,
		},
		"not found": {
			change: func(s *setup) { s.answer = fail(codes.NotFound) },
			status: 404, code: codes.NotFound, reason: "service_status", public: "the intent service failed", called: true,
		},
		"exhausted": {
			change: func(s *setup) { s.answer = fail(codes.ResourceExhausted) },
			status: 429, code: codes.ResourceExhausted, reason: "service_status", public: "the intent service is overloaded", called: true,
		},
		"circuit open": {
			change: func(s *setup) { s.answer = refuse(backend.CircuitOpen, codes.Unavailable) },
			status: 503, code: codes.Unavailable, reason: "circuit_open", public: "the intent service is not available", called: true,
		},
		"queue full, which is not the caller's fault": {
			change: func(s *setup) { s.answer = refuse(backend.QueueFull, codes.ResourceExhausted) },
			status: 503, code: codes.ResourceExhausted, reason: "queue_full", public: "the intent service is overloaded", called: true,
		},
		"too long in the queue": {
			change: func(s *setup) { s.answer = refuse(backend.QueueTimeout, codes.ResourceExhausted) },
			status: 503, code: codes.ResourceExhausted, reason: "queue_timeout", public: "the intent service is overloaded", called: true,
		},
		"response too large to be read": {
			change: func(s *setup) { s.answer = refuse(backend.ResponseTooLarge, codes.Internal) },
			status: 500, code: codes.Internal, reason: "response_too_large", public: "the intent service failed", called: true,
		},
		"unknown method": {
			change: func(s *setup) { s.answer = fail(codes.Unimplemented) },
			status: 501, code: codes.Unimplemented, reason: "service_status", public: "the intent service does not know the method", called: true,
		},
		"a status of the service's own, cancelled": {
			change: func(s *setup) { s.answer = fail(codes.Canceled) },
			status: 499, code: codes.Canceled, reason: "service_status", public: "the intent service failed", called: true,
		},

		"malformed response": {
			change: func(s *setup) { s.answer = func(context.Context) ([]byte, error) { return []byte("\xff"), nil } },
			status: 500, code: codes.Internal, reason: "bad_reply", public: "the intent service failed", called: true,
		},
		"reply too large": {
			change: func(s *setup) { s.answer = reply(&intentgatev1.Reply{Texts: []string{strings.Repeat("x", 70<<10)}}) },
			status: 500, code: codes.Internal, reason: "reply_too_large", public: "the intent service failed", called: true,
		},
		"reply of no number": {
			change: func(s *setup) {
				s.answer = reply(&intentgatev1.Reply{Payload: &structpb.Struct{Fields: map[string]*structpb.Value{
					"secret": structpb.NewNumberValue(math.NaN()),
				}}})
			},
			status: 500, code: codes.Internal, reason: "bad_reply", public: "the intent service failed", called: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, c.change)
			if c.body == "" {
				c.body = order
			}
			got := f.send(f.request(t.Context(), c.body))
			var public struct {
				Code    codes.Code
				Message string
			}
			if err := json.Unmarshal([]byte(got.body), &public); err != nil {
				t.Fatalf("answer %q: %v", got.body, err)
			}
			if got.status != c.status || public.Code != c.code || !strings.Contains(public.Message, c.public) {
				t.Errorf("answer %d %s, want %d, %s and %q", got.status, got.body, c.status, c.code, c.public)
			}
			if c.reason != "bad_request" && public.Message != c.public || strings.Contains(got.body, "secret") {
				t.Errorf("answer %s tells too much", got.body)
			}
			l := f.line()
			if l.HTTPStatus != c.status || l.Code != c.code.String() || l.Reason != c.reason || l.Error == "" {
				t.Errorf("logged %+v, want %d, %s, %s and an error", l, c.status, c.code, c.reason)
			}
			if called := len(f.service.calls) == 1; called != c.called {
				t.Errorf("called: %t, want %t", called, c.called)
			}
		})
	}
}

// What HTTP has its own words for.
func TestRequestsThatAreNone(t *testing.T) {
	f := start(t, nil)
	for name, c := range map[string]struct {
		change       func(*http.Request)
		status       int
		reason       string
		field, value string
	}{
		"path":        {func(r *http.Request) { r.URL.Path += "/more" }, 404, "no_webhook", "Content-Type", "application/json"},
		"GET":         {func(r *http.Request) { r.Method = http.MethodGet }, 405, "method", "Allow", "POST"},
		"text":        {func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 415, "bad_request", "Accept", "application/json"},
		"compression": {func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, 415, "bad_request", "Accept-Encoding", "identity"},
	} {
		request := f.request(t.Context(), recorded(t, "es-order-track"))
		c.change(request)
		got := f.send(request)
		if got.status != c.status || got.header.Get(c.field) != c.value {
			t.Errorf("%s: answer %+v, want %d and %s: %s", name, got, c.status, c.field, c.value)
		}
		if l := f.line(); l.HTTPStatus != c.status || l.Reason != c.reason {
			t.Errorf("%s: logged %+v", name, l)
		}
	}
	if len(f.service.calls) != 0 {
		t.Error("the service was called")
	}
}

// A body that does not come costs the turn its time, and no service gets the blame.
func TestSlowBody(t *testing.T) {
	f := start(t, func(s *setup) { s.Reserve = s.Timeout - 200*time.Millisecond })
	reader, writer := io.Pipe()
	defer func() { _ = writer.Close() }()
	go func() { _, _ = io.WriteString(writer, "{") }()
	request := f.request(t.Context(), "")
	request.Body, request.GetBody, request.ContentLength = reader, nil, -1
	began := time.Now()
	got := f.send(request)
	if took := time.Since(began); got.status != http.StatusRequestTimeout || !got.closes || took > patience/2 {
		t.Errorf("answer %+v after %s", got, took)
	}
	if l := f.line(); l.HTTPStatus != http.StatusRequestTimeout || l.Reason != "slow_body" || l.Code != "InvalidArgument" {
		t.Errorf("logged %+v", l)
	}
	if len(f.service.calls) != 0 {
		t.Error("the service was called")
	}
}

// Trust that is withdrawn ends a connection that lives, before its next turn.
func TestWithdrawnTrust(t *testing.T) {
	f := start(t, nil)
	body := recorded(t, "es-order-track")
	f.play(body)
	if err := f.trust.Replace(start(t, nil).profile("dialogflow-like")); err != nil {
		t.Fatal(err)
	}
	got := f.send(f.request(t.Context(), body))
	if got.status != http.StatusForbidden || !strings.Contains(got.body, "the caller is not allowed here") || !got.closes {
		t.Errorf("answer %+v", got)
	}
	if l := f.line(); l.Reason != "unknown_authority" || l.Code != "PermissionDenied" {
		t.Errorf("logged %+v", l)
	}
	if len(f.service.calls) != 0 {
		t.Error("the service was called")
	}
}

// withdrawing is a body before which trust ends, once its request has been admitted.
type withdrawing struct {
	io.Reader

	withdraw func()
}

func (b *withdrawing) Read(p []byte) (int, error) {
	if b.withdraw != nil {
		b.withdraw()
		b.withdraw = nil
	}
	return b.Reader.Read(p)
}

// Trust that ends while a body is on its way is gone when the body is there.
func TestTrustWithdrawnDuringTheBody(t *testing.T) {
	f := start(t, nil)
	body, nobody := recorded(t, "es-order-track"), start(t, nil).profile("dialogflow-like")
	request := f.request(t.Context(), body)
	request.GetBody, request.Body = nil, io.NopCloser(&withdrawing{strings.NewReader(body), func() {
		if err := f.trust.Replace(nobody); err != nil {
			t.Error(err)
		}
	}})
	request.Header.Set("Expect", "100-continue")
	if got := f.send(request); got.status != http.StatusForbidden {
		t.Errorf("answer %+v", got)
	}
	if l := f.line(); l.Reason != "unknown_authority" || len(f.service.calls) != 0 {
		t.Errorf("logged %+v, %d calls", l, len(f.service.calls))
	}
}

// Who leaves takes no call along, and is not taken for a service that failed. The next try has the call's answer, unless that is none.
func TestCallerLeaves(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		first  string // outcome and code
		status int    // of the next try
		calls  int
	}{
		"answered": {nil, "lost OK", 200, 1},
		"refused":  {status.Error(codes.NotFound, "no"), "failed Canceled caller_left", 404, 1},
		"failed":   {status.Error(codes.Unavailable, "no"), "failed Canceled caller_left", 503, 2},
	} {
		t.Run(name, func(t *testing.T) {
			begun, goOn, seen := make(chan struct{}, 2), make(chan struct{}), make(chan context.Context, 2)
			f := start(t, func(s *setup) {
				s.clock, s.seen = time.Now, func(r *http.Request) { seen <- r.Context() }
				s.answer = func(ctx context.Context) ([]byte, error) {
					begun <- struct{}{}
					select {
					case <-goOn:
						return nil, c.err
					case <-ctx.Done():
						return nil, status.FromContextError(ctx.Err()).Err()
					}
				}
			})
			ctx, leave := context.WithCancel(t.Context())
			go func() {
				<-begun
				leave()
			}()
			response, err := f.client.Do(f.request(ctx, recorded(t, "es-order-track")))
			if err == nil {
				_ = response.Body.Close()
				t.Errorf("answer %d", response.StatusCode)
			}
			select {
			case <-(<-seen).Done(): // the gateway knows
			case <-time.After(patience):
				t.Fatal("nobody has noticed")
			}
			close(goOn)
			if got := f.send(f.request(t.Context(), recorded(t, "es-order-track"))); got.status != c.status {
				t.Errorf("the next try is answered %+v", got)
			}
			first, second := f.line(), f.line()
			if first.Outcome == "answered" || first.Reason != "caller_left" && second.Reason == "caller_left" {
				first, second = second, first // which ends first is open
			}
			if got := strings.TrimSpace(first.Outcome + " " + first.Code + " " + first.Reason); got != c.first {
				t.Errorf("logged %q, want %q", got, c.first)
			}
			if joined := second.Joined != ""; joined != (c.calls == 1) || len(f.service.calls) != c.calls || first.RequestID != second.RequestID {
				t.Errorf("%d calls, want %d; logged %+v and %+v", len(f.service.calls), c.calls, first, second)
			}
		})
	}
}

// A panic is answered as any failure of the gateway's own, in words where the turn is known, and leaves its stack.
func TestPanic(t *testing.T) {
	const words = `{"webhooks": [{"path": "/turns", "platform": "ES", "fallback": {"causes": {"internal": {"text": {"en": "Oh dear."}}}}}]}`
	panics := func(context.Context) ([]byte, error) { panic("secret") }
	for name, c := range map[string]struct {
		fallbacks string
		call      func(context.Context) ([]byte, error)
		draining  func() bool // asked before the call is made
		status    int
		answer    string
	}{
		"words":             {words, panics, nil, 200, "Oh dear."},
		"status":            {"", panics, nil, 500, "the intent service failed"},
		"words, no call":    {words, nil, func() bool { panic("secret") }, 200, "Oh dear."},
		"a status, no call": {"", nil, func() bool { panic("secret") }, 500, "the intent service failed"},
	} {
		f := start(t, func(s *setup) {
			s.fallbacks, s.answer = c.fallbacks, c.call
			if c.draining != nil {
				s.draining, s.continueFor = c.draining, time.Minute
			}
		})
		for range 2 { // the connection stays
			got := f.send(f.request(t.Context(), recorded(t, "es-order-track")))
			if got.status != c.status || !strings.Contains(got.body, c.answer) || strings.Contains(got.body, "secret") || got.closes {
				t.Errorf("%s: answer %+v", name, got)
			}
			if l := f.line(); l.Reason != "panic" || l.Code != "Internal" || l.HTTPStatus != c.status || l.Outcome != "failed" {
				t.Errorf("%s: logged %+v", name, l)
			}
			if other := f.other("Handler panicked"); strings.Contains(other.Panic+other.Stack, "secret") || !strings.Contains(other.Stack, "TestPanic") {
				t.Errorf("%s: logged %+v", name, other)
			}
		}
	}
}

func TestNewHandlerRefusesGaps(t *testing.T) {
	discard := slog.New(slog.DiscardHandler)
	good := func() gateway.Config {
		return gateway.Config{
			Webhook:   gateway.Webhook{Path: "/turns", Timeout: time.Second, Reserve: time.Millisecond},
			Router:    must(router.New([]router.Route{{Service: "orders"}}))(t),
			Services:  map[string]gateway.Service{"orders": &service{}},
			Joins:     must(joins.New(joins.Config{Now: time.Now}))(t),
			BodyLimit: 1,
			Telemetry: must(telemetry.New(telemetry.Config{Logger: discard, Audit: discard, Now: time.Now}))(t),
			Now:       time.Now,
		}
	}
	if _, err := gateway.NewHandler(good()); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*gateway.Config){
		"Router":               func(c *gateway.Config) { c.Router = nil },
		"Joins":                func(c *gateway.Config) { c.Joins = nil },
		"BodyLimit":            func(c *gateway.Config) { c.BodyLimit = 0 },
		"Telemetry":            func(c *gateway.Config) { c.Telemetry = nil },
		"Now":                  func(c *gateway.Config) { c.Now = nil },
		"leaves nothing of":    func(c *gateway.Config) { c.Webhook.Reserve = c.Webhook.Timeout },
		"nothing to verify it": func(c *gateway.Config) { c.Webhook.Token = &idtoken.Rules{} },
		`leads to service "or`: func(c *gateway.Config) { c.Services = nil },
	} {
		config := good()
		change(&config)
		if _, err := gateway.NewHandler(config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one about %s", err, want)
		}
	}
}

// What goes out is built from nothing: no header of the request gets through, whatever it is called.
func TestOutgoingMetadata(t *testing.T) {
	f := start(t, onCX(func(s *setup) { s.Profiles = []string{"agent"} }))
	request := f.request(t.Context(), recorded(t, "cx-order-track"))
	for _, name := range []string{
		"Intentgate-Caller-Bin", "Intentgate-Request-Id", "Intentgate-Token", "Grpc-Metadata-Intentgate-Caller-Bin", "Grpc-Timeout",
		"Traceparent", "Tracestate", "Baggage", "Authorization", "X-Forwarded-For",
	} {
		request.Header.Set(name, "forged")
	}
	if got := f.send(request); got.status != http.StatusOK {
		t.Fatalf("answer %+v", got)
	}
	md := (<-f.service.calls).metadata
	var keys []string
	for key, values := range md {
		keys = append(keys, key)
		if len(values) != 1 || strings.Contains(values[0], "forged") {
			t.Errorf("%s: %q", key, values)
		}
	}
	slices.Sort(keys)
	want := []string{caller.MetadataCall, caller.MetadataCaller, caller.MetadataRequestID, caller.MetadataTraceParent}
	if !slices.Equal(keys, want) {
		t.Fatalf("keys %q, want %q", keys, want)
	}
	who, ref := decoded(t, md)
	proven := intentgatev1.Caller_PROOF_CERTIFICATE
	if who.GetPlatform() != intentgatev1.Platform_PLATFORM_CX || who.GetCertificate().GetProfile() != "agent" ||
		who.GetProjectId().GetValue() != "shop" || who.GetProjectId().GetProof() != proven || who.GetAgent().GetProof() != proven {
		t.Errorf("caller %v", who)
	}
	id := md[caller.MetadataRequestID][0]
	if ref.GetRequestId() != id || ref.GetTurnId() == "" || !strings.HasPrefix(ref.GetSession(), agentName+"/sessions/") {
		t.Errorf("call reference %v, request id %s", ref, id)
	}
	if l := f.line(); l.RequestID != id {
		t.Errorf("logged request id %s, sent %s", l.RequestID, id)
	}
}

// onCX makes the webhook one of CX.
func onCX(change func(*setup)) func(*setup) {
	return func(s *setup) {
		s.Platform, s.API = dialogflow.CX, dialogflow.V3
		if change != nil {
			change(s)
		}
	}
}
