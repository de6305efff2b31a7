package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/intentgate/intentgate/gateway/config"
	"github.com/intentgate/intentgate/gateway/doctor"
	"github.com/intentgate/intentgate/gateway/simulator"
)

// simulateOptions are the flags of simulate.
type simulateOptions struct {
	agentOptions

	config, descriptors string
	utterance           simulator.Utterance
	parameters          []string
	verbose, json       bool
	repeat              int
}

func newSimulateCommand() *cobra.Command {
	var o simulateOptions
	command := &cobra.Command{
		Use:   "simulate [URL] [FILE|-]",
		Short: "Be Dialogflow: call a webhook and tell what Dialogflow would do with its answer",
		Long: `Be Dialogflow: call a webhook over mutual TLS with an ID token, its user agent, its time limit
and its one retry, judge the answer as Dialogflow would, and tell what Dialogflow would do with it.

What is said comes from flags, or from a file: JSON documents one after another, each either a
whole WebhookRequest, sent as it is, or a short turn with any of the members text, event, intent,
action, tag and parameters. Together they are one session, on one connection: contexts and session
parameters that an answer sets are part of the next request.

--descriptors, or a configuration whose services have files of descriptors, knows the parameters of
typed intents: those that there are not are refused, and values are written as the agent would write
them, such as 2026-12-01, 18:30, 2026-12-01/2026-12-24, 12.50 EUR or 2 kg. Other values are JSON.

--dev names a folder of ` + "`intentgate certs`" + `, which has all that a call needs. --config takes URL, edition,
project, audience and time limit from a gateway's configuration. The exit status is 0 only if
Dialogflow would use every answer.`,
		Example: `  intentgate simulate --dev dev-certs https://localhost:8443/dialogflow/es --intent greet.hello --param name=Ada
  intentgate simulate --dev dev-certs --config intentgate.yaml session.json
  intentgate simulate --dev dev-certs --config intentgate.yaml --platform CX --tag track-order --param order_id='"A-1042"' --json
  echo '{"text":"hi","intent":"welcome"} {"text":"bye","intent":"bye"}' | intentgate simulate --dev dev-certs --config intentgate.yaml -`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(command *cobra.Command, args []string) error {
			turns, err := o.complete(command, args)
			if err != nil {
				return err
			}
			client, err := o.client()
			if err != nil {
				return err
			}
			defer client.Close()
			return o.play(command, client, turns)
		},
	}
	flags := command.Flags()
	configFlag(command, &o.config, "", "take URL, edition, project, audience and time limit from a gateway's configuration")
	flags.StringVar(&o.descriptors, "descriptors", "", "write parameters as the typed intents of this file take them (default: those of --config)")
	o.register(command)
	flags.StringVar(&o.utterance.Text, "text", "", "what the user says")
	flags.StringVar(&o.utterance.Event, "event", "", "the event that takes the place of words")
	flags.StringVar(&o.utterance.Intent, "intent", "", "display name of the matched intent")
	flags.StringVar(&o.utterance.Action, "action", "", "the intent's action (ES)")
	flags.StringVar(&o.utterance.Tag, "tag", "", "the webhook's tag (CX)")
	flags.StringArrayVar(&o.parameters, "param", nil, "a parameter, as `name=value`; the value is JSON, or else a text; may be repeated")
	flags.StringVar(&o.language, "language", "en", "the user's language")
	flags.StringVar(&o.session, "session", "", "ID or whole resource name of the session (default: a new one)")
	flags.BoolVar(&o.noRetry, "no-retry", false, "do not try again after a time-out or a broken connection")
	flags.BoolVar(&o.retryNewID, "retry-new-id", false, "give the second try a turn id of its own")
	flags.BoolVar(&o.plain, "plain", false, "leave out the undocumented fields that Dialogflow adds to requests")
	flags.IntVar(&o.repeat, "repeat", 1, "play everything so many times, and tell the times it took")
	flags.BoolVarP(&o.verbose, "verbose", "v", false, "show requests too")
	flags.BoolVar(&o.json, "json", false, "print one JSON object a turn, each on a line")
	must(command.MarkFlagFilename("descriptors", "binpb"))
	o.completeTyped(command)
	return command
}

// complete fills in what is left out, and returns what is to be said.
func (o *simulateOptions) complete(command *cobra.Command, args []string) ([]turn, error) {
	if len(args) > 0 && strings.Contains(args[0], "://") {
		o.url, args = args[0], args[1:]
	}
	if len(args) > 1 {
		return nil, fmt.Errorf("%q is no URL: `simulate [URL] [FILE|-]` is wanted", args[0])
	}
	if o.repeat < 1 {
		return nil, fmt.Errorf("--repeat %d: 1 or more is wanted", o.repeat)
	}
	if err := o.fromConfig(); err != nil {
		return nil, err
	}
	if err := o.settle(); err != nil {
		return nil, err
	}
	flags := command.Flags()
	said := slices.ContainsFunc([]string{"text", "event", "intent", "action", "tag", "param"}, flags.Changed)
	switch {
	case said && len(args) > 0:
		return nil, fmt.Errorf("what is said comes from %s or from flags, not from both", args[0])
	case said:
		return o.said(command.Context())
	case len(args) == 0:
		return nil, errors.New("nothing to say: a file is wanted, - for standard input, or flags such as --intent or --tag")
	case args[0] == "-":
		return readTurns("standard input", command.InOrStdin())
	}
	file, err := os.Open(args[0])
	if err != nil {
		return nil, err
	}
	turns, err := readTurns(args[0], file)
	return turns, errors.Join(err, file.Close())
}

