package config

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/intentgate/intentgate/gateway/backend"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/router"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// builtIn is the name of the trust profile that needs no rules of the user's.
const builtIn = "dialogflow"

// longestES is Dialogflow ES's own limit; it cannot be configured there.
const longestES = 5 * time.Second

// checks adds what no single field's rule can say. Defaults are filled in.
func (r *report) checks(config *gatewayv1.Config) {
	r.listeners(config)
	r.front(config)
	r.idTokenKeys(config.GetIdTokenKeys())
	r.limits()
	for i, profile := range config.GetEdge().GetClients() {
		r.profile(fmt.Sprintf("edge.clients[%d]", i), profile)
	}
	unique(r, config.GetEdge().GetClients(), "edge.clients[%d].name", (*gatewayv1.Profile).GetName)
	names := map[string]string{}
	for i, webhook := range config.GetWebhooks() {
		at := fmt.Sprintf("webhooks[%d]", i)
		r.webhook(at, webhook, config)
		for j, credential := range webhook.GetCredentials() {
			r.once(names, credential.GetName(), fmt.Sprintf(credentialAt+".name", i, j))
		}
	}
	unique(r, config.GetWebhooks(), "webhooks[%d].path", (*gatewayv1.Webhook).GetPath)
	for i, service := range config.GetServices() {
		r.target(fmt.Sprintf("services[%d]", i), service)
		if tls := service.GetTls(); tls != nil {
			r.serviceTLS(fmt.Sprintf("services[%d].tls", i), tls)
		}
		r.bounds(fmt.Sprintf("services[%d]", i), service)
		r.intents(fmt.Sprintf("services[%d].intents", i), service.GetIntents())
	}
	unique(r, config.GetServices(), "services[%d].name", (*gatewayv1.Service).GetName)
	r.otlp("telemetry.traces.otlp", config.GetTelemetry().GetTraces().GetOtlp())
	r.routes(config)
	r.fallbacks(config)
}

// bounds checks how a service is called.
func (r *report) bounds(at string, service *gatewayv1.Service) {
	for _, name := range []string{"retries.tries", "concurrency.min", "concurrency.max"} {
		if at := at + "." + name; r.has(at) && strings.Trim(r.locate(at).Value, "0") == "" {
			r.field(at, "0; want at least 1, remove the key for the default")
		}
	}
	if c := service.GetConcurrency(); c.GetMin() > c.GetMax() {
		r.field(at+".concurrency", "min is %d, max %d; want a min that is not above max", c.GetMin(), c.GetMax())
	}
}

// target checks a service's target and fills in the name that is expected there.
func (r *report) target(at string, service *gatewayv1.Service) {
	if service.GetTarget() == "" {
		return // which is told
	}
	if strings.HasPrefix(service.GetTarget(), "xds:") && !r.alone {
		if err := backend.CheckBootstrap(); err != nil {
			r.field(at+".target", "%s", err.Error())
			return
		}
	}
	host, err := backend.ServerName(service.GetTarget())
	if err != nil {
		r.field(at+".target", "%s", err.Error())
		return
	}
	if tls := service.GetTls(); tls != nil && tls.GetSpiffe() == nil {
		if fill(&tls.ServerName, host); tls.GetServerName() == "" {
			r.field(at+".tls.server_name",
				"missing, and the target %s names no host; give the DNS name in the service's certificate", quote(service.GetTarget()))
		}
	}
}

// limits adds limits that are written as 0: it would read like "none" and mean the default.
func (r *report) limits() {
	for _, name := range []string{"header_bytes", "body_bytes", "handshakes", "connections", "turns", "held_bytes"} {
		at := "edge.limits." + name
		if r.has(at) && strings.Trim(r.locate(at).Value, "0") == "" {
			r.field(at, "0; there is always a limit, remove the key for the default")
		}
	}
}

