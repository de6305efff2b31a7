package config

import (
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/router"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// Routes returns the routes as the router takes them, in their order.
func Routes(config *gatewayv1.Config) []router.Route {
	routes := make([]router.Route, 0, len(config.GetRoutes()))
	for _, route := range config.GetRoutes() {
		match := route.GetMatch()
		routes = append(routes, router.Route{
			Match: router.Match{
				Platform: Platform(match.GetPlatform()), Project: match.GetProject(), Agent: match.GetAgent(),
				Environment: match.GetEnvironment(), Language: match.GetLanguage(),
				Intent: match.GetIntent(), Action: match.GetAction(), Tag: match.GetTag(),
			},
			Service:          route.GetService(),
			WebhookJSON:      route.GetWebhookJson(),
			AfterSlotFilling: route.GetAfterSlotFilling(),
		})
	}
	return routes
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
