// Command appointments serves the example intents of package appointments.
package main

import (
	"flag"
	"io"
	"os"

	"google.golang.org/grpc"

	appointmentsv1 "github.com/intentgate/intentgate/gen/go/shop/appointments/v1"
	"github.com/intentgate/intentgate/services/appointments"
	"github.com/intentgate/intentgate/services/serve"
)

func main() {
	shop := appointments.New(appointments.Config{})
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	store := flags.String("store", "appointments.db", "where the appointments are kept: a `FILE` of its own")
	os.Exit(serve.Main(serve.Config{
		Name:  "appointments",
		Flags: flags,
		Open:  func() (io.Closer, error) { return shop, shop.Open(*store) },
		Register: func(server grpc.ServiceRegistrar) {
			appointmentsv1.RegisterAppointmentServiceServer(server, shop)
		},
	}))
}
