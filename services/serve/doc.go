// Package serve is what an intent service needs around its handlers: a gRPC server that speaks mutual TLS and nothing
// else, answers only the callers it was told of, reloads its certificates, ends connections whose trust has ended or that
// are of age, and stops without cutting off a call.
//
// The main of a service is one call of [Main]:
//
//	func main() {
//		os.Exit(serve.Main(serve.Config{Name: "orders", Register: func(r grpc.ServiceRegistrar) {
//			intentgatev1.RegisterIntentServiceServer(r, orders.New(time.Now()))
//		}}))
//	}
//
// A handler learns who calls, and on whose behalf, from caller.FromContext. Beside the service's own methods there are
// grpc.health.v1.Health and server reflection, under the same rules.
package serve
