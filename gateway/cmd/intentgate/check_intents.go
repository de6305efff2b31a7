package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/config"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/doctor"
	"github.com/intentgate/intentgate/gateway/intents"
	"github.com/intentgate/intentgate/gateway/intents/contract"
	"github.com/intentgate/intentgate/gateway/process"
	"github.com/intentgate/intentgate/gateway/router"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// intents judges what services claim, and whether something answers each webhook.
func (e *checkup) intents(ctx context.Context) doctor.Report {
	var report doctor.Report
	var claimants []intents.Service
	var claimed []contract.Service // with what they may claim where nobody knows more
	for _, service := range e.settings.GetServices() {
		switch {
		case service.GetIntents() == nil:
		case e.offline && service.GetIntents().GetReflection() != nil:
			report = append(report, doctor.Report{doctor.Skip("descriptors", service.GetTarget()+" is not asked")}.About("service "+service.GetName())...)
			allow := service.GetIntents().GetAllow()
			claimed = append(claimed, allowed(service.GetName(), allow.GetIntents(), allow.GetActions(), allow.GetTags()))
		default:
			claimants = append(claimants, process.Claimant(service, describing(e.settings)))
		}
	}
	known, err := contracts(ctx, claimants, process.Views(e.settings))
	routes, wrong := router.New(config.Routes(e.settings))
	if err = errors.Join(err, wrong); err != nil { // the loader would have told
		return append(report, doctor.Fail("descriptors", err.Error(), "claims and routes", "correct the configuration"))
	}
	shadowed(routes, known)
	for i, service := range known {
		report = append(report, claims(&service).About("service "+service.Service)...)
		if allow := claimants[i].Allow; service.Error != "" { // that is told
			service = allowed(service.Service, allow.Intents, allow.Actions, allow.Tags)
		}
		claimed = append(claimed, service)
	}
	report = append(report, e.continuations(known)...)
	answered := map[dialogflow.Platform]bool{}
	for _, service := range claimed {
		for _, m := range service.Methods {
			answered[dialogflow.ES] = answered[dialogflow.ES] || len(m.Intents)+len(m.Actions) > 0
			answered[dialogflow.CX] = answered[dialogflow.CX] || len(m.Tags) > 0
		}
	}
	if e.hearings, err = hearings(e.settings, claimed); err != nil {
		return append(report, doctor.Fail("fallback", err.Error(), "fallbacks", "correct the configuration"))
	}
	for _, webhook := range e.settings.GetWebhooks() {
		report = append(report, answerable(webhook, routes, answered))
		report = append(report, tellHearings(slices.DeleteFunc(slices.Clone(e.hearings), func(h hearing) bool { return h.Webhook != webhook.GetPath() })).About("webhook "+webhook.GetPath())...)
	}
	return report
}

// continuations tells which event the agents have to know, for each method and route whose answer may be fetched by it.
func (e *checkup) continuations(known []contract.Service) (report doctor.Report) {
	var turn time.Duration // the shortest of ES
	for _, webhook := range e.settings.GetWebhooks() {
		if time := webhook.GetTimeout().AsDuration() - webhook.GetReserve().AsDuration(); config.Platform(webhook.GetPlatform()) == dialogflow.ES && (turn == 0 || time < turn) {
			turn = time
		}
	}
	tell := func(about, what string, limit time.Duration) {
		if limit == 0 || turn == 0 {
			return
		}
		finding := doctor.Pass("continuation", "%s may take %s: an intent of each ES agent has to listen to the event %s, with its webhook call enabled", what, limit, binding.ContinueEvent)
		if follows := 3 * turn; limit > follows {
			finding = doctor.Warn("continuation", finding.Saw, fmt.Sprintf("at most %s, since Dialogflow documents three intents in a row as the most that it matches by events", follows),
				"shorten continue_for, so that the fallback is heard, unless your agent is known to go on for longer")
		}
		finding.About = about
		report = append(report, finding)
	}
	for _, service := range known {
		for _, m := range service.Methods {
			tell("service "+service.Service, m.Method, time.Duration(m.ContinueFor*float64(time.Second)))
		}
	}
	for i, route := range e.settings.GetRoutes() {
		tell("service "+route.GetService(), fmt.Sprintf("routes[%d]", i), route.GetContinueFor().AsDuration())
	}
	return report
}

// allowed stands for a service of which only that is known what it may claim.
func allowed(service string, intents, actions, tags []string) contract.Service {
	return contract.Service{Service: service, Methods: []contract.Method{{Intents: intents, Actions: actions, Tags: tags}}}
}

// claims judges what a service claims.
func claims(service *contract.Service) (report doctor.Report) {
	if service.Error != "" {
		return doctor.Report{doctor.Fail("descriptors", service.Error, "descriptors of the service's methods", "correct services.intents, or what it names")}
	}
	names := 0
	for _, m := range service.Methods {
		names += len(m.Intents) + len(m.Actions) + len(m.Tags)
		for _, warning := range m.Warnings {
			report = append(report, doctor.Warn("claims", m.Method+": "+warning, "", "change the annotation or the route, unless it is meant so"))
		}
	}
	pass := doctor.Pass("descriptors", "%d methods answer %d intents, actions and tags, by %s", len(service.Methods), names, service.Source)
	if len(service.Methods) == 0 {
		pass = doctor.Warn("descriptors", "no method answers an intent, by "+service.Source, "at least one", "annotate methods, or remove services.intents")
	}
	report = slices.Insert(report, 0, pass)
	for _, problem := range service.Problems {
		finding := doctor.Warn("claims", problem.Element+" "+problem.Problem, "a claim that is served", "see there, unless it is meant so")
		if problem.Kind == intents.Broken {
			finding = doctor.Fail("methods", problem.Element+": "+problem.Problem, "a method that can be bound", "see there")
		}
		report = append(report, finding)
	}
	return report
}

// answerable judges whether any turn of a webhook is answered.
func answerable(webhook *gatewayv1.Webhook, routes *router.Router, claimed map[dialogflow.Platform]bool) doctor.Finding {
	platform := config.Platform(webhook.GetPlatform())
	finding := doctor.Pass("answered", "turns of %s are, by routes or claims", platform)
	if !claimed[platform] && !slices.ContainsFunc(routes.Routes(), func(r router.Route) bool { return r.Takes(platform) }) {
		finding = doctor.Fail("answered", fmt.Sprintf("no route takes a turn of %s, and no method claims one", platform), "something that answers",
			"add a route for the platform, or a tag, intent or action to a method")
	}
	finding.About = "webhook " + webhook.GetPath()
	return finding
}
