package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/intentgate/intentgate/gateway/config"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/intents"
	"github.com/intentgate/intentgate/gateway/intents/contract"
	"github.com/intentgate/intentgate/gateway/process"
	"github.com/intentgate/intentgate/gateway/router"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
	"github.com/intentgate/intentgate/services/mtls"
)

// intentsOptions are the flags of intents.
type intentsOptions struct {
	config, service, against string
	json, markdown           bool
}

func newIntentsCommand() *cobra.Command {
	var o intentsOptions
	command := &cobra.Command{
		Use:   "intents [DESCRIPTORS]",
		Short: "Tell which methods answer which intents, and what has changed for agents",
		Long: `Tell which methods answer which intents and tags, which parameters they take and where from, what
they say and remember, and what is claimed and not served.

With a configuration, of its services: within what they may claim, for the webhooks there are.
Services that are asked by reflection are called. With a file of descriptors, as ` + "`buf build -o FILE`" + `
writes it, of that file alone: for the tests of those who write the service.

--against names the descriptors of before, and tells what of them breaks an agent: a name that
nobody answers any more, a parameter renamed or of another type, a word that is no longer known, a
text that is no longer said, a value that is no longer remembered. What an agent does not see
breaks nothing, such as the names of methods and fields that carry parameter and set.

It ends with status 1 if descriptors cannot be read, a method cannot be bound, or an agent breaks.`,
		Example: `  intentgate intents --config intentgate.yaml
  intentgate intents orders.binpb --markdown > intents.md
  buf build -o now.binpb && intentgate intents now.binpb --against released.binpb
  intentgate intents --config intentgate.yaml --service orders --against released.binpb --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error { return o.run(command, args) },
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"binpb"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}
	flags := command.Flags()
	flags.StringVarP(&o.config, "config", "c", "intentgate.yaml", "the gateway's configuration file")
	flags.StringVar(&o.service, "service", "", "tell of this service alone")
	flags.StringVar(&o.against, "against", "", "tell what breaks agents, compared with this file of descriptors")
	flags.BoolVar(&o.json, "json", false, "print JSON")
	flags.BoolVar(&o.markdown, "markdown", false, "print Markdown")
	command.MarkFlagsMutuallyExclusive("json", "markdown")
	must(command.MarkFlagFilename("config", "yaml", "yml"), command.MarkFlagFilename("against", "binpb"))
	return command
}

func (o *intentsOptions) run(command *cobra.Command, args []string) error {
	claimants, views, routes, err := o.claimants(command, args)
	if err != nil {
		return err
	}
	services, err := contracts(command.Context(), claimants, views)
	if err != nil {
		return err
	}
	if routes != nil {
		shadowed(routes, services)
	} else if err := zoneless(command.Context(), claimants[0], &services[0]); err != nil {
		return err
	}
	if o.against == "" {
		return errors.Join(o.print(command, services), sound(services))
	}
	if len(claimants) > 1 {
		return fmt.Errorf("%d services may claim intents; say with --service whose descriptors are in %s", len(claimants), o.against)
	}
	before := claimants[0]
	before.Source, before.Load = o.against, readingFile(o.against)
	old, err := contracts(command.Context(), []intents.Service{before}, views)
	if err != nil {
		return err
	}
	if err := errors.Join(sound(services), sound(old)); err != nil {
		return err
	}
	return o.tell(command, contract.Breaks(old, services))
}

// claimants are the services to tell of, for which webhooks, and what is declared; nil: nothing can be.
func (o *intentsOptions) claimants(command *cobra.Command, args []string) ([]intents.Service, []intents.View, *router.Router, error) {
	if len(args) > 0 {
		if command.Flags().Changed("config") || o.service != "" {
			return nil, nil, nil, errors.New("a file of descriptors is told of by itself, without --config and --service")
		}
		return []intents.Service{bare(args[0])}, bareViews, nil, nil
	}
	settings, err := config.Load(o.config, time.Now())
	if err != nil {
		return nil, nil, nil, err
	}
	var claimants []intents.Service
	var names []string
	for _, service := range settings.GetServices() {
		if service.GetIntents() == nil {
			continue
		}
		names = append(names, service.GetName())
		if o.service == "" || o.service == service.GetName() {
			claimants = append(claimants, process.Claimant(service, describing(settings)))
			if service.GetIntents().GetReflection() != nil {
				command.PrintErrln("Asking service", service.GetName(), "…")
			}
		}
	}
	if len(claimants) == 0 {
		return nil, nil, nil, fmt.Errorf("%s: no service %s has `intents`; of those there are: %s", o.config, o.service, strings.Join(names, ", "))
	}
	routes, err := router.New(config.Routes(settings))
	return claimants, process.Views(settings), routes, err
}

// bareViews are both platforms, as of webhooks that lack nothing.
var bareViews = []intents.View{{Platform: dialogflow.ES}, {Platform: dialogflow.CX, TimeZone: "UTC"}}

// bare is a file of descriptors without any configuration.
func bare(path string) intents.Service {
	all := []string{"*"}
	return intents.Service{Name: filepath.Base(path), Source: path, Load: readingFile(path), Allow: intents.Allow{Intents: all, Actions: all, Tags: all}}
}

func readingFile(path string) func(context.Context) ([]byte, error) {
	return func(context.Context) ([]byte, error) { return process.ReadDescriptors(path) }
}

// describing returns a function that asks a service of the settings what it serves.
func describing(settings *gatewayv1.Config) func(ctx context.Context, service string) ([]byte, error) {
	return func(ctx context.Context, name string) ([]byte, error) {
		i := slices.IndexFunc(settings.GetServices(), func(s *gatewayv1.Service) bool { return s.GetName() == name })
		silent := slog.New(slog.DiscardHandler)
		identity, release, err := (&process.WorkloadAPIs{Logger: silent}).Identity(settings.GetServices()[i], mtls.Options{Logger: silent}) //nolint:contextcheck // it lives until it is released
		if err != nil {
			return nil, err
		}
		defer release()
		client, err := process.Dial(settings.GetServices()[i], identity, silent, nil) //nolint:contextcheck // it lives until it is closed
		if err != nil {
			return nil, err
		}
		defer client.Close()
		return client.Descriptors(ctx)
	}
}

// contracts loads what services claim. What cannot be read is told in them.
func contracts(ctx context.Context, services []intents.Service, views []intents.View) ([]contract.Service, error) {
	catalog, err := intents.New(intents.Config{Services: services, Views: views, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		return nil, err
	}
	for _, service := range services {
		_, _ = catalog.Load(ctx, service.Name) // the report tells
	}
	return contract.Of(catalog.Report()), nil
}

// zoneless warns of what no webhook of CX without a time zone can call.
func zoneless(ctx context.Context, of intents.Service, known *contract.Service) error {
	again, err := contracts(ctx, []intents.Service{of}, []intents.View{{Platform: dialogflow.CX}})
	if err != nil {
		return err
	}
	for _, problem := range again[0].Problems {
		if problem.Kind == intents.Broken && !slices.Contains(known.Problems, problem) {
			known.Warnings = append(known.Warnings, problem.Element+": "+problem.Problem)
		}
	}
	return nil
}

// shadowed warns of names that a declared route takes.
func shadowed(routes *router.Router, services []contract.Service) {
	for i := range services {
		for j := range services[i].Methods {
			m := &services[i].Methods[j]
			for key, names := range [...][]string{router.Intent: m.Intents, router.Action: m.Actions, router.Tag: m.Tags} {
				for _, name := range names {
					turn := dialogflow.Turn{Platform: router.Key(key).Platform()}
					*[...]*string{router.Intent: &turn.Intent.DisplayName, router.Action: &turn.Action, router.Tag: &turn.Tag}[key] = name
					if route, ok := routes.Find(&turn); ok && !route.General() {
						m.Warnings = append(m.Warnings, fmt.Sprintf("%s %s goes to service %s, by the declared route %s", router.Key(key), name, route.Service, route.Match))
					}
				}
			}
		}
	}
}

// print prints contracts as the flags say.
func (o *intentsOptions) print(command *cobra.Command, services []contract.Service) error {
	switch out := command.OutOrStdout(); {
	case o.json:
		return printJSON(out, map[string]any{"services": services})
	case o.markdown:
		return contract.Markdown(out, services)
	default:
		return contract.Print(out, services)
	}
}

// tell tells what breaks; it is an error if anything does.
func (o *intentsOptions) tell(command *cobra.Command, breaks []contract.Break) error {
	out := command.OutOrStdout()
	if o.json {
		if breaks == nil {
			breaks = []contract.Break{}
		}
		if err := printJSON(out, map[string]any{"breaks": breaks}); err != nil {
			return err
		}
	} else if err := contract.PrintBreaks(out, breaks, o.markdown); err != nil {
		return err
	}
	if len(breaks) > 0 {
		return fmt.Errorf("agents would break, compared with %[2]s: %[1]d of what they use; keep what they use, or give them a new intent or tag", len(breaks), o.against)
	}
	return nil
}

// sound is an error if descriptors could not be read, or a method cannot be bound.
func sound(services []contract.Service) error {
	var problems []error
	for _, service := range services {
		if service.Error != "" {
			problems = append(problems, errors.New(service.Error))
		}
		for _, problem := range service.Problems {
			if problem.Kind == intents.Broken {
				problems = append(problems, fmt.Errorf("%s: %s", problem.Element, problem.Problem))
			}
		}
	}
	return errors.Join(problems...)
}
