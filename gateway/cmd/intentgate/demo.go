package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/intentgate/intentgate/gateway/conversation"
	"github.com/intentgate/intentgate/gateway/pki"
)

//go:embed demo/conversation.yaml
var demoConversation []byte

func newDemoCommand() *cobra.Command {
	var d demo
	command := &cobra.Command{
		Use:   "demo",
		Short: "Run everything on this machine and watch conversations",
		Long: `Run everything on this machine: a throw-away PKI in a temporary folder, the example services, the
gateway, and a Dialogflow that plays two conversations with them, one in English and one in German, as an
ES and as a CX agent would. In the shop it is 1 December 2026.

The services orders and appointments, in Go, are part of this program. In a checkout those in other
languages run beside them, as processes of their own: stores in Python, loyalty in TypeScript, and payments
in Java. They are started from what make has prepared there; what is not is left out, and the command that
prepares it is named. make demo prepares all for which the machine has the tools.

For each turn it shows the JSON that comes in, the gRPC call with the caller in its metadata,
the JSON that goes out, the time it took, and what Dialogflow does. Then it stays up, for you
to call it with the command simulate.`,
		Example: `  intentgate demo
  intentgate demo --once   # exit after the conversations, with status 1 if an answer was wrong`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) (err error) {
			// The services go when the terminal does, too.
			ctx, stop := signal.NotifyContext(command.Context(), syscall.SIGHUP)
			defer stop()
			file, err := conversation.Parse("demo", demoConversation)
			if err != nil {
				return err
			}
			d.conversations, d.neighbours, d.out = file.Conversations, findNeighbours(ctx), command.OutOrStdout()
			d.introduce(command)
			command.PrintErrln("Making a throw-away PKI …")
			if d.keys, err = pki.New(pki.Options{}); err != nil {
				return err
			}
			if err := d.play(ctx, conversation.ES, false); err != nil {
				return err
			}
			return d.play(ctx, conversation.CX, !d.once)
		},
	}
	command.Flags().BoolVar(&d.once, "once", false, "exit after the conversations")
	command.Flags().StringVar(&d.listen, "listen", "127.0.0.1:0", "the address of the edge; port 0 chooses a free one")
	return command
}

// demo is what people see first.
type demo struct {
	once   bool
	listen string

	keys          *pki.PKI
	neighbours    []*neighbour
	conversations []*conversation.Conversation
	out           io.Writer
}

// introduce tells of the services in other languages, and leaves out of the conversations what those would be asked that are
// left out themselves.
func (d *demo) introduce(command *cobra.Command) {
	var unsaid []string
	for _, n := range d.neighbours {
		if n.command != nil {
			command.PrintErrf("Found %s, in %s: %s\n", n.name, n.language, n.file)
			continue
		}
		command.PrintErrf("Left out: %s %s\n", n.name, n.missing)
		for _, c := range d.conversations {
			c.Turns = slices.DeleteFunc(c.Turns, func(t *conversation.Turn) bool {
				leave := n.answers(c, t)
				if leave {
					unsaid = append(unsaid, fmt.Sprintf("%q", t.Said()))
				}
				return leave
			})
		}
	}
	d.neighbours = slices.DeleteFunc(d.neighbours, func(n *neighbour) bool { return n.command == nil })
	if unsaid != nil {
		command.PrintErrln("Left out of the conversations, therefore:", strings.Join(unsaid, ", "))
	}
}

// play plays the conversations on a platform, with services that know of nothing yet, and shows all of it. Then it stays up if
// it is to, and says how to go on.
func (d *demo) play(ctx context.Context, platform string, stay bool) (err error) {
	var services map[string]string
	e, err := startEmbedded(ctx, d.keys, func(ctx context.Context, e *embedded) error {
		log, err := os.Create(filepath.Join(e.dir, "log.jsonl")) // for who looks for it
		if err != nil {
			return err
		}
		e.group.Go(func() error {
			<-ctx.Done()
			return log.Close()
		})
		services, err = e.demo(ctx, d.listen, slog.New(slog.NewJSONHandler(log, nil)), d.neighbours)
		return err
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	for _, c := range d.conversations {
		result := e.play(ctx, c, platform)
		if result.Error != "" {
			return errors.New(result.Error)
		}
		if _, err := fmt.Fprint(d.out, result.Text(true)); err != nil {
			return err
		}
		if result.Failed() {
			return fmt.Errorf("Dialogflow %s is not answered as it should be", platform) //nolint:staticcheck // it begins with a name
		}
	}
	if !stay {
		return nil
	}
	program, err := os.Executable() // `go run` puts it where no shell finds it
	if err != nil {
		return err
	}
	text := strings.NewReplacer("PROGRAM", program, "CONFIG", filepath.Join(e.dir, configFile), "CERTS", filepath.Join(e.dir, certsFolder), "DIR", e.dir,
		"EDGE", e.gateway.Addresses().Edge, "STATUS", e.gateway.Addresses().Status, "ADMIN", e.gateway.Addresses().Admin, "ORDERS", services["orders"]).Replace(farewell)
	if _, err := fmt.Fprint(d.out, text); err != nil {
		return err
	}
	<-e.ended
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
    logs      DIR/*.log*

Stop with Ctrl-C: the folder goes with it.
`
