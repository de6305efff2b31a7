package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/intentgate/intentgate/gateway/simulator"
)

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
			client, err := o.client(time.Now)
			if err != nil {
				return err
			}
			defer client.Close()
			s := simulation{
				options: &o, turns: turns,
				teller: teller{out: command.OutOrStdout(), url: o.url, json: o.json, verbose: o.verbose, titles: len(turns) > 1},
			}
			return s.play(command.Context(), client)
		},
	}
	flags := command.Flags()
	configFlag(command, &o.config, "", "take URL, edition, project, audience and time limit from a gateway's configuration")
	flags.StringVar(&o.descriptors, "descriptors", "", "write parameters as the typed intents of this file take them (default: those of --config)")
	o.credentials(command)
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

// simulation is a session that is played.
type simulation struct {
	options *simulateOptions
	turns   []turn
	teller  teller
}

// play plays the turns as often as is wanted. Without any answer it stops.
func (s *simulation) play(ctx context.Context, client *simulator.Client) error {
	var durations []time.Duration
	var first error
	failed := 0
	for round := range s.options.repeat {
		conversation := simulator.NewConversation(client, s.options.agent())
		for i, turn := range s.turns {
			exchange, err := turn.play(ctx, conversation)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			durations = append(durations, exchange.Answer.Duration)
			if round == 0 || err != nil || s.options.json {
				if err := s.teller.tell(i+1, turn, exchange); err != nil {
					return err
				}
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
	if s.options.repeat > 1 && !s.options.json {
		if err := s.teller.times(durations); err != nil {
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

// times tells how long turns took.
func (t *teller) times(durations []time.Duration) error {
	slices.Sort(durations)
	at := func(share float64) time.Duration {
		return durations[int(share*float64(len(durations)-1))].Round(10 * time.Microsecond)
	}
	_, err := fmt.Fprintf(t.out, "%d turns: fastest %s, median %s, 99%% within %s, slowest %s\n",
		len(durations), at(0), at(0.5), at(0.99), at(1))
	return err
}

// credentials are the flags of who calls a webhook, and how.
func (o *simulateOptions) credentials(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&o.dev, "dev", "", "a folder that the command certs wrote, for --cert, --key, --ca and --issuer")
	flags.StringVar(&o.cert, "cert", "", "PEM file of the client certificate and its intermediates (default: none is presented)")
	flags.StringVar(&o.key, "key", "", "PEM file of its private key")
	flags.StringVar(&o.ca, "ca", "", "PEM file of the CAs that the server is trusted by (default: the system's)")
	flags.StringVar(&o.issuer, "issuer", "", "PEM file of the key that makes ID tokens (default: none is sent)")
	flags.StringVar(&o.tokenFile, "token-file", "", "a file with a token to send instead")
	flags.StringVar(&o.audience, "audience", "", "the ID token's audience (default: the URL)")
	flags.StringVar(&o.project, "project", "shop", "the agent's project, by ID")
	flags.Uint64Var(&o.number, "project-number", 415104041262, "the project's number, in the ID token")
	flags.StringVar(&o.basicUser, "basic-user", "", "user name of Basic authentication, in place of an ID token")
	flags.StringVar(&o.passwordFile, "password-file", "", "a file with its password")
	flags.StringArrayVar(&o.headerFiles, "header-file", nil, "a header, with a file of its value, as `name=FILE`; may be repeated")
	flags.StringVar(&o.platform, "platform", "", "edition of the agent: ES or CX (default: ES, or what --config says)")
	flags.BoolVar(&o.beta, "beta", false, "the ES agent speaks v2beta1")
	flags.DurationVar(&o.timeout, "timeout", 0, "time for one try, up to 30s (default: 5s, or what --config says)")
	flags.StringVar(&o.tls, "tls", "", "the only version of TLS to offer: 1.2 or 1.3 (default: both)")
	complete(command, "platform", "ES", "CX")
	complete(command, "tls", "1.2", "1.3")
	command.MarkFlagsRequiredTogether("cert", "key")
	command.MarkFlagsRequiredTogether("basic-user", "password-file")
	command.MarkFlagsMutuallyExclusive("issuer", "token-file", "basic-user")
	must(command.MarkFlagDirname("dev"))
}
