package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/intentgate/intentgate/gateway/config"
	"github.com/intentgate/intentgate/gateway/pki"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	appointmentsv1 "github.com/intentgate/intentgate/gen/go/shop/appointments/v1"
	ordersv1 "github.com/intentgate/intentgate/gen/go/shop/orders/v1"
	"github.com/intentgate/intentgate/services/appointments"
	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/orders"
	"github.com/intentgate/intentgate/services/serve"
)

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
them, as an ES and as a CX agent would.

For each turn it shows the JSON that comes in, the gRPC call with the caller in its metadata,
the JSON that goes out, and the time it took. Then it stays up, for you to call it with the command simulate.`,
		Example: `  intentgate demo
  intentgate demo --once   # exit after the conversation, with status 1 if an answer was wrong`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			command.PrintErrln("Making a throw-away PKI …")
			return runDemo(command.Context(), demoOptions{out: command.OutOrStdout(), once: once, listen: listen})
		},
	}
	command.Flags().BoolVar(&once, "once", false, "exit after the conversation")
	command.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "the address of the edge; port 0 chooses a free one")
	return command
}

type demoOptions struct {
	out    io.Writer
	once   bool
	listen string
}

// What the demo's folder holds.
const (
	certsFolder = "certs"
	configFile  = "intentgate.yaml"
	descriptors = "orders.binpb"
	storeFile   = "appointments.db"
	logFile     = "log.jsonl"
)

// runDemo sets everything up, plays the conversation, and waits for ctx to end. The folder with the keys goes with it.
func runDemo(ctx context.Context, o demoOptions) (err error) {
	keys, err := pki.New(pki.Options{})
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "intentgate-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if _, err := keys.Write(filepath.Join(dir, certsFolder)); err != nil {
		return err
	}
	// What the parts have to say is there for who looks for it; what the demo shows is the conversation.
	log, err := os.Create(filepath.Join(dir, logFile)) //nolint:gosec // below a folder of our own
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()

	ctx, stop := context.WithCancel(ctx)
	group, ctx := errgroup.WithContext(ctx)
	defer func() {
		stop()
		err = errors.Join(err, group.Wait())
	}()
	stage := stage{dir: dir, listen: o.listen, logger: slog.New(slog.NewJSONHandler(log, nil)), calls: make(chan call, 1), today: time.Now}
	targets, err := stage.services(ctx, group)
	if err != nil {
		return err
	}
	at, err := stage.gateway(ctx, group, targets)
	if err != nil {
		return err
	}
	demo := demo{out: o.out, edge: at.Edge, pki: keys, calls: stage.calls, today: stage.today()}
	if err := demo.play(ctx); err != nil || o.once {
		return err
	}
	if err := demo.farewell(dir, at, targets.orders); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// What the agents are configured with. Tokens are made for the URL in the agent, whatever address it leads to.
const (
	webhookURL = "https://fulfil.shop.example"
	demoES     = "/dialogflow/es"
	demoCX     = "/dialogflow/cx"
	shopNumber = 415104041262
)

// stage is what the conversation is played on.
type stage struct {
	dir, listen string
	logger      *slog.Logger
	calls       chan call
	today       func() time.Time  // the clock of the services
	changes     []func(*assembly) // to the gateway
}

// targets are where the services are.
type targets struct{ orders, appointments string }

// services starts the example services.
func (s *stage) services(ctx context.Context, group *errgroup.Group) (at targets, err error) {
	shop := orders.New(s.today())
	at.orders, err = s.service(ctx, group, "orders", pki.OrdersCert, pki.OrdersKey, func(r grpc.ServiceRegistrar) {
		ordersv1.RegisterOrderServiceServer(r, shop)
		intentgatev1.RegisterIntentServiceServer(r, shop)
	})
	if err != nil {
		return at, err
	}
	diary := appointments.New(appointments.Config{Now: s.today})
	if err := diary.Open(filepath.Join(s.dir, storeFile)); err != nil {
		return at, err
	}
	group.Go(func() error {
		<-ctx.Done()
		return diary.Close() // waits for changes on their way
	})
	at.appointments, err = s.service(ctx, group, "appointments", pki.AppointmentsCert, pki.AppointmentsKey, func(r grpc.ServiceRegistrar) {
		appointmentsv1.RegisterAppointmentServiceServer(r, diary)
	})
	return at, err
}

