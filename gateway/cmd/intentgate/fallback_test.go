package main

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// fallbacks are words for most of what can happen, at each level; both webhooks give the service half a second.
var fallbacks = []edit{
	{"platform: ES\n", "platform: ES\n    timeout: 5s\n    reserve: 4500ms\n"},
	{"platform: CX\n", "platform: CX\n    timeout: 5s\n    reserve: 4500ms\n    fallback: {causes: {internal: {text: {en: webhook}}}}\n"},
	{"required: true\n", "required: true\n    fallback: {causes: {timeout: {text: {en: service}}, overloaded: {event: busy, target_flow: flows/busy}}}\n"},
	{
		"routes:\n  - service: shop-orders\n",
		`routes:
  - {service: shop-orders, fallback: {causes: {refused: {text: {de: nein}}, unavailable: {status: PERMISSION_DENIED}}}}
fallbacks:
  - {match: {language: en}, fallback: {causes: {refused: {text: {en: turns}}}}}
fallback: {text: {default: global}}
`,
	},
}

// TestFallbacks has the service be late, down, overloaded, unwilling and broken: Dialogflow gets an answer in its own time.
func TestFallbacks(t *testing.T) {
	t.Parallel()
	g := start(t, fallbacks...)
	client := g.dialogflow(t)
	returns := func(code codes.Code) answerer {
		return func(context.Context, *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
			return nil, status.Error(code, private)
		}
	}
	const busy = `{"targetFlow":"projects/shop/locations/global/agents/a-1/flows/busy"}`
	for name, test := range map[string]struct {
		answer answerer
		es, cx string // a body, or one text
		cause  string // the log's code
	}{
		"late": {
			func(ctx context.Context, _ *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			},
			"service", "service", "DeadlineExceeded",
		},
		"overloaded": {returns(codes.ResourceExhausted), `{"followupEventInput":{"name":"busy","languageCode":"en"}}`, busy, "ResourceExhausted"},
		"unwilling":  {returns(codes.AlreadyExists), "turns", "turns", "AlreadyExists"},
		"panics": {
			func(context.Context, *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
				panic(private)
			},
			"global", "webhook", "Internal",
		},
		"talkative": {
			func(context.Context, *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
				return says(strings.Repeat("shop_rw ", 9000)), nil
			},
			"global", "webhook", "Internal",
		},
		"invalid": {returns(codes.OutOfRange), "global", "", "OutOfRange"},
	} {
		t.Run(name, func(t *testing.T) {
			g.service.answers(test.answer)
			for path, want := range map[string]string{esPath: test.es, cxPath: test.cx} {
				turn := map[string]string{esPath: esTurn(name), cxPath: cxTurn(name)}[path]
				clock, cancel := context.WithTimeout(t.Context(), patience)
				got := ask(t, client, g.request(clock, t, path, turn))
				cancel()
				switch {
				case want == "": // nobody has words
					if got.StatusCode != http.StatusBadRequest {
						t.Errorf("%s: status %d", path, got.StatusCode)
					}
				case want[0] == '{':
					if got.StatusCode != http.StatusOK || got.body != want {
						t.Errorf("%s: status %d, %s, want %s", path, got.StatusCode, got.body, want)
					}
				case path == esPath:
					wantES(t, got, want)
				default:
					wantCX(t, got, want)
				}
				if leaks(got) {
					t.Errorf("%s: the answer is %v %q", path, got.Header, got.body)
				}
			}
			g.log.await(t, 2, entry{"msg": "Turn", "turn_id": name, "code": test.cause, "outcome": "failed"})
		})
	}
	// The words of the service itself come first.
	g.service.answers(nil)
	wantES(t, g.post(t, client, esPath, esTurn("well")), "heard well")
}

// TestFallbackOfServiceThatIsDown has nobody listen, and a status on purpose for that.
func TestFallbackOfServiceThatIsDown(t *testing.T) {
	t.Parallel()
	g := serveFolder(t, folder(t, append(fallbacks,
		typedSettings("unborn", "127.0.0.1:1", `reflection: {}, allow: {intents: [welcome]}`))...))
	client := g.dialogflow(t)
	// The service that may claim the turn has never told: it is not the route's.
	wantES(t, g.post(t, client, esPath, esTurn("not learnt")), "global")
	g.log.await(t, 1, entry{"msg": "Turn", "turn_id": "not learnt", "reason": "not_learnt", "answer": "fallback", "http_status": 200.0, "fallback": "fallback"})
	// While the agent asks for parameters, it needs nobody.
	filling := strings.Replace(esTurn("filling"), `"queryResult":{`, `"queryResult":{"parameters":{"order_id":""},`, 1)
	if got := g.post(t, client, esPath, filling); got.body != "{}" {
		t.Errorf("status %d: %s, want the agent's own prompt", got.StatusCode, got.body)
	}
	g.log.await(t, 1, entry{"msg": "Turn", "turn_id": "filling", "answer": "slots"})
	if got := g.post(t, client, cxPath, cxTurn("down")); got.StatusCode != http.StatusForbidden {
		t.Errorf("status %d: %s", got.StatusCode, got.body)
	}
	g.log.await(t, 1, entry{"msg": "Turn", "turn_id": "down", "reason": "unavailable", "http_status": 403.0, "fallback": "routes[0].fallback.causes.unavailable"})
	if got := g.post(t, client, esPath, "{}"); got.StatusCode != http.StatusBadRequest {
		t.Errorf("what is no turn has the answer %d %s", got.StatusCode, got.body)
	}
}
