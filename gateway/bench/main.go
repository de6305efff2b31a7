// Bench measures what a turn costs the gateway, beside what others cost that do the same or less: side by side in one run, each a process
// of its own on this machine, interleaved, for several rounds.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"

	"github.com/intentgate/intentgate/gateway/bench/load"
	"github.com/intentgate/intentgate/gateway/bench/peer"
)

const help = `Usage: go run ./gateway/bench [flags]

Measure what a turn costs the gateway, side by side with others. All peers run on this machine, each as a process of
its own: the gateway with every check on; floors, which do not translate; grpc-gateway; webhooks by hand in Go and in
Node.js; nginx before grpc-gateway. Turns are played in cells, each of one platform, method, size, protocol, number of
connections, kind of ID token and client certificate, by all peers of the cell in turns, round after round. What is
told are medians of the rounds; ratios are of the same round. Figures of a machine that does something else are worth
nothing; ratios are worth more.

  --plan NAME      which cells: short (some, in less than a minute), base (one factor at a time is other than in the base
                   cell; the default) or full (all, for hours)
  --cells REGEXP   of these only those whose name fits, such as es/typed or 'handshake'; names are
                   PLATFORM/METHOD/BYTES/PROTOCOL/CONNECTIONS/TOKEN/CHAIN, and a share where no more is asked for
                   than that of what the gateway can do of the base cell
  --peers REGEXP   only these peers
  --rounds N       how often each cell has its turn (default 5; short 2)
  --duration TIME  how long each peer plays at a time (default 1s; short 600ms)
  --idle N         measure memory with so many idle connections (default 5000; short 0, which is not at all)
  --list           print the cells with their peers, and measure nothing
  --json           print the report as JSON
  --against FILE   print the ratios of that report beside
  --from FILE      measure nothing: take the report of that file
  --docs FOLDER    write performance.json and performance.svg there, and what is measured into its performance.md
  --profile FILE   measure nothing: write a CPU profile of the gateway in these cells, as go tool pprof reads it
  --strict         exit with status 1 if a bar is not met, too
  --help           print this

Examples:
  go run ./gateway/bench --plan short --against docs/performance.json
  go run ./gateway/bench --cells '^es/typed/1400/http1/16/' --rounds 9
  go run ./gateway/bench --docs docs

Without --strict the exit status is 0 unless something did not work. Linux is needed, and go; node and nginx if there.
Progress is told on standard error.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

// The first arguments of processes of this program that are peers, the service of all, and the Dialogflow that plays them.
const (
	peerCommand    = "peer"
	backendCommand = "backend"
	loadCommand    = "load"
)

// errNotMet is that of --strict.
var errNotMet = errors.New("bars are not met, see the report")

// options are what the command line says.
type options struct {
	plan            string
	cells, peers    *regexp.Regexp
	rounds, idle    int
	duration        time.Duration
	list, json      bool
	strict          bool
	against, from   string
	docs, profileTo string
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case peerCommand:
			return peer.Run(ctx, args[1:], out, progress)
		case backendCommand:
			return peer.RunBackend(ctx, args[1:], out, progress)
		case loadCommand:
			return load.Run(ctx, args[1], func(url string) error { return tell(out, url) })
		}
	}
	o, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, err := io.WriteString(out, help)
		return err
	case err != nil:
		return fmt.Errorf("%w; try --help", err)
	}
	plan := o.chosen()
	if len(plan) == 0 {
		return errors.New("no cell fits --cells and --peers; --list shows those of the plan")
	}
	if o.list {
		return list(out, plan)
	}
	if o.profileTo != "" {
		return profile(ctx, o, plan, progress)
	}
	report, err := o.report(ctx, plan, progress)
	if err != nil {
		return err
	}
	var before *Report
	if o.against != "" {
		if before, err = readReport(o.against); err != nil {
			return err
		}
	}
	if o.json {
		err = writeJSON(out, report)
	} else {
		_, err = io.WriteString(out, report.markdown(before))
	}
	if err == nil && o.docs != "" {
		err = report.document(o.docs)
	}
	if err == nil && o.strict && !report.met() {
		err = errNotMet
	}
	return err
}

// report measures, or reads what was measured.
func (o *options) report(ctx context.Context, plan []cell, progress io.Writer) (*Report, error) {
	if o.from != "" {
		return readReport(o.from)
	}
	return measure(ctx, o, plan, progress)
}

func parse(args []string) (*options, error) {
	o := &options{cells: new(regexp.Regexp), peers: new(regexp.Regexp)}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.plan, "plan", "base", "")
	flags.TextVar(o.cells, "cells", regexp.MustCompile(""), "")
	flags.TextVar(o.peers, "peers", regexp.MustCompile(""), "")
	flags.IntVar(&o.rounds, "rounds", 0, "")
	flags.IntVar(&o.idle, "idle", -1, "")
	flags.DurationVar(&o.duration, "duration", 0, "")
	flags.BoolVar(&o.list, "list", false, "")
	flags.BoolVar(&o.json, "json", false, "")
	flags.BoolVar(&o.strict, "strict", false, "")
	flags.StringVar(&o.against, "against", "", "")
	flags.StringVar(&o.from, "from", "", "")
	flags.StringVar(&o.docs, "docs", "", "")
	flags.StringVar(&o.profileTo, "profile", "", "")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	defaults, ok := map[string]options{
		"short": {rounds: 2, duration: 600 * time.Millisecond},
		"base":  {rounds: 5, duration: time.Second, idle: 5000},
		"full":  {rounds: 3, duration: time.Second, idle: 5000},
	}[o.plan]
	if !ok {
		return nil, fmt.Errorf("--plan %q: want short, base or full", o.plan)
	}
	if o.rounds == 0 {
		o.rounds = defaults.rounds
	}
	if o.duration == 0 {
		o.duration = defaults.duration
	}
	if o.idle < 0 {
		o.idle = defaults.idle
	}
	switch {
	case flags.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q: want flags only", flags.Arg(0))
	case o.rounds < 1 || o.duration <= 0:
		return nil, errors.New("--rounds and --duration want to be more than 0")
	}
	return o, nil
}
