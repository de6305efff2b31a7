package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/intentgate/intentgate/gateway/build"
	"github.com/intentgate/intentgate/gateway/logqueue"
	"github.com/intentgate/intentgate/gateway/telemetry"
)

// newCommand returns the command line: one sub-command a file.
func newCommand(stdout, stderr io.Writer) *cobra.Command {
	info := build.Read()
	command := &cobra.Command{
		Use:   "intentgate",
		Short: "Implement Dialogflow intents as gRPC services",
		Long: `IntentGate answers Dialogflow ES and CX webhooks with gRPC services of yours.

Dialogflow calls one HTTPS endpoint over mutual TLS. The gateway judges the client
certificate, reads the webhook, calls the intent service over gRPC with mutual TLS of
its own and the caller in the metadata, and answers inside Dialogflow's time limit.`,
		Example: `  intentgate demo                          # everything on this machine
  intentgate profiles                      # whose certificates are trusted
  intentgate jwks                          # by which keys services verify callers' tokens
  intentgate certs --out dev-certs         # a development PKI
  intentgate doctor https://HOST/PATH      # why does the handshake fail
  intentgate check                         # what is wrong with intentgate.yaml, or will be
  intentgate config diff old.yaml new.yaml  # what is other, and does it need a restart
  intentgate serve --config intentgate.yaml
  intentgate simulate --dev dev-certs …    # be Dialogflow
  intentgate test conversations/*.yaml     # play conversations from files
  intentgate conformance --start …         # judge a service, in any language
  intentgate version --sbom                # what is in this program
  source <(intentgate completion bash)     # have the shell complete commands and flags`,
		Version:       strings.TrimSpace(info.Version + " " + info.Commit),
		SilenceErrors: true, // main prints the one that run returns
		SilenceUsage:  true,
		Args: func(command *cobra.Command, args []string) error {
			if err := cobra.NoArgs(command, args); err != nil {
				return fmt.Errorf("%w; see `%s --help`", err, command.CommandPath())
			}
			return nil
		},
		RunE: func(command *cobra.Command, _ []string) error {
			if err := command.Help(); err != nil {
				return err
			}
			return fmt.Errorf("a command is needed, such as `intentgate demo`")
		},
	}
	command.SetOut(stdout)
	command.SetErr(stderr)
	command.SetFlagErrorFunc(func(command *cobra.Command, err error) error {
		return fmt.Errorf("%w; see `%s --help`", err, command.CommandPath())
	})
	command.AddCommand(newServeCommand(), newCheckCommand(), newConfigCommand(), newIntentsCommand(), newProfilesCommand(), newJWKSCommand(), newCertsCommand(), newDoctorCommand(), newSimulateCommand(), newTestCommand(), newConformanceCommand(), newDemoCommand(), newVersionCommand())
	return command
}

// logFlags are the flags of every command that logs.
type logFlags struct {
	format string
	level  slog.Level
}

func (f *logFlags) register(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&f.format, "log-format", "text", "format of the log on standard error: text or json")
	flags.TextVar(&f.level, "log-level", slog.LevelInfo, "least level that is logged: DEBUG, INFO, WARN or ERROR")
	complete(command, "log-format", "text", "json")
	complete(command, "log-level", "DEBUG", "INFO", "WARN", "ERROR")
}

// logger returns a logger that does not wait for a file or a pipe to take its lines, how many it has dropped, and what writes the last.
func (f *logFlags) logger(w io.Writer) (logger *slog.Logger, dropped func() int64, finish func(), err error) {
	dropped, finish = func() int64 { return 0 }, func() {}
	if file, ok := w.(*os.File); ok {
		queue := logqueue.New(file, func(dropped int64) {
			logger.Warn("Log lines dropped", "lines", dropped, "hint", "whatever reads the log does not keep up")
		})
		w, dropped = queue, queue.Dropped
		finish = func() { _ = queue.Close(lastLines) } // should it be stalled, so is what would tell it
	}
	switch f.format {
	case "text":
		logger = slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: f.level}))
	case "json":
		logger = slog.New(telemetry.NewJSONHandler(w, f.level))
	default:
		finish()
		return nil, nil, nil, fmt.Errorf("--log-format %q is unknown: text or json is wanted", f.format)
	}
	return logger, dropped, finish, nil
}

// complete offers fixed values for a flag in the shell.
func complete(command *cobra.Command, flag string, values ...string) {
	must(command.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)))
}

// configFlag is the flag of commands that read a configuration.
func configFlag(command *cobra.Command, path *string, standard, usage string) {
	command.Flags().StringVarP(path, "config", "c", standard, usage)
	must(command.MarkFlagFilename("config", "yaml", "yml"))
}

// must panics for a flag that is not there: a mistake in the function that calls it.
func must(errs ...error) {
	for _, err := range errs {
		if err != nil {
			panic(err)
		}
	}
}

// printJSON writes v for programs.
func printJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// printTable writes rows in columns for people, their first cells behind an indentation.
func printTable(w io.Writer, indent string, rows [][]string) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		if _, err := fmt.Fprintln(table, indent+strings.Join(row, "\t")); err != nil {
			return err
		}
	}
	return table.Flush()
}
