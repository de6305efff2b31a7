package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller"
)

// slow is a service whose calls take until they are let go on, or given up.
type slow struct {
	begun  chan time.Time // with the call's deadline
	goOn   chan struct{}
	answer func() ([]byte, error)
}

func (s *slow) serve(ctx context.Context) ([]byte, error) {
	deadline, _ := ctx.Deadline()
	s.begun <- deadline
	select {
	case <-s.goOn:
		return s.answer()
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	}
}

const (
	span      = 400 * time.Millisecond // that a turn has
	nonceless = `{"responseId": "ID", "session": "SESSION", "queryResult": {"queryText": "TEXT", "languageCode": "en", "intent": {"displayName": "go on"}, "outputContexts": [CONTEXTS], "parameters": {PARAMETERS}}}`
	shopAgent = "projects/shop/agent/sessions/7d1f0a52-3c1b-4e0a-8a55-90be2d7f6c11"
)

// continues starts a gateway whose turns are short, and whose one method may take long.
func continues(t *testing.T, limit time.Duration, change func(*setup)) (*fixture, *slow) {
	t.Helper()
	s := &slow{begun: make(chan time.Time, 10), goOn: make(chan struct{}), answer: func() ([]byte, error) {
		return proto.Marshal(&intentgatev1.FulfillResponse{Reply: &intentgatev1.Reply{Texts: []string{"Done at last."}}})
	}}
	return start(t, func(with *setup) {
		with.clock, with.Timeout, with.Reserve, with.continueFor, with.answer = time.Now, span+100*time.Millisecond, 100*time.Millisecond, limit, s.serve
		if change != nil {
			change(with)
		}
	}), s
}

// goesOn is a turn of the event, as ES sends it.
func goesOn(nonce, id string, more ...string) string {
	body := strings.NewReplacer(append(more, "ID", id, "TEXT", "intentgate-continue", "SESSION", shopAgent, "PARAMETERS", "",
		"CONTEXTS", fmt.Sprintf(`{"name": "%s/contexts/intentgate-continue", "parameters": {"nonce": %q}}`, shopAgent, nonce))...).Replace(nonceless)
	return body
}

// event returns the nonce of an answer that is the event and nothing else.
func event(t *testing.T, got answer) string {
	t.Helper()
	var said struct {
		Event struct {
			Name       string `json:"name"`
			Language   string `json:"languageCode"`
			Parameters struct {
				Nonce string `json:"nonce"`
			} `json:"parameters"`
		} `json:"followupEventInput"`
	}
	err := json.Unmarshal([]byte(got.body), &said)
	if got.status != http.StatusOK || err != nil || said.Event.Name != "intentgate-continue" || said.Event.Language != "en" ||
		!regexp.MustCompile(`^[A-Z2-7]{26}$`).MatchString(said.Event.Parameters.Nonce) || strings.Contains(got.body, "fulfillment") {
		t.Fatalf("answer %+v, want the event", got)
	}
	return said.Event.Parameters.Nonce
}

func (f *fixture) say(body string) answer {
	f.t.Helper()
	return f.send(f.request(f.t.Context(), body))
}

