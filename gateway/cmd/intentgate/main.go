// Command intentgate is the gateway between Dialogflow and intent services.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"google.golang.org/grpc/grpclog"

	"github.com/intentgate/intentgate/gateway/doctor"
)

func main() {
	// What grpc has to say about connections, the gateway says itself, once and with the reason.
	if os.Getenv("GRPC_GO_LOG_SEVERITY_LEVEL") == "" {
		grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard))
	}
	// The first signal asks for a graceful stop, the second one ends the process.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "intentgate:", strings.Map(doctor.Harmless, err.Error()))
		os.Exit(exitStatus(err))
	}
}

// unplayable is an error that kept the program from doing its job at all, where others say that the job is done and its
// outcome bad.
type unplayable struct{ error }

// Unwrap returns what it was.
func (u unplayable) Unwrap() error { return u.error }

// exitStatus is 2 for what is unplayable, else 1.
func exitStatus(err error) int {
	var u unplayable
	if errors.As(err, &u) {
		return 2
	}
	return 1
}

// run is the whole program: it returns when the command is done or, for those that stay up, when ctx ends. The answer
// goes to stdout, the log and the progress to stderr. No command is an error, and so is one that did not do its job.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	command := newCommand(stdout, stderr) //nolint:contextcheck // cobra hands the context on
	command.SetArgs(args)
	return command.ExecuteContext(ctx)
}