// fromConfig follows a webhook of a configuration: the one of the URL or, without a URL, the first one of the edition.
func (o *simulateOptions) fromConfig() error {
	if o.config == "" {
		return nil
	}
	settings, err := config.Load(o.config, time.Now())
	if err != nil {
		return err
	}
	at, err := url.Parse(o.url)
	if err != nil {
		return err
	}
	var others []string
	for _, webhook := range settings.GetWebhooks() {
		if (o.platform != "" && o.platform != webhook.GetPlatform()) || (o.url != "" && at.Path != webhook.GetPath()) {
			others = append(others, webhook.GetPlatform()+" "+webhook.GetPath())
			continue
		}
		o.follow(webhook)
		if o.url != "" {
			return nil
		}
		listen := settings.GetEdge().GetListen()
		if strings.HasPrefix(listen, "unix:") {
			return fmt.Errorf("%s: edge.listen is %s; give the URL of the proxy in front of it, such as https://localhost:8443%s", o.config, listen, webhook.GetPath())
		}
		host, port, err := net.SplitHostPort(listen)
		if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
			host = "localhost"
		}
		o.url = "https://" + net.JoinHostPort(host, port) + webhook.GetPath()
		return err
	}
	return fmt.Errorf("%s: no webhook for %s; there are %s", o.config, strings.TrimSpace(o.platform+" "+o.url), strings.Join(others, ", "))
}

// said is the turn that the flags make. Parameters have the form that the agent would give them for the method that answers;
// where none is known they are JSON, or else texts.
func (o *simulateOptions) said(ctx context.Context) ([]turn, error) {
	o.utterance.Parameters = map[string]any{}
	for _, pair := range o.parameters {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, fmt.Errorf("--param %q: name=value is wanted", pair)
		}
		o.utterance.Parameters[name] = value
	}
	known, err := described(ctx, o.descriptors, o.config)
	if err != nil {
		return nil, err
	}
	if err := known.check(o.platform, &o.utterance, o.descriptors); err != nil {
		return nil, err
	}
	express, err := known.express(&o.agentOptions)
	if err != nil {
		return nil, err
	}
	for name, value := range o.utterance.Parameters {
		if len(known.methods(o.platform, &o.utterance)) > 0 {
			o.utterance.Parameters[name] = express(o.utterance, name, value)
		} else {
			o.utterance.Parameters[name] = jsonOrText(fmt.Sprint(value))
		}
	}
	return []turn{{utterance: o.utterance}}, nil
}

// play plays the turns as often as is wanted. Without any answer it stops.
func (o *simulateOptions) play(command *cobra.Command, client *simulator.Client, turns []turn) error {
	ctx, out := command.Context(), command.OutOrStdout()
	var durations []time.Duration
	var first error
	failed := 0
	for round := range o.repeat {
		conversation := simulator.NewConversation(client, o.agent())
		for i, turn := range turns {
			exchange, err := turn.play(ctx, conversation)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			durations = append(durations, exchange.Answer.Duration)
			if err := o.tell(out, i+1, turn.title(len(turns)), &exchange, round == 0 || err != nil); err != nil {
				return err
			}
			if err == nil {
				continue
			}
			if failed++; first == nil {
				first = err
			}
			if exchange.Answer.Status == 0 {
				return fmt.Errorf("turn %d: Dialogflow would get %w", i+1, err)
			}
		}
	}
	if o.repeat > 1 && !o.json {
		slices.Sort(durations)
		at := func(share float64) time.Duration {
			return durations[int(share*float64(len(durations)-1))].Round(10 * time.Microsecond)
		}
		if _, err := fmt.Fprintf(out, "%d turns: fastest %s, median %s, 99%% within %s, slowest %s\n", len(durations), at(0), at(0.5), at(0.99), at(1)); err != nil {
			return err
		}
	}
	switch {
	case failed == 0:
		return nil
	case len(durations) == 1:
		return fmt.Errorf("Dialogflow would not use the answer: %w", first) //nolint:staticcheck // it begins with a name
	default:
		return fmt.Errorf("%d of %d answers would not be used by Dialogflow; the first one: %w", failed, len(durations), first)
	}
}

// tell tells of a turn, for programs or, unless nobody wants to know, for people.
func (o *simulateOptions) tell(out io.Writer, number int, title string, exchange *simulator.Exchange, wanted bool) error {
	if o.json {
		return json.NewEncoder(out).Encode(exchange.Report(number))
	}
	if !wanted {
		return nil
	}
	if title != "" {
		title = fmt.Sprintf("━━ %d: %q\n", number, title)
	}
	_, err := io.WriteString(out, strings.Map(doctor.Harmless, title+exchange.Text(o.verbose)))
	return err
}
