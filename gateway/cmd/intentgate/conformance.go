package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/intentgate/intentgate/gateway/conformance"
	"github.com/intentgate/intentgate/gateway/doctor"
	"github.com/intentgate/intentgate/gateway/junit"
	"github.com/intentgate/intentgate/gateway/process"
	"github.com/intentgate/intentgate/services/mtls"
)

// conformanceOptions are the flags of conformance.
type conformanceOptions struct {
	conformance.Config

	start, descriptors, run, junit string
	list, asJSON, verbose          bool
}

func newConformanceCommand() *cobra.Command {
	var o conformanceOptions
	command := &cobra.Command{
		Use:   "conformance",
		Short: "Judge an intent service, in any language, by what the gateway relies on",
		Long: `Judge an intent service, in any language, by what the gateway relies on: who is let in and believed, how it
describes itself, what it makes of deadlines, statuses, odd messages and many calls at once, and whether it
reloads its certificates and stops without losing a call.

With --start it starts the service, with certificates that it makes for the purpose and swaps while the service
runs, and ends it by SIGTERM. The command is run by sh, in its place; filled in are

  {listen}            the address to listen on
  {cert} {key} {ca}   the service's certificate, its key, and the authorities of its callers
  {assert}            the caller that may say for whom it calls: ` + conformance.Asserting + `
  {allow}             a caller that calls for itself: ` + conformance.Allowed + `
  {jwks} {trust_domain} {issuer} {forward}
                      for the flags of these names: the service asks for callers' tokens, and is judged by that
  {policy}            a file for --policy, likewise

Without it the service runs already, and the certificates are yours: of the gateway, of a program that may call
(--caller-cert), and of one that may not (--unlisted-cert). What takes more than you give is skipped.

Most checks are black box. The others ask intentgate.conformance.v1.ProbeService, which the libraries serve with
the flag --probe, of how they handle calls; without it these are skipped or, with --require-probe, fail. --list
tells of all checks, docs/conformance.md has more.

The exit status is 0 if no check failed, 1 if one did, and 2 if nothing could be judged.`,
		Example: `  # a service as its team starts it, with all that can be judged
  intentgate conformance --require-probe --start 'python -m orders --listen {listen} --cert {cert} \
    --key {key} --ca {ca} --assert {assert} --allow {allow} --probe'

  # and with tokens and a policy: add
  #   --jwks {jwks} --trust-domain {trust_domain} --issuer {issuer} --forward {forward} --policy {policy}

  # one that runs
  intentgate conformance --target orders.internal:8443 --ca internal-ca.pem \
    --gateway-cert gateway.pem --gateway-key gateway.key

  # one thing again, with what the service says meanwhile
  intentgate conformance --start './orders …' --run '^graceful_stop$' -v`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if o.list {
				return listChecks(command)
			}
			return o.judge(command)
		},
	}
	flags := command.Flags()
	flags.StringVar(&o.start, "start", "", "start the service by this command, with certificates made for it")
	flags.StringVar(&o.Target, "target", "", "where the service is, such as orders.internal:8443; with --start a free port")
	flags.StringVar(&o.ServerName, "server-name", "", "the name in the service's certificate (default the host of the target)")
	flags.StringVar(&o.Gateway.CA, "ca", "", "PEM file of the CA that issued the service's certificate")
	for _, one := range []struct {
		name, who string
		files     *mtls.Files
	}{
		{"gateway", "the gateway, whom the service believes", &o.Gateway},
		{"caller", "a program that the service lets call for itself", &o.Caller},
		{"unlisted", "a program of a CA that the service knows, which is on no list", &o.Unlisted},
	} {
		flags.StringVar(&one.files.Cert, one.name+"-cert", "", "PEM file of the certificate of "+one.who)
		flags.StringVar(&one.files.Key, one.name+"-key", "", "PEM file of its key")
		must(command.MarkFlagFilename(one.name+"-cert", "pem", "crt"), command.MarkFlagFilename(one.name+"-key", "pem", "key"))
		command.MarkFlagsRequiredTogether(one.name+"-cert", one.name+"-key")
		command.MarkFlagsMutuallyExclusive("start", one.name+"-cert")
	}
	flags.StringVar(&o.descriptors, "descriptors", "", "the service's descriptor set (default: it is asked by reflection)")
	flags.StringVar(&o.run, "run", "", "make only checks whose ids this regular expression finds")
	flags.BoolVar(&o.RequireProbe, "require-probe", false, "fail, instead of skip, what takes the probe where the service does not serve it")
	flags.DurationVar(&o.Patience, "patience", 30*time.Second, "how long to wait for what has to come: the start, an answer, a reload, the end")
	flags.StringVar(&o.junit, "junit", "", "write a report as JUnit XML to this file, too")
	flags.BoolVar(&o.asJSON, "json", false, "print the report as JSON")
	flags.BoolVar(&o.list, "list", false, "list the checks, and judge nothing")
	flags.BoolVarP(&o.verbose, "verbose", "v", false, "show what the service writes on standard error")
	command.MarkFlagsMutuallyExclusive("start", "ca")
	must(command.MarkFlagFilename("ca", "pem", "crt"), command.MarkFlagFilename("descriptors", "binpb"), command.MarkFlagFilename("junit", "xml"))
	must(command.RegisterFlagCompletionFunc("run", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var ids []string
		for _, check := range conformance.Checks() {
			ids = append(ids, cobra.CompletionWithDesc("^"+check.ID+"$", check.Relies))
		}
		return ids, cobra.ShellCompDirectiveNoFileComp
	}))
	return command
}

