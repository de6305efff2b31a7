package gateway_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/backend"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// everyCause has words for each, on both platforms.
const everyCause = `{
	"webhooks": [{"path": "/turns", "platform": "ES"}, {"path": "/cx", "platform": "CX"}],
	"services": [{"name": "orders", "fallback": {"causes": {
		"timeout": {"text": {"en": "It takes too long."}},
		"unavailable": {"text": {"en": "Not now."}},
		"overloaded": {"event": "busy", "targetPage": "flows/help/pages/busy"},
		"refused": {"text": {"en": "No."}, "sessionParameters": {"refused": true}},
		"invalid": {"text": {"en": "What?"}},
		"internal": {"text": {"en": "Oh."}}
	}}}]
}`

func said(text string) string {
	return `{"fulfillmentText":"` + text + `","fulfillmentMessages":[{"text":{"text":["` + text + `"]}}]}`
}

func saidCX(text string) string {
	return `{"fulfillmentResponse":{"messages":[{"text":{"text":["` + text + `"]}}]}}`
}

// TestFallbackCauses has the service fail in each way: the user hears the words for it, and the log keeps what happened.
func TestFallbackCauses(t *testing.T) {
	turn, err := dialogflow.Read(dialogflow.ES, []byte(recorded(t, "es-order-track")))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		answer func(context.Context) ([]byte, error)
		es, cx string
		code   codes.Code
		reason string
		cause  string
	}{
		"times out": {
			func(ctx context.Context) ([]byte, error) {
				<-ctx.Done()
				return nil, status.FromContextError(ctx.Err()).Err()
			},
			said("It takes too long."), saidCX("It takes too long."), codes.DeadlineExceeded, "deadline", "timeout",
		},
		"is down": {fail(codes.Unavailable), said("Not now."), saidCX("Not now."), codes.Unavailable, "unavailable", "unavailable"},
		"is overloaded": {
			fail(codes.ResourceExhausted), `{"followupEventInput":{"name":"busy","languageCode":"en"}}`, `{"targetPage":"` + agentName + `/flows/help/pages/busy"}`,
			codes.ResourceExhausted, "service_status", "overloaded",
		},
		"has enough to do": {
			refuse(backend.QueueFull, codes.ResourceExhausted), `{"followupEventInput":{"name":"busy","languageCode":"en"}}`, `{"targetPage":"` + agentName + `/flows/help/pages/busy"}`,
			codes.ResourceExhausted, "queue_full", "overloaded",
		},
		"has failed too often": {refuse(backend.CircuitOpen, codes.Unavailable), said("Not now."), saidCX("Not now."), codes.Unavailable, "circuit_open", "unavailable"},
		"says too much":        {refuse(backend.ResponseTooLarge, codes.Internal), said("Oh."), saidCX("Oh."), codes.Internal, "response_too_large", "internal"},
		"refuses": {
			fail(codes.FailedPrecondition),
			strings.TrimSuffix(said("No."), "}") + `,"outputContexts":[{"name":"` + turn.Session.Name + `/contexts/orders","lifespanCount":5,"parameters":{"refused":true}}]}`,
			strings.TrimSuffix(saidCX("No."), "}") + `,"sessionInfo":{"parameters":{"refused":true}}}`,
			codes.FailedPrecondition, "service_status", "refused",
		},
		"does not understand": {fail(codes.InvalidArgument), said("What?"), saidCX("What?"), codes.InvalidArgument, "service_status", "invalid"},
		"fails":               {fail(codes.Unknown), said("Oh."), saidCX("Oh."), codes.Unknown, "service_status", "internal"},
		"answers garbage": {
			func(context.Context) ([]byte, error) { return []byte("\xff"), nil }, said("Oh."), saidCX("Oh."), codes.Internal, "bad_reply", "internal",
		},
		"answers too much": {
			reply(&intentgatev1.Reply{Texts: []string{strings.Repeat("x", 70<<10)}}), said("Oh."), saidCX("Oh."), codes.Internal, "reply_too_large", "internal",
		},
	} {
		for platform, want := range map[string]string{"es": test.es, "cx": test.cx} {
			t.Run(name+", "+platform, func(t *testing.T) {
				change := func(s *setup) {
					s.answer, s.fallbacks = test.answer, everyCause
					if test.cause == "timeout" {
						s.Reserve = s.Timeout - time.Second
					}
				}
				if platform == "cx" {
					change = onCX(change)
				}
				f := start(t, change)
				got := f.send(f.request(t.Context(), recorded(t, platform+"-order-track")))
				if got.status != http.StatusOK || got.body != want {
					t.Errorf("status %d\n%s\nwant\n%s", got.status, got.body, want)
				}
				l := f.line()
				if l.HTTPStatus != http.StatusOK || l.Code != test.code.String() || l.Reason != test.reason || l.Error == "" ||
					l.Answer != "fallback" || l.Outcome != "failed" || l.Fallback != "services[0].fallback.causes."+test.cause {
					t.Errorf("logged %+v", l)
				}
			})
		}
	}
}

