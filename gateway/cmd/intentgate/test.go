package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/intentgate/intentgate/gateway/conversation"
	"github.com/intentgate/intentgate/gateway/doctor"
	"github.com/intentgate/intentgate/gateway/pki"
)

// testOptions are the flags of test.
type testOptions struct {
	agentOptions // those of a gateway that runs

	demo, update, verbose, json bool
	config, run, junit          string
	jobs                        int
}

func newTestCommand() *cobra.Command {
	var o testOptions
	command := &cobra.Command{
		Use:   "test FILE…",
		Short: "Play conversations from files, and compare what comes of them with what is expected",
		Long: `Play conversations from files as Dialogflow would carry them, and compare what the user hears, what is
remembered, where the conversation goes and what services are called with what the files expect.

  conversations:
    - name: An order is tracked
      turns:
        - say: Where is order A-1042?
          intent: order.track
          tag: track-order
          parameters: {order_id: A-1042}
          expect:
            heard: {contains: is being packed}
            calls: [{method: OrderService/TrackOrder, request: {orderId: A-1042}}]

The gateway is run by the command itself: from --config, with throw-away certificates and ID tokens at its
edge and all else as it is configured, the services being called where they are; or with the example
services, --demo, as the command demo runs them, on the day 2026-12-01 and anew for each conversation. --url plays against a gateway that
runs, with the flags of simulate; which services it calls cannot be seen then, and is not compared.

--update writes what there was into the files where something else was expected. The exit status is 0 if all
was as expected, 1 if not, and 2 if a file is wrong or nothing could be played.`,
		Example: `  intentgate test --demo services/orders/conversations/*.yaml
  intentgate test conversations/*.yaml --run 'cancel.*CX' -v
  intentgate test conversations/*.yaml --junit report.xml --jobs 4
  intentgate test conversations/cancel.yaml --update
  intentgate test conversations/*.yaml --url https://localhost:8443/dialogflow/es --dev dev-certs`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return unplayable{errors.New("no files; want those of conversations, such as conversations/*.yaml")}
			}
			return nil
		},
		RunE: func(command *cobra.Command, args []string) error { return o.test(command, args) },
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}
	flags := command.Flags()
	configFlag(command, &o.config, "intentgate.yaml", "the configuration of the gateway that is run")
	flags.BoolVar(&o.demo, "demo", false, "run the gateway with the example services")
	flags.StringVar(&o.url, "url", "", "the webhook of a gateway that runs")
	flags.StringVar(&o.run, "run", "", "play only conversations whose `FILE: NAME (PLATFORM)` this regular expression finds")
	flags.BoolVar(&o.update, "update", false, "write what there was into the files where it was not expected")
	flags.StringVar(&o.junit, "junit", "", "write a report as JUnit XML to this file, too")
	flags.IntVar(&o.jobs, "jobs", 1, "how many files are played at the same time")
	flags.BoolVar(&o.json, "json", false, "print one JSON object a conversation, each on a line")
	flags.BoolVarP(&o.verbose, "verbose", "v", false, "show every request, answer and call, and the gateway's log on standard error")
	o.register(command)
	command.MarkFlagsMutuallyExclusive("url", "config", "demo")
	must(command.MarkFlagFilename("junit", "xml"))
	return command
}

