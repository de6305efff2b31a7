package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"text/template"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/intentgate/intentgate/gateway/conversation"
	"github.com/intentgate/intentgate/gateway/intents/contract"
	"github.com/intentgate/intentgate/gateway/pki"
	"github.com/intentgate/intentgate/gateway/process"
	"github.com/intentgate/intentgate/gateway/simulator"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	appointmentsv1 "github.com/intentgate/intentgate/gen/go/shop/appointments/v1"
	ordersv1 "github.com/intentgate/intentgate/gen/go/shop/orders/v1"
	"github.com/intentgate/intentgate/services/appointments"
	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/orders"
	"github.com/intentgate/intentgate/services/serve"
)

// What the folder of an embedded gateway holds.
const (
	certsFolder = "certs"
	configFile  = "intentgate.yaml"
)

// embedded is a gateway that is run for conversations, with throw-away certificates in a folder of its own.
type embedded struct {
	gateway *process.Process
	calls   recorder
	dir     string
	group   *errgroup.Group
	stop    context.CancelFunc
	agent   string // of CX, that the configuration names; empty: any
	ended   <-chan struct{}
}

// startEmbedded makes the folder and has the gateway started.
func startEmbedded(ctx context.Context, keys *pki.PKI, start func(context.Context, *embedded) error) (_ *embedded, err error) {
	dir, err := os.MkdirTemp("", "intentgate-")
	if err != nil {
		return nil, err
	}
	e := &embedded{dir: dir}
	ctx, e.stop = context.WithCancel(ctx)
	e.group, ctx = errgroup.WithContext(ctx)
	e.ended = ctx.Done()
	if _, err = keys.Write(filepath.Join(dir, certsFolder)); err == nil {
		err = start(ctx, e)
	}
	if err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

// close stops all of it.
func (e *embedded) close() error {
	e.stop()
	return errors.Join(e.group.Wait(), os.RemoveAll(e.dir))
}

// cert is the path of a file of the development PKI.
func (e *embedded) cert(name string) string { return filepath.Join(e.dir, certsFolder, name) }

// serve starts the gateway of a configuration. What services do not tell of themselves is a warning: not every conversation
// needs each of them.
func (e *embedded) serve(ctx context.Context, path string, logger *slog.Logger, warnings io.Writer, replacements ...func(*gatewayv1.Config)) error {
	running, err := process.Open(ctx, process.Config{
		File: path, Adapt: replacements, Logger: logger.With("process", "gateway"), Now: time.Now, Observe: e.observed,
	})
	if err != nil {
		return err
	}
	e.gateway = running
	for _, service := range running.Settings().GetServices() {
		if service.GetIntents().GetReflection() == nil {
			continue
		}
		if _, err := running.Catalog().Load(ctx, service.GetName()); err != nil {
			_, _ = fmt.Fprintln(warnings, "Warning:", err) // nobody reads it then
		}
	}
	e.group.Go(func() error { return running.Serve(ctx) })
	return nil
}

// standIn replaces what proves callers at the edge, and the addresses that are listened on. All else stays.
func (e *embedded) standIn(settings *gatewayv1.Config) {
	const profile = "test"
	edge := settings.GetEdge()
	edge.DrainDelay = durationpb.New(0) // nobody sends connections here
	for _, client := range edge.GetClients() {
		for _, agent := range client.GetAgents() {
			e.agent = agent
		}
	}
	edge.Listen, edge.Certificate = "127.0.0.1:0", &gatewayv1.KeyPair{Cert: e.cert(pki.EdgeCert), Key: e.cert(pki.EdgeKey)}
	edge.Clients = []*gatewayv1.Profile{{Name: profile, Like: "dialogflow", Roots: &gatewayv1.Roots{SslCom: e.cert(pki.SSLComRoot), Gts: e.cert(pki.GTSRoot)}}}
	settings.IdTokenKeys = &gatewayv1.IdTokenKeys{File: e.cert(pki.JWKS)}
	settings.Status, settings.Admin = nil, nil
	for _, webhook := range settings.GetWebhooks() {
		webhook.Profiles = []string{profile}
		if webhook.GetIdToken().GetMode() != "off" || len(webhook.GetCredentials()) > 0 {
			webhook.IdToken, webhook.Credentials = &gatewayv1.IdToken{Audiences: []string{"https://gateway.test" + webhook.GetPath()}}, nil
		}
	}
}

// play plays a conversation: on ES with a certificate of the SSL.com chain, and on CX with one of the GTS chain.
func (e *embedded) play(ctx context.Context, c *conversation.Conversation, platform string) *conversation.Result {
	at := slices.IndexFunc(e.gateway.Settings().GetWebhooks(), func(w *gatewayv1.Webhook) bool {
		return w.GetPlatform() == platform && (c.GetWebhook() == "" || c.GetWebhook() == w.GetPath())
	})
	if at < 0 {
		return c.Skipped(platform, "the gateway has no such webhook for "+platform)
	}
	webhook := e.gateway.Settings().GetWebhooks()[at]
	as := agentOptions{url: e.gateway.Addresses().Edge + webhook.GetPath(), dev: filepath.Join(e.dir, certsFolder), name: e.agent}
	if platform == conversation.CX {
		as.cert, as.key = e.cert(pki.GTSCert), e.cert(pki.GTSKey)
	}
	as.follow(webhook)
	client, agent, err := e.caller(&as)
	if err != nil {
		return c.Failed(platform, err)
	}
	defer client.Close()
	return c.Play(ctx, client, agent)
}

// caller is who plays, with what is known of typed intents, and the calls seen.
func (e *embedded) caller(as *agentOptions) (client *simulator.Client, agent simulator.Agent, err error) {
	if err := as.settle(); err != nil {
		return nil, agent, err
	}
	var known lexicon
	if catalog := e.gateway.Catalog(); catalog != nil {
		known = contract.Of(catalog.Report())
	}
	agent = as.agent()
	agent.Calls = e.calls.take
	if agent.Express, err = known.express(as); err != nil {
		return nil, agent, err
	}
	client, err = as.client()
	return client, agent, err
}

//go:embed demo/intentgate.yaml
var demoSettings string

// demoConfig is a configuration as a user would write it, for the services that are there, by their names.
func demoConfig(listen string, services map[string]string) ([]byte, error) {
	parsed, err := template.New(configFile).Parse(demoSettings)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	err = parsed.Execute(&text, map[string]any{"listen": listen, "services": services})
	return text.Bytes(), err
}

// demoDay is the day of the example services, so that they always say the same.
var demoDay = time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)

