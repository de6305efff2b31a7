// Command soak runs the gateway for minutes or hours as Dialogflow would use it, while one thing after the other goes wrong around
// it, and fails if a turn suffers more than it has to.
//
//	go run ./.ci/soak [--for 5m] [--rate 100] [--seed N] [--json]
//
// Two replicas of the gateway and an intent service are processes of their own. The turns come over connections on which each byte
// is written and read by this program, so that nothing is sent twice in silence. What the rules are stands in judge.go, what goes
// wrong in faults.go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

const help = `soak runs two replicas of the gateway and an intent service, is Dialogflow to them, and makes one thing after the other go
wrong: the service is killed, frozen and answers nonsense, the network is slow, cut, silent and garbles, certificates are renewed
and their authority is replaced, the configuration is reloaded, a replica is rolled over and killed.

Usage, in the folder of the checkout:
  go run ./.ci/soak [flags]

Examples:
  go run ./.ci/soak                                  # five minutes
  go run ./.ci/soak --for 4h --json > soak.json
  go run ./.ci/soak --for 30s --only 'service killed,gateway rolled' --seed 7

Flags:
  --for DURATION    how long things go wrong, in rounds of all of them; one round is always made (default 5m)
  --rate N          turns a second (default 100)
  --talkers N       connections, each with one turn at a time (default 32)
  --seed N          repeats the order of what goes wrong; a run tells its own (default: a random one)
  --only LIST       of what goes wrong, separated by commas:
                    %s
  --gateway FILE    the gateway's binary; default: it is built
  --logs            tell what the processes log, on standard error: of turns and calls those that take too long
  --json            print the report as JSON

The exit status is 0 only when no rule was broken; the report says which. Progress is told on standard error.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

// errBroken is that of a run that has seen a rule broken.
var errBroken = errors.New("rules were broken, see the report")

func run(ctx context.Context, args []string, out, progress io.Writer) (err error) {
	if len(args) > 0 && args[0] == serviceCommand {
		return runService(ctx, args[1:])
	}
	s := &soak{progress: progress}
	var only string
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.DurationVar(&s.options.length, "for", 5*time.Minute, "")
	flags.IntVar(&s.options.rate, "rate", 100, "")
	flags.IntVar(&s.options.talkers, "talkers", 32, "")
	flags.Uint64Var(&s.options.seed, "seed", 0, "")
	flags.StringVar(&only, "only", "", "")
	flags.StringVar(&s.options.binary, "gateway", "", "")
	flags.BoolVar(&s.options.logs, "logs", false, "")
	asJSON := flags.Bool("json", false, "")
	var names []string
	for _, f := range s.faults() {
		names = append(names, f.name)
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		_, err := fmt.Fprintf(out, help, strings.Join(names, ", "))
		return err
	case err != nil:
		return fmt.Errorf("%w; try --help", err)
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected argument %q: want flags only; try --help", flags.Arg(0))
	case s.options.length <= 0 || s.options.rate < 1 || s.options.talkers < 1:
		return errors.New("--for, --rate and --talkers want to be more than 0")
	}
	if s.options.only, err = chosen(only, names); err != nil {
		return err
	}
	for s.options.seed == 0 {
		s.options.seed = rand.Uint64() >> 32 //nolint:gosec // no secret
	}
	s.random = rand.New(rand.NewPCG(s.options.seed, 0)) //nolint:gosec // to be repeated
	if s.folder, err = os.MkdirTemp("", "soak"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.folder)) }()
	_, _ = fmt.Fprintf(progress, "soak: seed %d\n", s.options.seed)
	report, err := s.run(ctx)
	if err != nil {
		return err
	}
	tell := report.print
	if *asJSON {
		tell = report.json
	}
	if err := tell(out); err != nil {
		return err
	}
	if len(report.Broken) > 0 {
		return errBroken
	}
	return nil
}

// chosen reads the value of --only.
func chosen(list string, names []string) (only []string, err error) {
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		switch {
		case list == "":
		case !slices.Contains(names, name):
			return nil, fmt.Errorf("--only %q: there are %s", name, strings.Join(names, ", "))
		default:
			only = append(only, name)
		}
	}
	return only, nil
}

// version is the commit of the checkout.
func version(ctx context.Context) string {
	commit, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return "an unknown version"
	}
	return strings.TrimSpace(string(commit))
}
