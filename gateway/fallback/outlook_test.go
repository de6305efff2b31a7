package fallback_test

import (
	"slices"
	"testing"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/fallback"
	"github.com/intentgate/intentgate/gateway/router"
)

func TestLook(t *testing.T) {
	compiled := set(t, `{
		"webhooks": [{"path": "/es", "platform": "ES", "fallback": {"text": {"default": "webhook"}}}],
		"services": [{"name": "orders"}],
		"routes": [{"service": "orders", "fallback": {"text": {"pt-BR": "route"}}}, {"service": "orders", "fallback": {"event": "route"}}],
		"fallbacks": [
			{"match": {"intent": "order.*", "language": "de"}, "fallback": {"text": {"de": "orders"}}},
			{"match": {"intent": "order.track", "environment": "-"}, "fallback": {"text": {"en": "draft"}}},
			{"match": {"intent": "stock"}, "fallback": {"text": {"en": "stock"}}}
		]
	}`)
	for name, test := range map[string]struct {
		match  router.Match
		route  int
		want   map[string]string // by language, to time-outs
		partly []string
	}{
		"a pattern within": {
			router.Match{Intent: "order.t*"},
			fallback.NoRoute,
			map[string]string{
				"de": "fallbacks[0].fallback: orders", "en": "webhooks[0].fallback: webhook", "pt-BR": "webhooks[0].fallback: webhook", "": "webhooks[0].fallback: webhook",
			},
			[]string{"fallbacks[1] (environment=- intent=order.track)"},
		},
		"a pattern that is larger": {
			router.Match{Intent: "o*"},
			0,
			map[string]string{
				"de": "webhooks[0].fallback: webhook", "en": "webhooks[0].fallback: webhook", "pt-BR": "routes[0].fallback: route", "": "webhooks[0].fallback: webhook",
			},
			[]string{"fallbacks[0] (intent=order.*)", "fallbacks[1] (environment=- intent=order.track)"},
		},
		"an environment": {
			router.Match{Intent: "order.track", Environment: "-", Language: "en"},
			fallback.NoRoute,
			map[string]string{"en": "fallbacks[1].fallback: draft"},
			nil,
		},
		"the route has all": {
			router.Match{},
			1,
			map[string]string{"de": "routes[1].fallback: event=route", "en": "routes[1].fallback: event=route", "pt-BR": "routes[1].fallback: event=route", "": "routes[1].fallback: event=route"},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			all, partly := compiled.Look(dialogflow.ES, test.match, fallback.Place{Webhook: "/es", Service: "orders", Route: test.route})
			if len(all) != len(test.want)*len(fallback.Causes()) {
				t.Errorf("%d outlooks, want %d of each cause", len(all), len(test.want))
			}
			for _, o := range all {
				if got := tell(o.Answer, o.Answer.At != ""); got != test.want[o.Language] {
					t.Errorf("%s in %q: got %q, want %q", o.Cause, o.Language, got, test.want[o.Language])
				}
			}
			if !slices.Equal(partly, test.partly) {
				t.Errorf("partly %q, want %q", partly, test.partly)
			}
		})
	}
}
