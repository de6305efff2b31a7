package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/config"
	"github.com/intentgate/intentgate/gateway/intents"
	"github.com/intentgate/intentgate/gateway/words"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// intents begins to learn what services claim: from files now, and from the services themselves once the gateway runs.
func (g *generation) intents(ctx context.Context) error {
	settings := intents.Config{Views: Views(g.settings), Logger: g.logger, Now: g.now}
	for _, service := range g.settings.GetServices() {
		if service.GetIntents() != nil {
			claims := Claimant(service, g.describe)
			claims.Known = g.described(service)
			settings.Services = append(settings.Services, claims)
		}
	}
	if len(settings.Services) == 0 {
		return nil
	}
	var err error
	if g.catalog, err = intents.New(settings); err != nil {
		return err
	}
	var problems []error
	for _, service := range g.settings.GetServices() {
		name, setting := service.GetName(), service.GetIntents()
		switch {
		case setting.GetDescriptorSet() != "":
			_, err := g.catalog.Load(ctx, name)
			problems = append(problems, err)
			g.watch("services."+name+".intents", []string{setting.GetDescriptorSet()}, func() (bool, error) { //nolint:contextcheck // read again as long as the gateway runs
				return g.catalog.Load(context.Background(), name) // a file
			})
		case setting.GetReflection() != nil:
			every := setting.GetReflection().GetRefresh().AsDuration()
			g.running = append(g.running, func(ctx context.Context) error { return g.catalog.Follow(ctx, name, every) })
		}
	}
	return errors.Join(problems...)
}

// described returns what a service has told of itself under the configuration of before, if it is the same service still: it may
// not be there to be asked.
func (g *generation) described(service *gatewayv1.Service) []byte {
	before := g.current.Load()
	if before == nil || before.catalog == nil || service.GetIntents().GetReflection() == nil {
		return nil
	}
	i := slices.IndexFunc(before.settings.GetServices(), func(s *gatewayv1.Service) bool {
		return s.GetName() == service.GetName() && s.GetTarget() == service.GetTarget() && proto.Equal(s.GetTls(), service.GetTls())
	})
	if i < 0 {
		return nil
	}
	return before.catalog.Descriptors(service.GetName())
}

// connected returns what is to be done after each connection to a service: it may be a new build that claims other intents.
func (g *generation) connected(service string) func() {
	if g.catalog == nil {
		return nil
	}
	return func() { g.catalog.Refresh(service) }
}

// learnt returns what operators see of a service's intents; nil: it may have none.
func (g *generation) learnt(service *gatewayv1.Service) func() intents.Report {
	if service.GetIntents() == nil {
		return nil
	}
	return func() intents.Report {
		report, _ := g.catalog.ReportOf(service.GetName())
		return report
	}
}

// describe asks a service of this gateway what it serves.
func (g *generation) describe(ctx context.Context, service string) ([]byte, error) {
	return g.describers[service](ctx)
}

// Views returns what the plans of methods depend on, of all webhooks.
func Views(settings *gatewayv1.Config) []intents.View {
	var all []intents.View
	for _, webhook := range settings.GetWebhooks() {
		all = append(all, intents.View{Platform: config.Platform(webhook.GetPlatform()), TimeZone: webhook.GetTimeZone()})
	}
	return all
}

// Claimant returns what the catalog needs of a service. A service that is to be asked itself is asked by describe.
func Claimant(service *gatewayv1.Service, describe func(ctx context.Context, service string) ([]byte, error)) intents.Service {
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
		claims.Load = func(context.Context) ([]byte, error) { return ReadDescriptors(claims.Source) }
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
				ContinueFor: method.GetContinueFor(),
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

// ReadDescriptors reads a descriptor set, unless it is larger than any that is used.
func ReadDescriptors(path string) (_ []byte, err error) {
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
