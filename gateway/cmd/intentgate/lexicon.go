package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/intentgate/intentgate/gateway/config"
	"github.com/intentgate/intentgate/gateway/conversation"
	"github.com/intentgate/intentgate/gateway/intents"
	"github.com/intentgate/intentgate/gateway/intents/contract"
	"github.com/intentgate/intentgate/gateway/process"
	"github.com/intentgate/intentgate/gateway/simulator"
)

// lexicon is what is known of typed intents.
type lexicon []contract.Service

// described is what the descriptors tell that are named or, of those, the files that a configuration names. No service
// is asked for its own.
func described(ctx context.Context, descriptors, path string) (lexicon, error) {
	var claimants []intents.Service
	from := bareViews
	switch {
	case descriptors != "":
		claimants = append(claimants, bare(descriptors))
	case path != "":
		settings, err := config.Load(path, time.Now())
		if err != nil {
			return nil, err
		}
		from = process.Views(settings)
		for _, service := range settings.GetServices() {
			if service.GetIntents().GetDescriptorSet() != "" {
				claimants = append(claimants, process.Claimant(service, nil))
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

// methods returns those that answer what is said, by the first of its names that any does: one of each service at most, since
// which of them does may depend on agent and environment.
func (k lexicon) methods(platform string, u *simulator.Utterance) (all []*contract.Method) {
	for _, name := range namesOf(platform, u) {
		for i := range k {
			if method := contract.Answering(k[i:i+1], name[0], name[1]); method != nil {
				all = append(all, method)
			}
		}
		if all != nil {
			return all
		}
	}
	return nil
}

// namesOf are the kinds and names by which a turn is answered.
func namesOf(platform string, u *simulator.Utterance) [][2]string {
	names := [][2]string{{"intent", u.Intent}, {"action", u.Action}}
	if platform == conversation.CX {
		names = [][2]string{{"tag", u.Tag}}
	}
	return slices.DeleteFunc(names, func(name [2]string) bool { return name[1] == "" })
}

// express gives values the form that the agent gives them: for the methods that answer or, where they have no such
// parameter, any other.
func (k lexicon) express(as *agentOptions) (func(simulator.Utterance, string, any) any, error) {
	zone, err := time.LoadLocation(as.timeZone)
	if err != nil {
		return nil, err
	}
	var all []*contract.Method
	for i := range k {
		for j := range k[i].Methods {
			all = append(all, &k[i].Methods[j])
		}
	}
	written := entity{cx: as.platform == conversation.CX, zone: zone}
	return func(u simulator.Utterance, name string, value any) any {
		for _, parameter := range parametersOf(append(k.methods(as.platform, &u), all...)) {
			if parameter.Called(name) {
				return written.any(parameter.Type, value)
			}
		}
		return value
	}, nil
}

// check refuses parameters that no method takes which answers what is said and, where nothing else could, names that none does.
func (k lexicon) check(platform string, u *simulator.Utterance, only string) error {
	methods := k.methods(platform, u)
	if names := namesOf(platform, u); len(methods) == 0 && only != "" && len(names) > 0 {
		kind, name := names[len(names)-1][0], names[len(names)-1][1]
		return fmt.Errorf("--%s %q: no method of %s answers it%s", kind, name, only, didYouMean(name, k.answered(kind)))
	}
	parameters := parametersOf(methods)
	for _, name := range slices.Sorted(maps.Keys(u.Parameters)) {
		if len(methods) > 0 && !slices.ContainsFunc(parameters, func(p contract.Parameter) bool { return p.Called(name) }) {
			return fmt.Errorf("--param %s: %s takes no such parameter%s", name, methods[0].Method, didYouMean(name, parameterNames(parameters)))
		}
	}
	return nil
}

// answered lists the intents, actions or tags that methods answer.
func (k lexicon) answered(kind string) (all []string) {
	for _, service := range k {
		for _, m := range service.Methods {
			all = append(all, map[string][]string{"intent": m.Intents, "action": m.Actions, "tag": m.Tags}[kind]...)
		}
	}
	return all
}

// completeTyped offers what descriptors know for --intent, --action, --tag and --param.
func (o *simulateOptions) completeTyped(command *cobra.Command) {
	for _, kind := range []string{"intent", "action", "tag"} {
		must(command.RegisterFlagCompletionFunc(kind, func(command *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			known, _ := described(command.Context(), o.descriptors, o.config)
			return known.answered(kind), cobra.ShellCompDirectiveNoFileComp
		}))
	}
	must(command.RegisterFlagCompletionFunc("param", func(command *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		known, _ := described(command.Context(), o.descriptors, o.config)
		if o.utterance.Tag != "" {
			o.platform = conversation.CX
		}
		names := parameterNames(parametersOf(known.methods(o.platform, &o.utterance)))
		for i := range names {
			names[i] += "="
		}
		return names, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}))
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

func parametersOf(methods []*contract.Method) (all []contract.Parameter) {
	for _, method := range methods {
		all = append(all, method.Parameters()...)
	}
	return all
}

func parameterNames(parameters []contract.Parameter) (names []string) {
	for _, parameter := range parameters {
		names = append(names, parameter.Name)
	}
	return names
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

// any writes a value, or each of a list.
func (e entity) any(kind string, value any) any {
	switch value := value.(type) {
	case []any:
		for i := range value {
			value[i] = e.any(kind, value[i])
		}
		return value
	case string:
		return e.of(kind, value)
	case float64:
		return e.of(kind, fmt.Sprint(value))
	default:
		return value
	}
}
