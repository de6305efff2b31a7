package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/intentgate/intentgate/gateway/conversation"
	"github.com/intentgate/intentgate/gateway/pki"
)

//go:embed demo/conversation.yaml
var demoConversation []byte

func newDemoCommand() *cobra.Command {
	var (
		once   bool
		listen string
	)
	command := &cobra.Command{
		Use:   "demo",
		Short: "Run everything on this machine and watch a conversation",
		Long: `Run everything on this machine: a throw-away PKI in a temporary folder, the example
services orders and appointments, the gateway, and a Dialogflow that plays a conversation with
them, as an ES and as a CX agent would. In the shop it is 1 December 2026.

For each turn it shows the JSON that comes in, the gRPC call with the caller in its metadata,
the JSON that goes out, the time it took, and what Dialogflow does. Then it stays up, for you
to call it with the command simulate.`,
		Example: `  intentgate demo
  intentgate demo --once   # exit after the conversation, with status 1 if an answer was wrong`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			command.PrintErrln("Making a throw-away PKI …")
			keys, err := pki.New(pki.Options{})
			if err != nil {
				return err
			}
			if err := playDemo(command, keys, listen); err != nil || once {
				return err
			}
			return stayUp(command, keys, listen)
		},
	}
	command.Flags().BoolVar(&once, "once", false, "exit after the conversation")
	command.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "the address of the edge; port 0 chooses a free one")
	return command
}

// playDemo plays the conversation on both platforms, each with services that know of nothing yet, and shows all of it.
func playDemo(command *cobra.Command, keys *pki.PKI, listen string) error {
	file, err := conversation.Parse("demo", demoConversation)
	if err != nil {
		return err
	}
	one := demoTheatre(keys, listen, slog.New(slog.DiscardHandler))
	for _, platform := range conversation.Platforms() {
		result := one.play(command.Context(), file.Conversations[0], platform)
		if result.Error != "" {
			return errors.New(result.Error)
		}
		if _, err := fmt.Fprint(command.OutOrStdout(), result.Text(true)); err != nil {
			return err
		}
		if result.Failed() {
			return fmt.Errorf("Dialogflow %s is not answered as it should be", platform) //nolint:staticcheck // it begins with a name
		}
	}
	return nil
}

// stayUp runs everything until the command ends, and says how to go on.
func stayUp(command *cobra.Command, keys *pki.PKI, listen string) (err error) {
	target := ""
	e, err := startEmbedded(command.Context(), keys, func(ctx context.Context, e *embedded) error {
		log, err := os.Create(filepath.Join(e.dir, "log.jsonl")) // for who looks for it
		if err != nil {
			return err
		}
		e.group.Go(func() error {
			<-ctx.Done()
			return log.Close()
		})
		target, err = e.demo(ctx, listen, slog.New(slog.NewJSONHandler(log, nil)))
		return err
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	program, err := os.Executable() // `go run` puts it where no shell finds it
	if err != nil {
		return err
	}
	text := strings.NewReplacer("PROGRAM", program, "CONFIG", filepath.Join(e.dir, configFile), "CERTS", filepath.Join(e.dir, certsFolder), "LOG", filepath.Join(e.dir, "log.jsonl"),
		"EDGE", e.assembly.addresses.Edge, "STATUS", e.assembly.addresses.Status, "ADMIN", e.assembly.addresses.Admin, "ORDERS", target).Replace(farewell)
	if _, err := fmt.Fprint(command.OutOrStdout(), text); err != nil {
		return err
	}
	<-command.Context().Done()
	return nil
}

const farewell = `
Everything stays up. Be Dialogflow yourself:

PROGRAM simulate --config CONFIG --dev CERTS EDGE/dialogflow/es \
  --intent order.track --param order_id=A-1043

Or be another program of the shop, which calls the same RPC. In a checkout:

go run ./services/callcenter/cmd/callcenter --target ORDERS --server-name orders.internal \
  --ca CERTS/internal-ca.pem --cert CERTS/callcenter.pem --key CERTS/callcenter.key A-1043

    metrics   STATUS/metrics
    health    STATUS/readyz
    routes    ADMIN/v1/routes
    services  ADMIN/v1/services
    config    CONFIG
    log       LOG

Stop with Ctrl-C: the folder goes with it.
`