// A call that takes longer than the turn is made once, whatever comes of retries, and its answer is fetched.
func TestContinuation(t *testing.T) {
	f, s := continues(t, time.Minute, nil)
	body := recorded(t, "es-order-track")
	first := event(t, f.say(body))
	if deadline := time.Until(<-s.begun); deadline < 50*time.Second || deadline > time.Minute {
		t.Errorf("the call has %s left", deadline)
	}
	if l := f.line(); l.Answer != "continuation" || l.Outcome != "answered" || l.Code != "OK" || l.Joined != "" {
		t.Errorf("logged %+v", l)
	}
	// The retry of the first turn hears the same.
	if again := event(t, f.say(body)); again != first {
		t.Error("the retry has another nonce")
	}
	requestID := f.line().RequestID

	second := event(t, f.say(goesOn(first, "turn-2")))
	if l := f.line(); second == first || l.Answer != "continuation" || l.Joined != "continuation" || l.Service != "orders" || l.RequestID != requestID {
		t.Errorf("nonce %q again: %t; logged %+v", second, second == first, l)
	}
	close(s.goOn)
	for range 2 { // and its retry
		if got := f.say(goesOn(second, "turn-3")); got.status != http.StatusOK || !strings.Contains(got.body, "Done at last.") {
			t.Errorf("answer %+v", got)
		}
		if l := f.line(); l.Answer != "service" || l.Joined != "continuation" || l.Outcome != "answered" {
			t.Errorf("logged %+v", l)
		}
	}
	if got := f.say(body); !strings.Contains(got.body, "Done at last.") || f.line().Joined != "answer" {
		t.Errorf("a late retry of the first turn is answered %+v", got)
	}
	if len(f.service.calls) != 1 {
		t.Fatalf("%d calls", len(f.service.calls))
	}
	if call := <-f.service.calls; call.metadata[caller.MetadataRequestID][0] != requestID {
		t.Error("another request id than that of the log")
	}
}

// What the nonce is looked for in, and what it is not.
func TestContinuationIsFound(t *testing.T) {
	const context = `{"name": "projects/shop/agent/sessions/7d1f0a52-3c1b-4e0a-8a55-90be2d7f6c11/contexts/INTENTGATE-Continue", "lifespanCount": 3, "parameters": {"nonce": "NONCE"}}`
	for name, c := range map[string]struct {
		text, contexts, parameters string
		joined                     bool
		reason                     string
	}{
		"in the context":          {"intentgate-continue", context, "", true, ""},
		"of an event in capitals": {"INTENTGATE-CONTINUE", context, "", true, ""},
		"without a text":          {"", context, "", true, ""},
		"in a parameter":          {"intentgate-continue", "", `"nonce": "NONCE"`, true, ""},
		"with empty values":       {"intentgate-continue", context, `"nonce": ""`, true, ""}, // which looks like slot filling
		"nowhere":                 {"intentgate-continue", "", "", false, "continuation_unknown"},
		"a number":                {"intentgate-continue", "", `"nonce": 1`, false, "continuation_unknown"},
		"in a later turn":         {"never mind", context, `"nonce": "NONCE"`, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f, s := continues(t, time.Minute, nil)
			s.begun = make(chan time.Time, 2)
			nonce := event(t, f.say(recorded(t, "es-order-track")))
			f.line()
			close(s.goOn)
			body := strings.NewReplacer("TEXT", c.text, "CONTEXTS", c.contexts, "PARAMETERS", c.parameters).Replace(nonceless)
			got := f.say(strings.NewReplacer("ID", "turn-2", "SESSION", shopAgent, "NONCE", nonce).Replace(body))
			l := f.line()
			if joined := l.Joined == "continuation"; joined != c.joined || l.Reason != c.reason || (got.status == http.StatusOK) != (c.reason == "") {
				t.Errorf("answer %+v, logged %+v", got, l)
			}
		})
	}
}

// A nonce that will not do gets nobody's answer, but words for the time that it has taken.
func TestContinuationRefused(t *testing.T) {
	const words = `{"webhooks": [{"path": "/turns", "platform": "ES", "fallback": {"causes": {"timeout": {"text": {"en": "That took too long."}}}}}]}`
	f, s := continues(t, time.Minute, func(with *setup) { with.fallbacks = words })
	nonce := event(t, f.say(recorded(t, "es-order-track")))
	f.line()
	close(s.goOn)
	if got := f.say(goesOn(nonce, "turn-2")); !strings.Contains(got.body, "Done at last.") {
		t.Errorf("answer %+v", got)
	}
	f.line()
	for reason, body := range map[string]string{
		"continuation_used":    goesOn(nonce, "turn-3"),
		"continuation_unknown": goesOn("AAAAAAAAAAAAAAAAAAAAAAAAAA", "turn-4"),
		"continuation_foreign": goesOn(nonce, "turn-2", "SESSION", "projects/shop/agent/sessions/another"),
	} {
		got := f.say(body)
		if l := f.line(); got.status != http.StatusOK || !strings.Contains(got.body, "That took too long.") || l.Reason != reason || l.Answer != "fallback" || l.Outcome != "failed" {
			t.Errorf("%s: answer %+v, logged %+v", reason, got, l)
		}
	}
	if len(f.service.calls) != 1 {
		t.Errorf("%d calls", len(f.service.calls))
	}
}

