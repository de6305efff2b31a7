package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/intentgate/intentgate/gateway/admin"
	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/config"
	"github.com/intentgate/intentgate/gateway/intents"
	"github.com/intentgate/intentgate/gateway/words"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// intents begins to learn what services claim: from files now, and from the services themselves once the gateway runs.
func (a *assembly) intents(ctx context.Context) error {
	settings := intents.Config{Views: views(a.settings), Logger: a.logger, Now: a.now}
	for _, service := range a.settings.GetServices() {
		if service.GetIntents() != nil {
			settings.Services = append(settings.Services, claimant(service, a.describe))
		}
	}
	if len(settings.Services) == 0 {
		return nil
	}
	var err error
	if a.catalog, err = intents.New(settings); err != nil {
		return err
	}
	problems := []error{a.telemetry.ObserveIntents(a.catalog.Report)}
	for _, service := range a.settings.GetServices() {
		name, setting := service.GetName(), service.GetIntents()
		switch {
		case setting.GetDescriptorSet() != "":
			_, err := a.catalog.Load(ctx, name)
			problems = append(problems, err)
			a.watch("services."+name+".intents", []string{setting.GetDescriptorSet()}, func() (bool, error) { //nolint:contextcheck // read again as long as the gateway runs
				return a.catalog.Load(context.Background(), name) // a file
			})
		case setting.GetReflection() != nil:
			every := setting.GetReflection().GetRefresh().AsDuration()
			a.beside = append(a.beside, func(ctx context.Context) error { return a.catalog.Follow(ctx, name, every) })
		}
	}
	return errors.Join(problems...)
}

// connected returns what is to be done after each connection to a service: it may be a new build that claims other intents.
func (a *assembly) connected(service string) func() {
	if a.catalog == nil {
		return nil
	}
	return func() { a.catalog.Refresh(service) }
}

// learnt returns what operators see of a service's intents; nil: it may have none.
func (a *assembly) learnt(service *gatewayv1.Service) func() intents.Report {
	if service.GetIntents() == nil {
		return nil
	}
	return func() intents.Report {
		report, _ := a.catalog.ReportOf(service.GetName())
		return report
	}
}

// claimed lists the claims of services; those that several webhooks serve once.
func (a *assembly) claimed() (routes []admin.Route) {
	if a.catalog == nil {
		return nil
	}
	for _, claim := range a.catalog.Claims() {
		route := admin.Route{Match: claim.String(), Service: claim.Method.Service, Method: claim.Method.Method.Name, Claimed: true}
		if !slices.Contains(routes, route) {
			routes = append(routes, route)
		}
	}
	return routes
}

// describe asks a service of this gateway what it serves.
func (a *assembly) describe(ctx context.Context, service string) ([]byte, error) {
	return a.describers[service](ctx)
}

// views returns what the plans of methods depend on, of all webhooks.
func views(settings *gatewayv1.Config) []intents.View {
	var all []intents.View
	for _, webhook := range settings.GetWebhooks() {
		all = append(all, intents.View{Platform: config.Platform(webhook.GetPlatform()), TimeZone: webhook.GetTimeZone()})
	}
	return all
}

// claimant returns what the catalog needs of a service. A service that is to be asked itself is asked by describe.
func claimant(service *gatewayv1.Service, describe func(ctx context.Context, service string) ([]byte, error)) intents.Service {
	setting, allow := service.GetIntents(), service.GetIntents().GetAllow()
	claims := intents.Service{
		Name: service.GetName(),
		Allow: intents.Allow{
			Intents: allow.GetIntents(), Actions: allow.GetActions(), Tags: allow.GetTags(),
			Services: allow.GetServices(), Agents: allow.GetAgents(), Environments: allow.GetEnvironments(),
		},
		Bindings:  map[string]*binding.Annotations{},
		Reprompts: map[protoreflect.FullName]*words.Texts{},
	}
	if claims.Source = setting.GetDescriptorSet(); claims.Source != "" {
		claims.Load = func(context.Context) ([]byte, error) { return readDescriptors(claims.Source) }
	} else {
		claims.Source = service.GetTarget()
		claims.Load = func(ctx context.Context) ([]byte, error) { return describe(ctx, service.GetName()) }
	}
	for _, reprompt := range setting.GetReprompts() {
		claims.Reprompts[protoreflect.FullName(reprompt.GetField())], _ = words.New(reprompt.GetText()) // checked with the configuration
	}
	for _, method := range setting.GetMethods() {
		annotations := &binding.Annotations{
			Intent: &intentgatev1.IntentOptions{
				DisplayName: method.GetIntents(), Action: method.GetActions(), Tag: method.GetTags(), SlotFilling: method.GetSlotFilling(),
			},
			Fields: map[string]*intentgatev1.ParameterOptions{},
		}
		for _, field := range method.GetFields() {
			annotations.Fields[field.GetField()] = field.GetOptions()
		}
		claims.Bindings[method.GetMethod()] = annotations
	}
	return claims
}

// readDescriptors reads a descriptor set, unless it is larger than any that is used.
func readDescriptors(path string) (_ []byte, err error) {
	file, err := os.Open(path) //nolint:gosec // the operator names it
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	set, err := io.ReadAll(io.LimitReader(file, intents.MaxDescriptors+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return set, nil
}
