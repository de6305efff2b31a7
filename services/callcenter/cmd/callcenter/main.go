// Command callcenter tells where an order is, to those who have its customer on the telephone. It is an example of a program
// that calls a typed intent directly: by the generated client and with a certificate of its own, without Dialogflow.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"time"

	"google.golang.org/grpc"

	ordersv1 "github.com/intentgate/intentgate/gen/go/shop/orders/v1"
	"github.com/intentgate/intentgate/services/mtls"
)

const help = `callcenter tells where an order is, as the orders service knows it.

Usage:
  callcenter --cert FILE --key FILE --ca FILE [flags] ORDER_ID

Example:
  callcenter --cert callcenter.pem --key callcenter.key --ca internal-ca.pem --target localhost:9443 A-1042

  The orders service was started with --allow dns:callcenter.internal, the name in callcenter.pem.

Flags:
  --target ADDRESS      the orders service, host and port or any gRPC name (default orders.internal:8443)
  --server-name NAME    the DNS name in the service's certificate (default: the host of the target)
  --cert FILE           the program's own certificate, its intermediates after it
  --key FILE            the certificate's private key
  --ca FILE             the authorities that issue the service's certificate

Files are PEM.
`

func main() { os.Exit(exitStatus(os.Args[1:])) }

// exitStatus runs the program and returns its exit status.
func exitStatus(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, args, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintf(os.Stderr, "callcenter: %v\n", err)
		return 1
	}
	return 0
}

// run is the program: help and the answer go to stdout, the log to stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	var (
		target, serverName string
		files              mtls.Files
	)
	flags := flag.NewFlagSet("callcenter", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error says it
	flags.StringVar(&target, "target", "orders.internal:8443", "")
	flags.StringVar(&serverName, "server-name", "", "")
	flags.StringVar(&files.Cert, "cert", "", "")
	flags.StringVar(&files.Key, "key", "", "")
	flags.StringVar(&files.CA, "ca", "", "")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		_, err = io.WriteString(stdout, help)
		return err
	} else if err != nil {
		return fmt.Errorf("%w; try --help", err)
	}
	if flags.NArg() != 1 || files.Cert == "" || files.Key == "" || files.CA == "" {
		return fmt.Errorf("want --cert, --key, --ca and one order, such as A-1042, seen %q; try --help", args)
	}

	identity, err := mtls.Open(files, mtls.Options{Logger: slog.New(slog.NewTextHandler(stderr, nil))})
	if err != nil {
		return err
	}
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(identity.ClientCredentials(serverName)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	order, err := ordersv1.NewOrderServiceClient(conn).TrackOrder(ctx, &ordersv1.TrackOrderRequest{OrderId: flags.Arg(0)})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%s\nstatus     %s\nwarehouse  %s\n", order.GetText(),
		strings.TrimPrefix(order.GetStatus().String(), "ORDER_STATUS_"), order.GetWarehouseNote())
	return err
}
