package serve

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// Main runs a service until it is interrupted or told to terminate, and returns the exit status of the process: 0 when
// all went well, 1 when it did not, 2 when the command line is wrong.
//
// The command line says what [Config] does not; see --help.
func Main(config Config) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The second signal ends the process at once.
	context.AfterFunc(ctx, stop)

	err := Run(ctx, os.Args[1:], os.Stdout, os.Stderr, config)
	var usage *UsageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "%s: %v\nTry: %s --help\n", config.Name, err, config.Name)
		return 2
	default:
		fmt.Fprintf(os.Stderr, "%s: %v\n", config.Name, err)
		return 1
	}
}

// UsageError is a mistake in the command line.
type UsageError struct {
	Problem string // what was seen and what was wanted
}

// Error returns the problem.
func (e *UsageError) Error() string { return e.Problem }

// Run is Main for those who bring their own context, arguments and writers: help goes to stdout, the log to stderr. It
// returns when the context has ended and calls in flight are done, or at once when only the descriptors were asked for. The
// error is a *UsageError where the arguments are wrong.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer, config Config) (err error) {
	logFormat, descriptors, err := parse(args, &config)
	if errors.Is(err, flag.ErrHelp) {
		_, err = fmt.Fprintf(stdout, help, config.Name, ownFlags(config.Flags))
		return err
	}
	if err != nil {
		return err
	}
	if descriptors != "" {
		return writeDescriptors(descriptors, config)
	}
	if config.Logger == nil {
		config.Logger = slog.New(newHandler(logFormat, stderr))
	}
	if _, err := config.check(); err != nil {
		return &UsageError{err.Error()}
	}
	if config.Open != nil {
		opened, failed := config.Open()
		if failed != nil {
			return fmt.Errorf("service %q: %w", config.Name, failed)
		}
		defer func() { err = errors.Join(err, opened.Close()) }()
	}
	server, err := New(ctx, config)
	if err != nil {
		return err
	}
	return server.Serve(ctx)
}

func newHandler(format string, w io.Writer) slog.Handler {
	if format == "json" {
		return slog.NewJSONHandler(w, nil)
	}
	return slog.NewTextHandler(w, nil)
}