// webhook checks a webhook against its platform and the trust profiles.
func (r *report) webhook(at string, webhook *gatewayv1.Webhook, config *gatewayv1.Config) {
	if path.Clean(webhook.GetPath()) != strings.TrimSuffix(webhook.GetPath(), "/") {
		r.field(at+".path", "%s has a . or .. that clients resolve before they call; write the path without", quote(webhook.GetPath()))
	}
	for i, name := range webhook.GetProfiles() {
		profiles := config.GetEdge().GetClients()
		if !slices.ContainsFunc(profiles, func(p *gatewayv1.Profile) bool { return p.GetName() == name }) {
			r.dangling(fmt.Sprintf("%s.profiles[%d]", at, i), "edge.clients", name, collect(profiles, (*gatewayv1.Profile).GetName))
		}
	}
	platform, api := webhook.GetPlatform(), webhook.GetApi()
	if platform != "" && (api == "V3") != (platform == "CX") {
		r.field(at+".api", "%s on %s; want %s", api, platform, wants["webhooks[].api"])
	}
	timeout, reserve := webhook.GetTimeout().AsDuration(), webhook.GetReserve().AsDuration()
	if platform == "ES" && timeout > longestES {
		r.field(at+".timeout", "%s, but ES waits 5s and cannot be configured; want at most 5s", timeout)
	}
	if reserve >= timeout {
		r.field(at+".reserve", "%s leaves nothing of the timeout, %s; want less than that", reserve, timeout)
	}
	if webhook.GetReopenParameters() && platform == "CX" {
		r.field(at+".reopen_parameters", "it is of ES only, CX asks again for what is invalid by itself; remove it")
	}
	r.timeZone(at+".time_zone", webhook.GetTimeZone())
	r.idToken(at, webhook, config)
	r.credentials(at, webhook)
	unique(r, webhook.GetProjects(), at+".projects[%d].id", (*gatewayv1.Project).GetId)
	unique(r, webhook.GetProjects(), at+".projects[%d].number", (*gatewayv1.Project).GetNumber)
}

// idToken checks that a webhook either verifies tokens, or says in so many words that it does not.
func (r *report) idToken(at string, webhook *gatewayv1.Webhook, config *gatewayv1.Config) {
	token := webhook.GetIdToken()
	at += ".id_token"
	switch {
	case token == nil:
		r.field(at, "missing, and without it any customer of Google's could let an agent call; want {audiences: [the webhook's URL]}, "+
			"or {mode: off} where credentials are wanted instead")
	case token.GetMode() == "off":
		for _, key := range []string{"audiences", "skew", "max_age"} {
			if r.has(at + "." + key) {
				r.field(at+"."+key, "tokens are off; remove it, or the mode")
			}
		}
		secrets := len(webhook.GetCredentials()) > 0
		if !token.GetAllowAnyProject() && !secrets && r.anyProject(webhook, config) {
			r.field(at+".mode", "off, with a profile that names no agent, lets any customer of Google's call; "+
				"verify tokens, or give credentials, or add allow_any_project: true")
		}
		if token.GetAllowAnyProject() && secrets {
			r.field(at+".allow_any_project", "credentials are wanted instead of tokens; remove it")
		}
	default:
		if token.GetAllowAnyProject() {
			r.field(at+".allow_any_project", "tokens are verified; remove it")
		}
		if len(token.GetAudiences()) == 0 {
			r.field(at+".audiences", "missing; want the webhook's URL exactly as it stands in the agent")
		}
		if len(webhook.GetProjects()) == 0 {
			r.field(strings.TrimSuffix(at, ".id_token")+".projects", "missing, and tokens prove projects; want the projects whose agents may call")
		}
	}
}

// anyProject says whether a profile of the webhook's accepts certificates that stand for no agent in particular.
func (r *report) anyProject(webhook *gatewayv1.Webhook, config *gatewayv1.Config) bool {
	return slices.ContainsFunc(config.GetEdge().GetClients(), func(p *gatewayv1.Profile) bool {
		return slices.Contains(webhook.GetProfiles(), p.GetName()) && len(p.GetAgents()) == 0
	})
}