// service starts a service, has it tell of its methods, and returns its address.
func (s *stage) service(ctx context.Context, group *errgroup.Group, name, cert, key string, register func(grpc.ServiceRegistrar)) (string, error) {
	file := func(name string) string { return filepath.Join(s.dir, certsFolder, name) }
	config := serve.Config{
		Name: name, Listen: "127.0.0.1:0", Logger: s.logger.With("process", name),
		TLS:       mtls.Files{Cert: file(cert), Key: file(key), CA: file(pki.InternalCA)},
		Asserting: []string{"dns:" + pki.GatewayName}, Allowed: []string{"dns:" + pki.CallCenterName},
		Register: func(r grpc.ServiceRegistrar) { register(recorder{r, name, s.calls}) },
	}
	if err := serve.Run(ctx, []string{"--descriptors", filepath.Join(s.dir, name+".binpb")}, io.Discard, io.Discard, config); err != nil {
		return "", err
	}
	server, err := serve.New(ctx, config)
	if err != nil {
		return "", err
	}
	group.Go(func() error { return server.Serve(ctx) })
	return server.Addr().String(), nil
}

// gateway starts the gateway from a configuration file, as `intentgate serve` would, and returns its addresses.
func (s *stage) gateway(ctx context.Context, group *errgroup.Group, at targets) (addresses, error) {
	path := filepath.Join(s.dir, configFile)
	if err := os.WriteFile(path, demoConfig(s.listen, at), 0o600); err != nil {
		return addresses{}, err
	}
	settings, err := config.Load(path, time.Now())
	if err != nil {
		return addresses{}, err
	}
	logger := s.logger.With("process", "gateway")
	process, err := assemble(ctx, settings, logger, nil, time.Now, s.changes...)
	if err != nil {
		return addresses{}, err
	}
	group.Go(func() error { return process.serve(ctx) })
	return process.addresses, nil
}

// demoConfig is a configuration as a user would write it.
func demoConfig(listen string, at targets) []byte {
	return fmt.Appendf(nil, `# What the demo runs with.
edge:
  listen: %q
  certificate: {cert: certs/%s, key: certs/%s}
  clients:
    - {name: dev, like: dialogflow, roots: {ssl_com: certs/%s, gts: certs/%s}}
webhooks:
  - path: /dialogflow/es
    platform: ES
    profiles: [dev]
    id_token: {audiences: [%q]}
    projects: [{id: shop, number: %d}]
  - path: /dialogflow/cx
    platform: CX
    profiles: [dev]
    id_token: {audiences: [%q]}
    projects: [{id: shop, number: %d}]
id_token_keys: {file: certs/%s}   # in production: Google's
services:
  - name: orders
    target: %q
    tls: {ca: certs/%s, cert: certs/%s, key: certs/%s, server_name: %s}
    required: true
    intents:
      descriptor_set: %s   # written by: orders --descriptors FILE
      allow:
        intents: ["order.*"]
        actions: ["order.*"]
        tags: [track-order, list-orders, cancel-order, confirm-cancel, deny-cancel, return-order]
        services: [%s]
    fallback:
      text: {en: "I cannot look at orders now. Please try again later.", de: "Ich komme gerade nicht an die Bestellungen. Bitte versuche es später."}
      causes: {timeout: {text: {en: "That takes longer than usual. Please ask again.", de: "Das dauert länger als sonst. Bitte frag noch einmal."}}}
  - name: appointments
    target: %q
    tls: {ca: certs/%s, cert: certs/%s, key: certs/%s, server_name: %s}
    required: true
    intents:
      descriptor_set: appointments.binpb
      allow:
        intents: ["appointment.*"]
        actions: ["appointment.*"]
        tags: [book-appointment, find-appointment, reschedule-appointment, cancel-appointment, confirm-cancel-appointment, keep-appointment]
    fallback:
      text: {en: "I cannot look into our diary now. Please try again later.", de: "Ich komme gerade nicht an unseren Kalender. Bitte versuchen Sie es später noch einmal."}
routes:
  - {service: orders}   # what no method claims: the welcome, and what nobody understands
status: {listen: "127.0.0.1:0"}
admin: {listen: "127.0.0.1:0"}
`, listen, pki.EdgeCert, pki.EdgeKey, pki.SSLComRoot, pki.GTSRoot,
		webhookURL+demoES, shopNumber, webhookURL+demoCX, shopNumber, pki.JWKS, at.orders,
		pki.InternalCA, pki.GatewayCert, pki.GatewayKey, pki.OrdersName, descriptors, ordersv1.OrderService_ServiceDesc.ServiceName,
		at.appointments, pki.InternalCA, pki.GatewayCert, pki.GatewayKey, pki.AppointmentsName)
}
