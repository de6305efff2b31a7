package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/intentgate/intentgate/gateway/config"
	"github.com/intentgate/intentgate/gateway/intents"
	"github.com/intentgate/intentgate/gateway/intents/contract"
)

// contracts are those of the descriptors that are named, or of the files of descriptors that a configuration names. No
// service is asked for its own.
func (o *simulateOptions) contracts(ctx context.Context) ([]contract.Service, error) {
	var claimants []intents.Service
	from := bareViews
	switch {
	case o.descriptors != "":
		claimants = append(claimants, bare(o.descriptors))
	case o.config != "":
		settings, err := config.Load(o.config, time.Now())
		if err != nil {
			return nil, err
		}
		from = views(settings)
		for _, service := range settings.GetServices() {
			if service.GetIntents().GetDescriptorSet() != "" {
				claimants = append(claimants, claimant(service, nil))
			}
		}
	}
	services, err := contracts(ctx, claimants, from)
	for _, service := range services {
		if service.Error != "" {
			err = errors.Join(err, errors.New(service.Error))
		}
	}
	return services, err
}

// methods returns those that answer what is said, one of each service at most: which of them does may depend on agent and
// environment. None: nobody knows of any.
func (o *simulateOptions) methods(services []contract.Service) (all []*contract.Method, err error) {
	names := [][2]string{{"tag", o.utterance.Tag}}
	if o.platform != "CX" {
		names = [][2]string{{"intent", o.utterance.Intent}, {"action", o.utterance.Action}}
	}
	for _, name := range names {
		if name[1] == "" {
			continue
		}
		for i := range services {
			if method := contract.Answering(services[i:i+1], name[0], name[1]); method != nil {
				all = append(all, method)
			}
		}
		if all != nil {
			return all, nil
		}
		if o.descriptors != "" { // nothing else answers
			err = fmt.Errorf("--%s %q: no method of %s answers it%s", name[0], name[1], o.descriptors, didYouMean(name[1], answered(services, name[0])))
		}
	}
	return nil, err
}

// values gives parameters the form that the agent would give them for the method that answers; others are JSON, or else texts.
func (o *simulateOptions) values(ctx context.Context, texts map[string]string) (map[string]any, error) {
	services, err := o.contracts(ctx)
	if err != nil {
		return nil, err
	}
	methods, err := o.methods(services)
	if err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation(o.zone)
	if err != nil {
		return nil, err
	}
	parameters := parametersOf(methods)
	values := map[string]any{}
	for name, text := range texts {
		if len(methods) == 0 {
			values[name] = jsonOrText(text)
			continue
		}
		i := slices.IndexFunc(parameters, func(p contract.Parameter) bool { return p.Called(name) })
		if i < 0 {
			return nil, fmt.Errorf("--param %s: %s takes no such parameter%s", name, methods[0].Method, didYouMean(name, namesOf(parameters)))
		}
		values[name] = entity{cx: o.platform == "CX", zone: zone}.of(parameters[i].Type, text)
	}
	return values, nil
}

func jsonOrText(text string) any {
	if json.Valid([]byte(text)) {
		return json.RawMessage(text) // every digit of it
	}
	return text
}

func didYouMean(name string, known []string) string {
	if near := config.Nearest(name, known); near != "" {
		return "; did you mean " + near + "?"
	}
	return "; there are: " + strings.Join(known, ", ")
}

// answered lists the intents, actions or tags that methods answer.
func answered(services []contract.Service, kind string) (all []string) {
	for _, service := range services {
		for _, m := range service.Methods {
			all = append(all, map[string][]string{"intent": m.Intents, "action": m.Actions, "tag": m.Tags}[kind]...)
		}
	}
	return all
}

func parametersOf(methods []*contract.Method) (all []contract.Parameter) {
	for _, method := range methods {
		all = append(all, method.Parameters()...)
	}
	return all
}

func namesOf(parameters []contract.Parameter) (names []string) {
	for _, parameter := range parameters {
		names = append(names, parameter.Name)
	}
	return names
}

// completeTyped offers what descriptors know for --intent, --action, --tag and --param.
func (o *simulateOptions) completeTyped(command *cobra.Command) {
	for _, kind := range []string{"intent", "action", "tag"} {
		must(command.RegisterFlagCompletionFunc(kind, func(command *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			services, _ := o.contracts(command.Context())
			return answered(services, kind), cobra.ShellCompDirectiveNoFileComp
		}))
	}
	must(command.RegisterFlagCompletionFunc("param", func(command *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		services, _ := o.contracts(command.Context())
		if o.utterance.Tag != "" {
			o.platform = "CX"
		}
		methods, _ := o.methods(services)
		names := namesOf(parametersOf(methods))
		for i := range names {
			names[i] += "="
		}
		return names, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}))
}

// entity writes values as Dialogflow does on a platform.
type entity struct {
	cx   bool
	zone *time.Location // of the days and times of ES
}

// of writes a value for a field of a type. What is no value of the type is sent as it is, for the gateway to refuse.
func (e entity) of(kind, text string) any {
	start, end, period := strings.Cut(text, "/")
	switch {
	case strings.HasPrefix(text, `"`) || strings.HasPrefix(text, "{") || strings.HasPrefix(text, "["):
	case kind == "string" || kind == "google.protobuf.StringValue":
		return text
	case kind == "google.type.Money":
		return amount(text, "currency")
	case kind == "intentgate.v1.Quantity" || kind == "google.protobuf.Duration":
		return amount(text, "unit")
	case period && (kind == "google.type.Interval" || !strings.HasPrefix(kind, "google.")):
		from, what := e.moment(start)
		to, same := e.moment(end)
		if what != "" && what == same {
			return map[string]any{"start" + what: from, "end" + what: to}
		}
	case strings.HasPrefix(kind, "google.type.") || kind == "google.protobuf.Timestamp":
		if moment, what := e.moment(text); what != "" {
			return moment
		}
	}
	return jsonOrText(text)
}

// moment writes a day, a time or both, and says which: Date, Time or DateTime; nothing for another text.
func (e entity) moment(text string) (value any, what string) {
	for _, layout := range [][2]string{
		{"Date", time.DateOnly}, {"Time", "15:04"}, {"Time", time.TimeOnly}, {"DateTime", time.RFC3339}, {"DateTime", "2006-01-02T15:04"}, {"DateTime", "2006-01-02T15:04:05"},
	} {
		t, err := time.ParseInLocation(layout[1], text, e.zone)
		if err != nil {
			continue
		}
		what = layout[0]
		if e.cx {
			members := map[string]any{}
			if what != "Time" {
				members["year"], members["month"], members["day"] = t.Year(), t.Month(), t.Day()
			}
			if what != "Date" {
				members["hours"], members["minutes"], members["seconds"], members["nanos"] = t.Hour(), t.Minute(), t.Second(), 0
			}
			return members, what
		}
		switch today := time.Now().In(e.zone); what {
		case "Date":
			t = t.Add(12 * time.Hour) // as ES does
		case "Time":
			t = time.Date(today.Year(), today.Month(), today.Day(), t.Hour(), t.Minute(), t.Second(), 0, e.zone)
		}
		return t.Format(time.RFC3339), what
	}
	return nil, ""
}

var amountText = regexp.MustCompile(`^(-?[0-9]+(?:\.[0-9]+)?) *([^0-9 ].*)$`)

// amount writes what has a unit, such as 2.5 kg.
func amount(text, unit string) any {
	if parts := amountText.FindStringSubmatch(text); parts != nil {
		return map[string]any{"amount": json.RawMessage(parts[1]), unit: parts[2]}
	}
	return jsonOrText(text)
}
