package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/intentgate/intentgate/gateway/process"
)

func newServeCommand() *cobra.Command {
	var (
		path   string
		audit  string
		asJSON bool
		logs   logFlags
	)
	command := &cobra.Command{
		Use:   "serve --config FILE",
		Short: "Serve Dialogflow's webhooks",
		Long: `Serve Dialogflow's webhooks as the configuration file says, until SIGINT or SIGTERM:
connections are taken for edge.drain_delay more, and turns in flight finished. A second
signal stops at once.

A change of the configuration file, or of a file that it names, is put in force at once,
without an answer lost; so is the whole of it at SIGHUP. What is no good changes nothing,
and the log says why. Only the listeners' own settings need a restart.

The addresses that are listened on go to standard output as soon as they are known, the
log to standard error.`,
		Example: `  intentgate certs --out dev-certs      # certificates to try it with
  intentgate serve --config intentgate.yaml
  intentgate serve --config intentgate.yaml --log-format json --audit-log audit.jsonl`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			logger, dropped, finish, err := logs.logger(command.ErrOrStderr())
			if err != nil {
				return err
			}
			defer finish()
			tuneMemory(logger, containerMemory)
			auditLog, closeAudit, err := openAudit(audit, command.OutOrStdout(), logger)
			if err != nil {
				return err
			}
			defer closeAudit()
			hangups := make(chan os.Signal, 1)
			signal.Notify(hangups, syscall.SIGHUP)
			defer signal.Stop(hangups)
			gateway, err := process.Open(command.Context(), process.Config{File: path, Logger: logger, Audit: auditLog, Now: time.Now, LogDropped: dropped})
			if err != nil {
				return err
			}
			gateway.Follow(hangups)
			if audit != standardOutput { // the log has them, too
				err = tellAddresses(command.OutOrStdout(), gateway.Addresses(), asJSON)
			}
			if err != nil {
				gateway.Close()
				return err
			}
			return gateway.Serve(command.Context())
		},
	}
	flags := command.Flags()
	configFlag(command, &path, "intentgate.yaml", "the configuration file")
	flags.StringVar(&audit, "audit-log", "", "write decisions on identities and changes of the configuration to this file as JSON lines; - is standard output, which\nthen has nothing else (default: into the log, refused handshakes excepted, which it has already)")
	flags.BoolVar(&asJSON, "json", false, "print the addresses as JSON")
	logs.register(command)
	return command
}

// lastLines is how long a log that stalls has for what is left when the gateway stops.
const lastLines = 2 * time.Second

// standardOutput is what a file is called that is none.
const standardOutput = "-"

// openAudit returns where identity decisions are written to; nil is the log.
func openAudit(path string, stdout io.Writer, logger *slog.Logger) (audit *slog.Logger, closeFile func(), err error) {
	if path == "" {
		return nil, func() {}, nil
	}
	if path == standardOutput {
		return slog.New(slog.NewJSONHandler(stdout, nil)), func() {}, nil
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) //nolint:gosec // the user names the file
	if err != nil {
		return nil, nil, fmt.Errorf("open the audit log: %w", err)
	}
	closeFile = func() {
		if err := file.Close(); err != nil {
			logger.Error("Audit log not closed", "error", err)
		}
	}
	return slog.New(slog.NewJSONHandler(file, nil)), closeFile, nil
}

// tellAddresses writes where the gateway listens, for people or for programs.
func tellAddresses(w io.Writer, a process.Addresses, asJSON bool) error {
	if asJSON {
		return printJSON(w, a)
	}
	rows := slices.DeleteFunc([][]string{{"edge", a.Edge}, {"status", a.Status}, {"admin", a.Admin}}, func(row []string) bool { return row[1] == "" })
	return printTable(w, "", rows)
}
