package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/intentgate/intentgate/gateway/config"
	"github.com/intentgate/intentgate/gateway/doctor"
)

func newCheckCommand() *cobra.Command {
	var (
		path            string
		offline, asJSON bool
	)
	command := &cobra.Command{
		Use:   "check [--config FILE]",
		Short: "Tell all that can be known before serving",
		Long: `Tell all that can be known before serving: whether the configuration is good, the certificates,
their chains, names and dates, what is trusted, whether the keys of ID tokens can be fetched,
and whether each service is there, has the right certificate, accepts the gateway's, believes
it, and refuses strangers.

Each finding has a verdict and, where there is something to do, a remedy. It ends with status
1 if something failed; warnings do not count.

Services are asked for their health over mutual TLS, and nothing else; their logs will tell of
two refused handshakes, of a stranger without a certificate and of one with a self-made one.
Addresses to listen on are opened for a moment. With --offline no other machine is asked.`,
		Example: `  intentgate check
  intentgate check --config intentgate.yaml --offline
  intentgate check --json | jq '.findings[] | select(.verdict != "ok")'`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			heard := []hearing{}
			report := checkConfig(command, path, func(ctx context.Context, e *checkup) doctor.Report {
				e.offline = offline
				report := e.all(ctx)
				heard = append(heard, e.hearings...)
				return report
			})
			return conclude(command, report, asJSON, map[string]any{"failed": report.Failed(), "findings": []doctor.Finding(report), "fallbacks": heard})
		},
	}
	flags := command.Flags()
	configFlag(command, &path, "intentgate.yaml", "the configuration file")
	flags.BoolVar(&offline, "offline", false, "ask no other machine: neither services nor the URL of ID token keys")
	flags.BoolVar(&asJSON, "json", false, "print the findings as JSON")
	return command
}

// checkConfig examines what a configuration file names, or tells what is wrong with the file.
func checkConfig(command *cobra.Command, path string, examine func(context.Context, *checkup) doctor.Report) doctor.Report {
	settings, err := config.Load(path, time.Now())
	if err != nil {
		return unreadable(err).About("configuration")
	}
	command.PrintErrln("Examining what", path, "names …")
	return examine(command.Context(), &checkup{settings: settings, now: time.Now})
}

// conclude prints a report, for programs as what is given, and returns an error if anything failed.
func conclude(command *cobra.Command, report doctor.Report, asJSON bool, program any) (err error) {
	if asJSON {
		err = printJSON(command.OutOrStdout(), program)
	} else {
		err = report.Print(command.OutOrStdout())
	}
	if err == nil && report.Failed() {
		err = errors.New("something failed: " + report.Summary())
	}
	return err
}

// unreadable is what the loader says, a finding for each problem.
func unreadable(err error) doctor.Report {
	finding := doctor.Finding{Check: "config", Verdict: doctor.Failed, Saw: err.Error()}
	var problems *config.Error
	if !errors.As(err, &problems) {
		return doctor.Report{finding}
	}
	var report doctor.Report
	for _, problem := range problems.Problems {
		finding.Saw = problem.String()
		report = append(report, finding)
	}
	return report
}