// listChecks prints the checks, a line each.
func listChecks(command *cobra.Command) error {
	var text strings.Builder
	for _, check := range conformance.Checks() {
		fmt.Fprintf(&text, "%-20s %-9s  %s\n", check.ID, check.Kind(), check.Relies)
	}
	_, err := fmt.Fprint(command.OutOrStdout(), text.String())
	return err
}

func (o *conformanceOptions) judge(command *cobra.Command) error {
	report, err := o.report(command)
	if err != nil {
		if command.Context().Err() != nil {
			return err
		}
		return unplayable{err}
	}
	if err := o.writeJUnit(report); err != nil {
		return unplayable{err}
	}
	return conclude(command, report, o.asJSON, report)
}

func (o *conformanceOptions) report(command *cobra.Command) (_ doctor.Report, err error) {
	if o.Run, err = regexp.Compile(o.run); err != nil {
		return nil, fmt.Errorf("--run: %w", err)
	}
	if o.Patience <= 0 {
		return nil, fmt.Errorf("--patience %s: more than 0 is wanted", o.Patience)
	}
	if o.descriptors != "" {
		if o.Descriptors, err = process.ReadDescriptors(o.descriptors); err != nil {
			return nil, err
		}
	}
	o.Now = time.Now
	if !o.verbose { // the service's own log takes the place
		o.Progress = func(r doctor.Finding) { command.PrintErrf("%s: %s\n", r.Check, r.Verdict) }
	}
	if o.start != "" {
		return o.started(command)
	}
	switch {
	case o.Target == "":
		return nil, errors.New("nothing to judge: give --start with the command of a service, or --target where one runs; see `intentgate conformance --help`")
	case o.Gateway.Cert == "" || o.Gateway.CA == "":
		return nil, errors.New("to call a service that runs, --gateway-cert, --gateway-key and --ca are needed; with --start they are made")
	}
	return o.Judge(command.Context())
}

// started judges a service that it starts and ends.
func (o *conformanceOptions) started(command *cobra.Command) (_ doctor.Report, err error) {
	dir, err := os.MkdirTemp("", "conformance")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if o.Keys, err = conformance.NewKeys(dir); err != nil {
		return nil, err
	}
	start := conformance.Start{Command: o.start, Listen: o.Target, Keys: o.Keys, Patience: o.Patience}
	if o.verbose {
		start.Log = command.ErrOrStderr()
	}
	service, err := start.Run(command.Context())
	if err != nil {
		return nil, err
	}
	defer service.End(min(o.Patience, 5*time.Second)) // kindly: it may have to write down what its tests covered
	o.Process, o.Config.Start, o.Target, o.ServerName = service, &start, service.Address, conformance.ServerName
	o.Gateway, o.Caller, o.Unlisted = o.Keys.Gateway, o.Keys.Caller, o.Keys.Unlisted
	return o.Judge(command.Context())
}

func (o *conformanceOptions) writeJUnit(report doctor.Report) error {
	if o.junit == "" {
		return nil
	}
	suite := junit.Suite{Name: "intentgate conformance"}
	for _, r := range report {
		one := junit.Case{Class: "conformance." + strings.ReplaceAll(r.About, " ", "_"), Name: r.Check, Seconds: r.Seconds, Message: r.Saw}
		switch r.Verdict {
		case doctor.Failed:
			one.Outcome, one.Text = junit.Failure, fmt.Sprintf("saw     %s\nwanted  %s\nremedy  %s\n", r.Saw, r.Wanted, r.Remedy)
		case doctor.Skipped:
			one.Outcome = junit.Skipped
		default:
		}
		suite.Cases = append(suite.Cases, one)
	}
	var text bytes.Buffer
	if err := junit.Write(&text, []junit.Suite{suite}); err != nil {
		return err
	}
	return os.WriteFile(o.junit, text.Bytes(), 0o644) //nolint:gosec // a report is for all to read
}