// TestFallbackPrecedence has what is more, and what is less, than fallback words.
func TestFallbackPrecedence(t *testing.T) {
	order := recorded(t, "es-order-track")
	spoken := func(context.Context) ([]byte, error) {
		refusal, err := status.New(codes.NotFound, "secret").WithDetails(&errdetails.LocalizedMessage{Locale: "en", Message: "There is no such order."})
		if err != nil {
			return nil, err
		}
		return nil, refusal.Err()
	}
	const webhook = `{"webhooks": [{"path": "/turns", "platform": "ES", "fallback": %}]}`
	only := func(fallback string) string { return strings.Replace(webhook, "%", fallback, 1) }
	for name, test := range map[string]struct {
		change func(*setup)
		body   string // the order's if empty
		status int
		want   string // in the answer
		log    line   // code, reason, whose answer, and fallback
	}{
		"the service's words": {
			func(s *setup) { s.answer, s.fallbacks = spoken, everyCause }, "", 200, said("There is no such order."), line{Code: "OK", Answer: "status"},
		},
		"a status on purpose": {
			func(s *setup) { s.answer, s.fallbacks = fail(codes.Internal), only(`{"status": "UNAVAILABLE"}`) },
			"", 503, `"code":14`,
			line{Code: "Internal", Reason: "service_status", Fallback: "webhooks[0].fallback"},
		},
		"the failure's own": {
			func(s *setup) { s.answer, s.fallbacks = fail(codes.NotFound), only(`{"status": "OWN"}`) },
			"", 404, `"code":5`,
			line{Code: "NotFound", Reason: "service_status", Fallback: "webhooks[0].fallback"},
		},
		"another language": {
			func(s *setup) { s.answer, s.fallbacks = fail(codes.NotFound), only(`{"text": {"ja": "x"}}`) },
			"", 404, `"code":5`,
			line{Code: "NotFound", Reason: "service_status"},
		},
		"another cause": {
			func(s *setup) {
				s.answer, s.fallbacks = fail(codes.NotFound), only(`{"causes": {"invalid": {"event": "x"}}}`)
			},
			"", 404, `"code":5`,
			line{Code: "NotFound", Reason: "service_status"},
		},
		"no route": {
			func(s *setup) {
				s.match.Intent, s.fallbacks = "none", only(`{"causes": {"internal": {"text": {"en": "Oh."}}, "refused": {"event": "no"}}}`)
			},
			"", 200, said("Oh."),
			line{Code: "NotFound", Reason: "no_route", Answer: "fallback", Fallback: "webhooks[0].fallback.causes.internal"},
		},
		"no route, and something to remember": {
			func(s *setup) { s.match.Intent, s.fallbacks = "none", only(`{"sessionParameters": {"lost": true}}`) },
			"", 200, `/contexts/intentgate","lifespanCount":5,"parameters":{"lost":true}}]}`,
			line{Code: "NotFound", Reason: "no_route", Answer: "fallback", Fallback: "webhooks[0].fallback"},
		},
		"a page that cannot be found": {
			onCX(func(s *setup) {
				s.Profiles, s.answer = []string{"agent"}, fail(codes.Internal)
				s.fallbacks = `{"services": [{"name": "orders", "fallback": {"targetPage": "projects/p/locations/l/agents/a/flows/f/pages/p"}}]}`
			}),
			recorded(t, "cx-order-track"), 500, `"code":13`,
			line{Code: "Internal", Reason: "service_status", Fallback: "services[0].fallback"},
		},
		"a caller that is refused": {
			func(s *setup) {
				s.Projects, s.fallbacks = []authn.Project{{ID: "another", Number: 1}}, only(`{"event": "x"}`)
			},
			"", 403, `"code":7`,
			line{Code: "PermissionDenied", Reason: "project_mismatch"},
		},
		"a request that is none": {
			func(s *setup) { s.fallbacks = only(`{"event": "x"}`) }, "{}", 400, `"code":3`, line{Code: "InvalidArgument", Reason: "bad_request"},
		},
		"a session too long": {
			func(s *setup) { s.fallbacks = only(`{"event": "x"}`) },
			strings.ReplaceAll(order, "90be2d7f6c11", strings.Repeat("9", 5<<10)), 400, `"code":3`,
			line{Code: "InvalidArgument", Reason: "bad_request"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, test.change)
			if test.body == "" {
				test.body = order
			}
			got := f.send(f.request(t.Context(), test.body))
			if got.status != test.status || !strings.Contains(got.body, test.want) {
				t.Errorf("status %d %s, want %d and %s", got.status, got.body, test.status, test.want)
			}
			l := f.line()
			if l := (line{Code: l.Code, Reason: l.Reason, Answer: l.Answer, Fallback: l.Fallback}); l != test.log {
				t.Errorf("logged %+v, want %+v", l, test.log)
			}
			if l.HTTPStatus != test.status {
				t.Errorf("logged the status %d, want %d", l.HTTPStatus, test.status)
			}
		})
	}
}

// TestSlots has the agent ask for what is missing, where nobody else wants to.
func TestSlots(t *testing.T) {
	filling := recorded(t, "es-slot-filling")
	for name, test := range map[string]struct {
		after  bool
		body   string
		called bool
	}{
		"asked for":  {false, filling, true},
		"not asked":  {true, filling, false},
		"all filled": {true, recorded(t, "es-order-track"), true},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, func(s *setup) { s.afterSlots = test.after })
			got := f.send(f.request(t.Context(), test.body))
			if called := len(f.service.calls) > 0; called != test.called || got.status != http.StatusOK || (got.body == "{}") == called {
				t.Errorf("called: %t, status %d, %s", called, got.status, got.body)
			}
			want := line{Code: "OK", Answer: map[bool]string{true: "service", false: "slots"}[test.called], Outcome: "answered"}
			if l := f.line(); (line{Code: l.Code, Answer: l.Answer, Outcome: l.Outcome}) != want {
				t.Errorf("logged %+v", l)
			}
		})
	}
}
