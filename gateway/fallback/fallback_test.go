package fallback_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/intentgate/intentgate/gateway/config"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/fallback"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// everywhere has a fallback at each level.
const everywhere = `{
	"webhooks": [
		{"path": "/es", "platform": "ES", "fallback": {"text": {"en": "webhook"}}},
		{"path": "/cx", "platform": "CX", "fallback": {"text": {"en": "webhook"}}}
	],
	"services": [{"name": "orders", "fallback": {"text": {"en": "service"}}}],
	"routes": [
		{"service": "orders", "match": {"intent": "order.*"}, "fallback": {"text": {"en": "route"}, "causes": {"timeout": {"text": {"en": "route timeout"}}}}},
		{"service": "orders"}
	],
	"fallbacks": [
		{"match": {"intent": "order.track"}, "fallback": {"causes": {"overloaded": {"text": {"en": "turns overloaded"}}}}},
		{"match": {"intent": "order.*"}, "fallback": {"text": {"en": "turns"}}}
	],
	"fallback": {"text": {"default": "global"}}
}`

// set compiles a configuration.
func set(t *testing.T, settings string) *fallback.Set {
	t.Helper()
	parsed := &gatewayv1.Config{}
	if err := protojson.Unmarshal([]byte(settings), parsed); err != nil {
		t.Fatal(err)
	}
	compiled, err := config.Fallbacks(parsed)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// tell returns an answer in short: where it stands, and what it is.
func tell(answer fallback.Answer, found bool) string {
	if !found {
		return ""
	}
	words := []string{answer.At + ":"}
	reply := answer.Reply
	if reply == nil {
		return answer.At + ": status " + answer.Status.String()
	}
	words = append(words, reply.GetTexts()...)
	for name, value := range map[string]string{"event": reply.GetFollowupEvent().GetName(), "page": reply.GetTargetPage(), "flow": reply.GetTargetFlow()} {
		if value != "" {
			words = append(words, name+"="+value)
		}
	}
	if remembered := reply.GetSessionParameters(); remembered != nil {
		words = append(words, fmt.Sprint(remembered.AsMap()))
	}
	return strings.Join(words, " ")
}

// TestPrecedence takes level after level away: each beats the next.
func TestPrecedence(t *testing.T) {
	es := fallback.Place{Webhook: "/es", Service: "orders"}
	cx := fallback.Place{Webhook: "/cx", Service: "orders"}
	route := func(at fallback.Place, i int) fallback.Place { at.Route = i; return at }
	for name, test := range map[string]struct {
		at       fallback.Place
		language string
		intent   string
		cause    fallback.Cause
		want     string
	}{
		"the route's of the cause":         {route(es, 0), "en", "order.track", fallback.Timeout, "routes[0].fallback.causes.timeout: route timeout"},
		"the route's":                      {route(es, 0), "en", "order.track", fallback.Overloaded, "routes[0].fallback: route"},
		"a route without":                  {route(es, 1), "en", "order.track", fallback.Timeout, "fallbacks[1].fallback: turns"},
		"no route":                         {route(es, fallback.NoRoute), "en", "order.track", fallback.Overloaded, "fallbacks[0].fallback.causes.overloaded: turns overloaded"},
		"no route, CX":                     {route(cx, fallback.NoRoute), "en", "order.track", fallback.Overloaded, "fallbacks[0].fallback.causes.overloaded: turns overloaded"},
		"the first that has an answer":     {route(es, fallback.NoRoute), "en", "order.track", fallback.Refused, "fallbacks[1].fallback: turns"},
		"the service's":                    {route(es, 1), "en", "bye", fallback.Timeout, "services[0].fallback: service"},
		"no service":                       {fallback.Place{Webhook: "/es", Route: fallback.NoRoute}, "en", "bye", fallback.Internal, "webhooks[0].fallback: webhook"},
		"another service":                  {fallback.Place{Webhook: "/cx", Route: fallback.NoRoute, Service: "faq"}, "en", "bye", fallback.Internal, "webhooks[1].fallback: webhook"},
		"no webhook's":                     {fallback.Place{Webhook: "/x", Route: fallback.NoRoute, Service: "faq"}, "en", "bye", fallback.Internal, "fallback: global"},
		"no webhook's, CX":                 {fallback.Place{Webhook: "/cx", Route: fallback.NoRoute}, "fr", "bye", fallback.Internal, ""},
		"another language, ES":             {route(es, 0), "fr", "order.track", fallback.Timeout, "fallback: global"},
		"another language, CX":             {route(cx, 0), "fr", "order.track", fallback.Timeout, ""},
		"a language that is close":         {route(es, 0), "en-AU", "order.track", fallback.Timeout, "routes[0].fallback.causes.timeout: route timeout"},
		"an index that is no route's, too": {route(es, 7), "en", "bye", fallback.Timeout, "services[0].fallback: service"},
	} {
		t.Run(name, func(t *testing.T) {
			turn := &dialogflow.Turn{Platform: dialogflow.ES, Language: test.language, Intent: dialogflow.Intent{DisplayName: test.intent}}
			if test.at.Webhook == "/cx" {
				turn.Platform = dialogflow.CX
			}
			if got := tell(set(t, everywhere).Find(turn, test.at, test.cause)); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestPassedOver has two levels: the upper one has nothing for some turns.
func TestPassedOver(t *testing.T) {
	const service = "services[0].fallback: service"
	for name, test := range map[string]struct {
		route  string // its fallback
		es, cx string // what is answered in English
		french string // and in French, on CX
	}{
		"words":                  {`{"text": {"en": "a"}}`, "routes[0].fallback: a", "routes[0].fallback: a", service},
		"an event":               {`{"event": "late"}`, "routes[0].fallback: event=late", service, service},
		"an event and words":     {`{"event": "late", "text": {"en": "a"}}`, "routes[0].fallback: event=late", "routes[0].fallback: a", service},
		"a page":                 {`{"targetPage": "pages/a"}`, service, "routes[0].fallback: page=pages/a", "routes[0].fallback: page=pages/a"},
		"a flow and words":       {`{"targetFlow": "flows/a", "text": {"en": "a"}}`, "routes[0].fallback: a", "routes[0].fallback: a flow=flows/a", "routes[0].fallback: flow=flows/a"},
		"parameters":             {`{"sessionParameters": {"late": true}}`, "routes[0].fallback: map[late:true]", "routes[0].fallback: map[late:true]", "routes[0].fallback: map[late:true]"},
		"parameters and words":   {`{"sessionParameters": {"a": null}, "text": {"en": "a"}}`, "routes[0].fallback: a map[a:<nil>]", "routes[0].fallback: a map[a:<nil>]", service},
		"parameters and a page":  {`{"sessionParameters": {"a": 1}, "targetPage": "pages/a"}`, service, "routes[0].fallback: page=pages/a map[a:1]", "routes[0].fallback: page=pages/a map[a:1]"},
		"a status":               {`{"status": "ABORTED"}`, "routes[0].fallback: status Aborted", "routes[0].fallback: status Aborted", "routes[0].fallback: status Aborted"},
		"the failure's own":      {`{"status": "OWN"}`, "routes[0].fallback: status OK", "routes[0].fallback: status OK", "routes[0].fallback: status OK"},
		"only another cause's":   {`{"causes": {"timeout": {"text": {"en": "a"}}}}`, service, service, service},
		"the cause's, elsewhere": {`{"causes": {"internal": {"event": "a"}}, "text": {"default": "b"}}`, "routes[0].fallback.causes.internal: event=a", "routes[0].fallback: b", "routes[0].fallback: b"},
	} {
		t.Run(name, func(t *testing.T) {
			compiled := set(t, `{
				"webhooks": [{"path": "/es", "platform": "ES"}, {"path": "/cx", "platform": "CX"}],
				"services": [{"name": "orders", "fallback": {"text": {"default": "service"}}}],
				"routes": [{"service": "orders", "fallback": `+test.route+`}]
			}`)
			for turn, want := range map[*dialogflow.Turn]string{
				{Platform: dialogflow.ES, Language: "en"}: test.es,
				{Platform: dialogflow.CX, Language: "en"}: test.cx,
				{Platform: dialogflow.CX, Language: "fr"}: test.french,
			} {
				if got := tell(compiled.Find(turn, fallback.Place{Service: "orders"}, fallback.Internal)); got != want {
					t.Errorf("%s in %q: got %q, want %q", turn.Platform, turn.Language, got, want)
				}
			}
		})
	}
}

func TestNothing(t *testing.T) {
	var none *fallback.Set
	if got := tell(none.Find(&dialogflow.Turn{Platform: dialogflow.ES}, fallback.Place{}, fallback.Timeout)); got != "" {
		t.Errorf("nothing says %q", got)
	}
	if got := tell(set(t, `{}`).Find(&dialogflow.Turn{Platform: dialogflow.ES}, fallback.Place{}, fallback.Timeout)); got != "" {
		t.Errorf("an empty configuration says %q", got)
	}
}

// TestCauseOf has every code there is, and one that there is not.
func TestCauseOf(t *testing.T) {
	want := map[codes.Code]string{
		codes.DeadlineExceeded: "timeout", codes.Canceled: "timeout", codes.Unavailable: "unavailable", codes.ResourceExhausted: "overloaded",
		codes.InvalidArgument: "invalid", codes.OutOfRange: "invalid",
		codes.NotFound: "refused", codes.AlreadyExists: "refused", codes.PermissionDenied: "refused", codes.Unauthenticated: "refused",
		codes.FailedPrecondition: "refused", codes.Aborted: "refused",
		codes.Unknown: "internal", codes.Internal: "internal", codes.DataLoss: "internal", codes.Unimplemented: "internal",
	}
	for code := codes.Canceled; code <= codes.Unauthenticated+1; code++ {
		if got := fallback.CauseOf(code).String(); got != want[code] && (got != "internal" || code <= codes.Unauthenticated) {
			t.Errorf("%s: got %s, want %s", code, got, want[code])
		}
	}
	for i, cause := range fallback.Causes() {
		if int(cause) != i || cause.String() == "" {
			t.Errorf("cause %d is %d, %s", i, cause, cause)
		}
	}
}
