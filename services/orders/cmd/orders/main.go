// Command orders serves the example intents of package orders.
package main

import (
	"os"
	"time"

	"google.golang.org/grpc"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	ordersv1 "github.com/intentgate/intentgate/gen/go/shop/orders/v1"
	"github.com/intentgate/intentgate/services/orders"
	"github.com/intentgate/intentgate/services/serve"
)

func main() {
	os.Exit(serve.Main(serve.Config{
		Name: "orders",
		Register: func(server grpc.ServiceRegistrar) {
			shop := orders.New(time.Now())
			ordersv1.RegisterOrderServiceServer(server, shop)
			intentgatev1.RegisterIntentServiceServer(server, shop)
		},
	}))
}
