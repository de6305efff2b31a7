package config

import (
	"errors"
	"strconv"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/fallback"
	"github.com/intentgate/intentgate/gateway/router"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// Routes returns the routes as the router takes them, in their order.
func Routes(config *gatewayv1.Config) []router.Route {
	routes := make([]router.Route, 0, len(config.GetRoutes()))
	for _, route := range config.GetRoutes() {
		routes = append(routes, router.Route{
			Match: matchOf(route.GetMatch()), Service: route.GetService(),
			WebhookJSON: route.GetWebhookJson(), AfterSlotFilling: route.GetAfterSlotFilling(), ContinueFor: route.GetContinueFor().AsDuration(),
		})
	}
	return routes
}

// matchOf returns which turns are meant, as the router takes it.
func matchOf(match *gatewayv1.Match) router.Match {
	return router.Match{
		Platform: Platform(match.GetPlatform()), Project: match.GetProject(), Agent: match.GetAgent(),
		Environment: match.GetEnvironment(), Language: match.GetLanguage(),
		Intent: match.GetIntent(), Action: match.GetAction(), Tag: match.GetTag(),
	}
}

// Fallbacks returns what is answered where a turn has no answer of a service's. Its error joins a *fallback.Problem for each mistake.
func Fallbacks(config *gatewayv1.Config) (*fallback.Set, error) { return fallback.New(config, matchOf) }

// fallbacks checks that each fallback says something that can be heard.
func (r *report) fallbacks(config *gatewayv1.Config) {
	_, err := Fallbacks(config)
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			if problem, ok := errors.AsType[*fallback.Problem](one); ok && !r.brokenBelow(problem.Path) {
				r.field(problem.Path, "%s", problem.Text)
			}
		}
	}
}

// texts checks a text by language.
func (r *report) texts(at string, byLanguage map[string]string) {
	for name, text := range byLanguage {
		if err := fallback.CheckText(name, text); err != nil {
			r.field(at+"["+strconv.Quote(name)+"]", "%s", err.Error())
		}
	}
}

// Platform returns the platform of a word of the configuration; 0 for none.
func Platform(word string) dialogflow.Platform {
	for _, platform := range []dialogflow.Platform{dialogflow.ES, dialogflow.CX} {
		if platform.String() == word {
			return platform
		}
	}
	return 0
}

// API returns the version of the API of a word of the configuration; 0 for none.
func API(word string) dialogflow.API {
	for _, api := range []dialogflow.API{dialogflow.V2, dialogflow.V2Beta1, dialogflow.V3} {
		if api.String() == word {
			return api
		}
	}
	return 0
}