// idTokenKeys checks that there is one source of keys.
func (r *report) idTokenKeys(keys *gatewayv1.IdTokenKeys) {
	switch source, _ := url.Parse(keys.GetUrl()); {
	case keys == nil:
	case source != nil && source.User != nil:
		r.field("id_token_keys.url", "there is a user's name or password in it; want one without, the keys are public")
	case (keys.GetUrl() == "") == (keys.GetFile() == ""):
		r.field("id_token_keys", "one of url and file is wanted; without the key they come from Google")
	case keys.GetUrl() != "" && !strings.HasPrefix(keys.GetUrl(), "https://"):
		r.field("id_token_keys.url", "%s; want https://…, since whoever changes the keys is whoever they like", quote(keys.GetUrl()))
	case keys.GetUrl() == "" && keys.GetCa() != "":
		r.field("id_token_keys.ca", "there is no url; remove it")
	}
}

// routes checks that each route leads to a service and that there are turns which it can get.
func (r *report) routes(config *gatewayv1.Config) {
	typed := func(s *gatewayv1.Service) bool { return s.GetIntents() != nil }
	if len(config.GetRoutes()) == 0 && len(config.GetServices()) > 0 && !slices.ContainsFunc(config.GetServices(), typed) {
		r.field("routes", "missing, and no service has intents; want at least one, such as {service: %s} for all turns", config.GetServices()[0].GetName())
	}
	for i, route := range config.GetRoutes() {
		name, services := route.GetService(), config.GetServices()
		if !slices.ContainsFunc(services, func(s *gatewayv1.Service) bool { return s.GetName() == name }) {
			r.dangling(fmt.Sprintf("routes[%d].service", i), "services", name, collect(services, (*gatewayv1.Service).GetName))
		}
		if route.GetAfterSlotFilling() && !matchOf(route.GetMatch()).Takes(dialogflow.ES) {
			r.field(fmt.Sprintf("routes[%d].after_slot_filling", i), "only ES fills slots before it calls, and here are turns of CX only; remove it")
		}
		if route.GetContinueFor() != nil && !matchOf(route.GetMatch()).Takes(dialogflow.ES) {
			r.field(fmt.Sprintf("routes[%d].continue_for", i), "only ES is answered with follow-up events, and here are turns of CX only; remove it")
		}
	}
	_, err := router.New(Routes(config))
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, problem := range joined.Unwrap() {
			var route *router.RouteError
			if errors.As(problem, &route) && config.GetRoutes()[route.Route].GetService() != "" {
				r.field(fmt.Sprintf("routes[%d]", route.Route), "%s", route.Problem)
			}
		}
	}
}

// dangling adds a name that nothing bears, unless one of those that could has none that can be read.
func (r *report) dangling(at, among, name string, names []string) {
	if name == "" || len(names) == 0 || slices.Contains(names, "") {
		return
	}
	hint := ""
	if meant := Nearest(name, names); meant != "" {
		hint = fmt.Sprintf("; did you mean %s?", meant)
	}
	const most = 20
	if len(names) > most {
		names = append(names[:most:most], "…")
	}
	r.field(at, "%s is not among %s%s; there are: %s", quote(name), among, hint, strings.Join(names, ", "))
}

// collect returns one member of each element.
func collect[T any](elements []*T, member func(*T) string) []string {
	all := make([]string, len(elements))
	for i, element := range elements {
		all[i] = member(element)
	}
	return all
}

// unique adds each element of a list whose member an earlier one has, too.
func unique[T any, K comparable](r *report, elements []*T, at string, member func(*T) K) {
	var zero K
	first := map[string]string{}
	for i, element := range elements {
		if value := member(element); value != zero { // which is told
			r.once(first, fmt.Sprint(value), fmt.Sprintf(at, i))
		}
	}
}

// once adds a field whose value an earlier one has, too; first holds the paths of those by their values.
func (r *report) once(first map[string]string, value, at string) {
	if value == "" {
		return // missing, which is told
	}
	if earlier, ok := first[value]; ok {
		r.field(at, "%s is given already, in line %d; each once", quote(value), r.locate(earlier).Line)
		return
	}
	first[value] = at
}