// Until the limit, and then the fallback of the turn that began. What fails before is told at once.
func TestContinuationEnds(t *testing.T) {
	const words = `{"routes": [{"service": "orders", "match": {"intent": "order.track"}, "fallback": {
		"causes": {"timeout": {"text": {"en": "That took too long."}}, "unavailable": {"text": {"en": "Nobody there."}}}}}]}`
	f, s := continues(t, time.Second, func(with *setup) { with.fallbacks, with.match.Intent = words, "order.track" })
	body := recorded(t, "es-order-track")
	got := f.say(body)
	for i := range 3 {
		nonce := event(t, got)
		f.line()
		if got = f.say(goesOn(nonce, fmt.Sprint("turn-", i))); !strings.Contains(got.body, "followupEventInput") {
			break
		}
	}
	if l := f.line(); !strings.Contains(got.body, "That took too long.") || l.Reason != "deadline" || l.Fallback != "routes[0].fallback.causes.timeout" {
		t.Errorf("answer %+v, logged %+v", got, l)
	}
	s.answer = func() ([]byte, error) { return nil, status.Error(codes.Unavailable, "gone") }
	nonce := event(t, f.say(strings.Replace(body, "2f6b1c0a9e77", "another", 1)))
	f.line()
	close(s.goOn)
	got = f.say(goesOn(nonce, "turn-9"))
	if l := f.line(); !strings.Contains(got.body, "Nobody there.") || l.Reason != "unavailable" || l.Joined != "continuation" {
		t.Errorf("answer %+v, logged %+v", got, l)
	}
}

// Where nothing could be fetched, or the agent would lose its place, the turn's own time is all.
func TestNoContinuation(t *testing.T) {
	draining := make(chan struct{})
	for name, c := range map[string]struct {
		limit  time.Duration
		change func(*setup)
		body   string
	}{
		"not asked for": {body: recorded(t, "es-order-track")},
		"no longer":     {limit: span / 4, body: recorded(t, "es-order-track")},
		"on CX":         {limit: time.Minute, change: onCX(nil), body: recorded(t, "cx-form-filling")},
		"filling slots": {limit: time.Minute, body: strings.NewReplacer("ID", "1", "SESSION", shopAgent, "TEXT", "x", "CONTEXTS", "", "PARAMETERS", `"day": ""`).Replace(nonceless)},
		"draining":      {limit: time.Minute, change: func(with *setup) { with.draining = func() bool { return true } }, body: recorded(t, "es-order-track")},
		"draining meanwhile": {
			limit: time.Minute,
			change: func(with *setup) {
				with.draining = func() bool {
					select {
					case <-draining:
						return true
					default:
						close(draining)
						return false
					}
				}
			}, body: recorded(t, "es-order-track"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, s := continues(t, c.limit, c.change)
			got := f.say(c.body)
			if l := f.line(); got.status != http.StatusGatewayTimeout || l.Reason != "deadline" || l.Answer != "" {
				t.Errorf("answer %+v, logged %+v", got, l)
			}
			deadline := time.Until(<-s.begun)
			if own := deadline <= 0; own == (name == "draining meanwhile") {
				t.Errorf("the call has %s left", deadline)
			}
			close(s.goOn)
		})
	}
}