// demo starts the example services in Go, some in other languages, and the gateway before them. It returns their addresses.
func (e *embedded) demo(ctx context.Context, listen string, logger *slog.Logger, neighbours []*neighbour) (map[string]string, error) {
	services := map[string]string{}
	var mu sync.Mutex
	var starting errgroup.Group
	for _, n := range neighbours {
		starting.Go(func() error {
			address, err := e.neighbour(ctx, n)
			mu.Lock()
			defer mu.Unlock()
			services[n.name] = address
			return err
		})
	}
	own, err := e.goServices(ctx, logger)
	if err := errors.Join(err, starting.Wait()); err != nil {
		return nil, err
	}
	maps.Copy(services, own)
	text, err := demoConfig(listen, services)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(e.dir, configFile)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return nil, err
	}
	return services, e.serve(ctx, path, logger, io.Discard)
}

// goServices starts those of this process, and returns their addresses.
func (e *embedded) goServices(ctx context.Context, logger *slog.Logger) (services map[string]string, err error) {
	today, services := func() time.Time { return demoDay }, map[string]string{}
	shop := orders.New(today())
	services["orders"], err = e.service(ctx, "orders", logger, func(r grpc.ServiceRegistrar) {
		ordersv1.RegisterOrderServiceServer(r, shop)
		intentgatev1.RegisterIntentServiceServer(r, shop)
	})
	if err != nil {
		return nil, err
	}
	diary := appointments.New(appointments.Config{Now: today})
	if err := diary.Open(filepath.Join(e.dir, "appointments.db")); err != nil {
		return nil, err
	}
	e.group.Go(func() error {
		<-ctx.Done()
		return diary.Close() // waits for changes on their way
	})
	services["appointments"], err = e.service(ctx, "appointments", logger, func(r grpc.ServiceRegistrar) {
		appointmentsv1.RegisterAppointmentServiceServer(r, diary)
	})
	return services, err
}

// service starts a service, has it tell of its methods in a file, and returns its address.
func (e *embedded) service(ctx context.Context, name string, logger *slog.Logger, register func(grpc.ServiceRegistrar)) (string, error) {
	config := serve.Config{
		Name: name, Listen: "127.0.0.1:0", Logger: logger.With("process", name), Register: register,
		TLS:       mtls.Files{Cert: e.cert(name + ".pem"), Key: e.cert(name + ".key"), CA: e.cert(pki.InternalCA)},
		Asserting: []string{"dns:" + pki.GatewayName}, Allowed: []string{"dns:" + pki.CallCenterName},
	}
	if err := serve.Run(ctx, []string{"--descriptors", filepath.Join(e.dir, name+".binpb")}, io.Discard, io.Discard, config); err != nil {
		return "", err
	}
	server, err := serve.New(ctx, config)
	if err != nil {
		return "", err
	}
	e.group.Go(func() error { return server.Serve(ctx) })
	return server.Addr().String(), nil
}
