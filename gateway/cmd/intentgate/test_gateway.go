package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/intentgate/intentgate/gateway"
	"github.com/intentgate/intentgate/gateway/config"
	"github.com/intentgate/intentgate/gateway/conversation"
	"github.com/intentgate/intentgate/gateway/intents/contract"
	"github.com/intentgate/intentgate/gateway/pki"
	"github.com/intentgate/intentgate/gateway/simulator"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller"
)

// embedded is a gateway that is run for conversations, with throw-away certificates in a folder of its own.
type embedded struct {
	keys     *pki.PKI
	dir      string
	logger   *slog.Logger
	group    *errgroup.Group
	stop     context.CancelFunc
	assembly *assembly
	agent    string // of CX, that the configuration names; empty: any

	mu    sync.Mutex
	calls map[string][]conversation.Call // by session
}

// startEmbedded makes the folder and has the gateway built.
func startEmbedded(ctx context.Context, keys *pki.PKI, logger *slog.Logger, build func(context.Context, *embedded) error) (_ *embedded, err error) {
	dir, err := os.MkdirTemp("", "intentgate-test-")
	if err != nil {
		return nil, err
	}
	e := &embedded{keys: keys, dir: dir, logger: logger, calls: map[string][]conversation.Call{}}
	ctx, e.stop = context.WithCancel(ctx)
	e.group, ctx = errgroup.WithContext(ctx)
	if _, err = keys.Write(filepath.Join(dir, certsFolder)); err == nil {
		err = build(ctx, e)
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

// demoDay is the day of the example services, so that they always say the same.
var demoDay = time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)

// demoStage starts the example services and the gateway before them.
func demoStage(ctx context.Context, e *embedded) error {
	stage := stage{
		dir: e.dir, listen: "127.0.0.1:0", logger: e.logger, today: func() time.Time { return demoDay }, changes: []func(*assembly){e.watch},
	}
	at, err := stage.services(ctx, e.group)
	if err == nil {
		_, err = stage.gateway(ctx, e.group, at)
	}
	return err
}

// configured starts the gateway of a configuration, whose services are called where they are. What they do not tell of
// themselves is no error: not every conversation needs each of them.
func (e *embedded) configured(ctx context.Context, path string, warnings io.Writer) error {
	settings, err := config.Load(path, time.Now(), e.standIn)
	if err != nil {
		return err
	}
	process, err := assemble(ctx, settings, e.logger, nil, time.Now, e.watch)
	if err != nil {
		return err
	}
	for _, service := range settings.GetServices() {
		if service.GetIntents().GetReflection() == nil {
			continue
		}
		if _, err := e.assembly.catalog.Load(ctx, service.GetName()); err != nil {
			_, _ = fmt.Fprintln(warnings, "Warning:", err) // nobody reads it then
		}
	}
	e.group.Go(func() error { return process.serve(ctx) })
	return nil
}

// standIn replaces what proves callers at the edge, and the addresses that are listened on. All else stays.
func (e *embedded) standIn(settings *gatewayv1.Config) {
	const profile = "test"
	file := func(name string) string { return filepath.Join(e.dir, certsFolder, name) }
	edge := settings.GetEdge()
	for _, client := range edge.GetClients() {
		for _, agent := range client.GetAgents() {
			e.agent = agent
		}
	}
	edge.Listen, edge.Certificate = "127.0.0.1:0", &gatewayv1.KeyPair{Cert: file(pki.EdgeCert), Key: file(pki.EdgeKey)}
	edge.Clients = []*gatewayv1.Profile{{Name: profile, Like: "dialogflow", Roots: &gatewayv1.Roots{SslCom: file(pki.SSLComRoot)}}}
	settings.IdTokenKeys = &gatewayv1.IdTokenKeys{File: file(pki.JWKS)}
	settings.Status, settings.Admin = nil, nil
	for _, webhook := range settings.GetWebhooks() {
		webhook.Profiles = []string{profile}
		if webhook.GetIdToken().GetMode() != "off" || len(webhook.GetCredentials()) > 0 {
			webhook.IdToken, webhook.Credentials = &gatewayv1.IdToken{Audiences: []string{"https://gateway.test" + webhook.GetPath()}}, nil
		}
	}
}

// watch has the calls of services seen.
func (e *embedded) watch(a *assembly) {
	e.assembly = a
	a.observe = func(service gateway.Service) gateway.Service { return watched{service, e} }
}

// watched is a service whose calls are seen.
type watched struct {
	gateway.Service

	by *embedded
}

// Invoke notes the call, and calls.
func (w watched) Invoke(ctx context.Context, method string, request []byte) ([]byte, error) {
	w.by.note(ctx, method, request)
	return w.Service.Invoke(ctx, method, request)
}

func (e *embedded) note(ctx context.Context, method string, request []byte) {
	var ref intentgatev1.CallRef
	outgoing, _ := metadata.FromOutgoingContext(ctx)
	for _, value := range outgoing.Get(caller.MetadataCall) {
		_ = proto.Unmarshal([]byte(value), &ref) // the gateway made it
	}
	name := strings.TrimPrefix(method, "/")
	call := conversation.Call{Method: name}
	if message := e.request(name); message != nil && proto.Unmarshal(request, message) == nil {
		call.Request, _ = protojson.Marshal(message) // else it is left out
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls[ref.GetSession()] = append(e.calls[ref.GetSession()], call)
}

// request returns an empty request of a method; nil: nobody knows of it.
func (e *embedded) request(method string) proto.Message {
	if "/"+method == intentgatev1.IntentService_Fulfill_FullMethodName {
		return &intentgatev1.FulfillRequest{}
	}
	if e.assembly.catalog != nil {
		for _, service := range e.assembly.catalog.Report() {
			for _, known := range service.Methods {
				if known.Name == method {
					return dynamicpb.NewMessage(known.Descriptor.Input())
				}
			}
		}
	}
	return nil
}

// take returns the calls of a session since it was last asked.
func (e *embedded) take(session string) []conversation.Call {
	e.mu.Lock()
	defer e.mu.Unlock()
	calls := e.calls[session]
	delete(e.calls, session)
	return calls
}

// express gives values the form that the agent gives them: for the typed method that answers or, where it has no such
// parameter, any other.
func (e *embedded) express(written entity) func(simulator.Utterance, string, any) any {
	if e.assembly.catalog == nil {
		return nil
	}
	services := contract.Of(e.assembly.catalog.Report())
	var all []*contract.Method
	for i := range services {
		for j := range services[i].Methods {
			all = append(all, &services[i].Methods[j])
		}
	}
	return func(u simulator.Utterance, name string, value any) any {
		methods := all
		names := map[string]string{"intent": u.Intent, "action": u.Action}
		if written.cx {
			names = map[string]string{"tag": u.Tag}
		}
		for kind, called := range names {
			if method := contract.Answering(services, kind, called); method != nil {
				methods = append([]*contract.Method{method}, methods...)
			}
		}
		for _, parameter := range parametersOf(methods) {
			if parameter.Called(name) {
				return written.any(parameter.Type, value)
			}
		}
		return value
	}
}

// any writes a value, or each of a list.
func (e entity) any(kind string, value any) any {
	switch value := value.(type) {
	case []any:
		for i := range value {
			value[i] = e.any(kind, value[i])
		}
		return value
	case string:
		return e.of(kind, value)
	case float64:
		return e.of(kind, fmt.Sprint(value))
	default:
		return value
	}
}