func (o *testOptions) test(command *cobra.Command, args []string) (err error) {
	ctx, out := command.Context(), command.OutOrStdout()
	only, err := regexp.Compile(o.run)
	if err != nil {
		return unplayable{fmt.Errorf("--run: %w", err)}
	}
	if o.jobs < 1 {
		return unplayable{fmt.Errorf("--jobs %d: 1 or more is wanted", o.jobs)}
	}
	files, err := readConversations(args)
	if err != nil {
		return unplayable{err}
	}
	start := time.Now()
	theatre, err := o.open(command)
	if err != nil {
		return unplayable{err}
	}
	defer func() {
		if closeErr := theatre.close(); err == nil && closeErr != nil {
			err = unplayable{closeErr}
		}
	}()

	played := make([]chan *conversation.Result, len(files))
	for i := range files {
		played[i] = make(chan *conversation.Result, 2*len(files[i].Conversations)) // nobody waits for the other files to be told of
	}
	var group errgroup.Group
	group.SetLimit(o.jobs)
	go func() {
		for i, file := range files {
			group.Go(func() error {
				defer close(played[i])
				for _, c := range file.Conversations {
					for _, platform := range conversation.Platforms() {
						if name := fmt.Sprintf("%s: %s (%s)", file.Path, c.Name, platform); c.Plays(platform) && only.MatchString(name) && ctx.Err() == nil {
							played[i] <- theatre.play(ctx, c, platform)
						}
					}
				}
				return nil
			})
		}
	}()
	var all []*conversation.Result
	byFile := map[*conversation.File][]*conversation.Result{}
	for i, file := range files {
		for result := range played[i] {
			all, byFile[file] = append(all, result), append(byFile[file], result)
			text := result.Text(o.verbose)
			if o.json {
				line, err := json.Marshal(result)
				if err != nil {
					return err
				}
				text = string(line) + "\n"
			}
			if _, err := fmt.Fprint(out, strings.Map(doctor.Harmless, text)); err != nil {
				return err
			}
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := o.writeJUnit(all); err != nil {
		return unplayable{err}
	}
	failed, skipped := 0, 0
	for _, r := range all {
		if r.Failed() {
			failed++
		}
		if r.Skipped != "" {
			skipped++
		}
	}
	if len(all) == skipped {
		return unplayable{fmt.Errorf("nothing was played: %d conversations are skipped, and --run %q leaves out the others", skipped, o.run)}
	}
	if o.update {
		return o.write(command, byFile, files)
	}
	command.PrintErrf("%d conversations, %d failed, %d skipped, in %s\n", len(all), failed, skipped, time.Since(start).Round(time.Millisecond))
	if failed > 0 {
		return fmt.Errorf("%d of %d conversations are not as expected", failed, len(all)-skipped)
	}
	return nil
}

// theatre is where conversations are played.
type theatre struct {
	// play plays one; it may be called by several goroutines at a time.
	play  func(ctx context.Context, c *conversation.Conversation, platform string) *conversation.Result
	close func() error
}

// open opens the theatre that the flags name.
func (o *testOptions) open(command *cobra.Command) (theatre, error) {
	if o.url != "" {
		return o.outside(command)
	}
	logger := slog.New(slog.DiscardHandler)
	if o.verbose {
		logger = slog.New(slog.NewTextHandler(command.ErrOrStderr(), nil))
	}
	keys, err := pki.New(pki.Options{RSABits: 2048}) // for a moment
	if err != nil {
		return theatre{}, err
	}
	if o.demo {
		return demoTheatre(keys, findNeighbours(command.Context()), logger), nil
	}
	one, err := startEmbedded(command.Context(), keys, func(ctx context.Context, e *embedded) error {
		return e.serve(ctx, o.config, logger, command.ErrOrStderr(), e.standIn)
	})
	if err != nil {
		return theatre{}, err
	}
	return theatre{one.play, one.close}, nil
}

// demoTheatre has the example services, started anew for each conversation: those in Go, and those of the neighbours that it asks.
func demoTheatre(keys *pki.PKI, neighbours []*neighbour, logger *slog.Logger) theatre {
	play := func(ctx context.Context, c *conversation.Conversation, platform string) *conversation.Result {
		var asked []*neighbour
		for _, n := range neighbours {
			if !slices.ContainsFunc(c.Turns, func(t *conversation.Turn) bool { return n.answers(c, t) }) {
				continue
			}
			if n.command == nil {
				return c.Skipped(platform, n.name+" "+n.missing)
			}
			asked = append(asked, n)
		}
		one, err := startEmbedded(ctx, keys, func(ctx context.Context, e *embedded) error {
			_, err := e.demo(ctx, "127.0.0.1:0", logger, asked)
			return err
		})
		if err != nil {
			return c.Failed(platform, err)
		}
		result := one.play(ctx, c, platform)
		if err := one.close(); err != nil {
			return c.Failed(platform, err)
		}
		return result
	}
	return theatre{play, func() error { return nil }}
}

// outside plays against a gateway that runs.
func (o *testOptions) outside(command *cobra.Command) (theatre, error) {
	if err := o.settle(); err != nil {
		return theatre{}, err
	}
	client, err := o.client()
	if err != nil {
		return theatre{}, err
	}
	command.PrintErrln("The calls of services cannot be seen from outside of a gateway: what is expected of them is left out.")
	play := func(ctx context.Context, c *conversation.Conversation, platform string) *conversation.Result {
		if platform != o.platform {
			return c.Skipped(platform, "the --url is a webhook for "+o.platform+", as --platform says")
		}
		return c.Play(ctx, client, o.agent())
	}
	return theatre{play, func() error {
		client.Close()
		return nil
	}}, nil
}

func (o *testOptions) writeJUnit(all []*conversation.Result) error {
	if o.junit == "" {
		return nil
	}
	var report bytes.Buffer
	if err := conversation.WriteJUnit(&report, all); err != nil {
		return err
	}
	return os.WriteFile(o.junit, report.Bytes(), 0o644) //nolint:gosec // a report is for all to read
}

// write brings the files up to date.
func (o *testOptions) write(command *cobra.Command, results map[*conversation.File][]*conversation.Result, files []*conversation.File) error {
	var problems []error
	for _, file := range files {
		data, changed, err := file.Update(results[file])
		if err != nil {
			problems = append(problems, err)
			continue
		}
		if changed == 0 {
			continue
		}
		info, err := os.Stat(file.Path)
		if err == nil {
			err = os.WriteFile(file.Path, data, info.Mode().Perm())
		}
		if err != nil {
			problems = append(problems, err)
			continue
		}
		command.PrintErrf("%s: %d expectations brought up to date; read the difference\n", file.Path, changed)
	}
	return errors.Join(problems...)
}

// readConversations reads all files before any is played.
func readConversations(paths []string) (files []*conversation.File, err error) {
	var problems []error
	for _, path := range paths {
		data, err := os.ReadFile(filepath.Clean(path))
		if err != nil {
			problems = append(problems, err)
			continue
		}
		file, err := conversation.Parse(path, data)
		problems, files = append(problems, err), append(files, file)
	}
	return files, errors.Join(problems...)
}
