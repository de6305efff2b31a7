package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"google.golang.org/grpc/connectivity"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/intentgate/intentgate/gateway"
	"github.com/intentgate/intentgate/gateway/admin"
	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/idtoken"
	"github.com/intentgate/intentgate/gateway/authn/secret"
	"github.com/intentgate/intentgate/gateway/backend"
	"github.com/intentgate/intentgate/gateway/config"
	"github.com/intentgate/intentgate/gateway/edge"
	"github.com/intentgate/intentgate/gateway/expiry"
	"github.com/intentgate/intentgate/gateway/intents"
	"github.com/intentgate/intentgate/gateway/mux"
	"github.com/intentgate/intentgate/gateway/router"
	"github.com/intentgate/intentgate/gateway/telemetry"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/mtls"
)

// assemble builds the gateway that the settings describe and opens its listeners. Where it fails nothing stays open. Changes
// are made to it before the first step.
func assemble(ctx context.Context, settings *gatewayv1.Config, logger, audit *slog.Logger, now func() time.Time, changes ...func(*assembly)) (_ *process, err error) {
	p := &process{logger: logger}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	a := assembly{process: p, settings: settings, now: now}
	for _, change := range changes {
		change(&a)
	}
	if a.telemetry, err = telemetry.New(telemetry.Config{Logger: logger, Audit: audit, Now: now, Version: build().GetVersion()}); err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context) error{a.routes, a.intents, a.services, a.trust, a.idTokens, a.secrets, a.listen, a.expiry, a.operators} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	p.health.Listening() // connections are taken from now on, and served a moment later
	return p, nil
}

// assembly is what the steps of assemble hand on to each other.
type assembly struct {
	*process
	settings    *gatewayv1.Config
	now         func() time.Time
	telemetry   *telemetry.Telemetry
	router      *router.Router
	tokens      *idtoken.Verifier     // nil where no webhook asks for a token
	keys        func() idtoken.Status // likewise
	credentials []*secret.Set         // by the index of the webhook; nil where it has none
	catalog     *intents.Catalog      // nil where no service claims anything
	clients     map[string]gateway.Service
	observe     func(gateway.Service) gateway.Service            // has somebody see the calls of services; nil: nobody does
	describers  map[string]func(context.Context) ([]byte, error) // services, asked for their descriptors
	states      []admin.Service
	profiles    *authn.Trust
	own         []ownCertificate
}

func (a *assembly) routes(context.Context) (err error) {
	a.router, err = router.New(config.Routes(a.settings))
	return err
}

// services begins to connect to each service. One that is not there is tried again and holds up nothing.
func (a *assembly) services(context.Context) error {
	a.clients = map[string]gateway.Service{}
	a.describers = map[string]func(context.Context) ([]byte, error){}
	var problems []error
	for _, service := range a.settings.GetServices() {
		var client *backend.Client
		options := a.watched("services."+service.GetName(), func() { client.Redial() })           //nolint:contextcheck // as for dial
		client, identity, err := dial(service, options, a.logger, a.connected(service.GetName())) //nolint:contextcheck // it lives until it is closed
		if err != nil {
			problems = append(problems, err)
			continue
		}
		a.beside = append(a.beside, identity.Watch)
		a.closers = append(a.closers, client.Close)
		a.own = append(a.own, ownCertificate{expiry.Service, service.GetName(), identity.Certificate})
		a.clients[service.GetName()] = client
		if a.observe != nil {
			a.clients[service.GetName()] = a.observe(client)
		}
		a.describers[service.GetName()] = client.Descriptors
		a.states = append(a.states, admin.Service{
			Name: service.GetName(), Target: service.GetTarget(), Required: service.GetRequired(), State: client.State,
			Intents: a.learnt(service),
		})
	}
	return errors.Join(append(problems, a.telemetry.ObserveServices(a.serviceStates))...)
}

// dial begins to connect to a service, with the gateway's certificate for it.
func dial(service *gatewayv1.Service, options mtls.Options, logger *slog.Logger, connected func()) (*backend.Client, *mtls.Identity, error) {
	files := service.GetTls()
	identity, err := mtls.Open(mtls.Files{Cert: files.GetCert(), Key: files.GetKey(), CA: files.GetCa()}, options)
	if err != nil {
		return nil, nil, err
	}
	client, err := backend.Dial(backend.Config{
		Name: service.GetName(), Target: service.GetTarget(), ServerName: files.GetServerName(),
		Credentials: identity.ClientCredentials, Logger: logger, Connected: connected,
	})
	return client, identity, err
}

// listen opens the edge, with the webhooks behind it.
func (a *assembly) listen(ctx context.Context) error {
	settings := a.settings.GetEdge()
	certificate, err := mtls.OpenKeyPair(settings.GetCertificate().GetCert(), settings.GetCertificate().GetKey(), a.watched("edge.certificate"))
	if err != nil {
		return err
	}
	fallbacks, err := config.Fallbacks(a.settings)
	if err != nil {
		return err // the loader would have told
	}
	paths := mux.New(http.MethodPost, gateway.Unrouted(a.telemetry))
	for i, webhook := range a.settings.GetWebhooks() {
		handler, err := gateway.NewHandler(gateway.Config{
			Webhook: webhookOf(webhook, a.credentials[i]), Tokens: a.tokens, Router: a.router, Services: a.clients,
			Intents: a.catalog, Fallbacks: fallbacks, TimeZone: webhook.GetTimeZone(), BodyLimit: int64(settings.GetLimits().GetBodyBytes()), Telemetry: a.telemetry, Now: a.now,
		})
		if err != nil {
			return err
		}
		if err := mux.Handle(paths, http.MethodPost, webhook.GetPath(), handler.ServeHTTP); err != nil {
			return err
		}
	}
	limits := settings.GetLimits()
	a.edge, err = edge.New(edge.Config{ //nolint:contextcheck // it lives until it is closed
		Listen: settings.GetListen(), Certificate: certificate.Certificate, Trust: a.profiles, SendCANames: settings.GetSendCaNames(),
		Limits: edge.Limits{
			HeaderBytes:      int(limits.GetHeaderBytes()),
			HandshakeTimeout: limits.GetHandshakeTimeout().AsDuration(),
			HeaderTimeout:    limits.GetHeaderTimeout().AsDuration(),
			ReadTimeout:      limits.GetReadTimeout().AsDuration(),
			IdleTimeout:      limits.GetIdleTimeout().AsDuration(),
			Handshakes:       int(limits.GetHandshakes()),
			Connections:      int(limits.GetConnections()),
		},
		Drain: settings.GetDrain().AsDuration(), Handler: paths, Logger: a.logger, Now: a.now, Observe: a.telemetry.Handshake,
	})
	if err != nil {
		return err
	}
	a.closers = append(a.closers, func() { _ = a.edge.Close() })
	a.beside = append(a.beside, certificate.Watch)
	a.own = append(a.own, ownCertificate{expiry.Edge, expiry.Edge, certificate.Certificate})
	a.addresses.Edge = "https://" + a.edge.Addr().String()
	a.health, err = admin.NewHealth(func() []admin.Service { return a.states },
		func() time.Time { return certificate.Certificate().Leaf.NotAfter }, a.keys,
		func() []expiry.End { return expiry.Near(a.ends, a.now()) })
	return err
}

// operators opens the listeners for those who run the gateway.
func (a *assembly) operators(ctx context.Context) error {
	if listen := a.settings.GetStatus().GetListen(); listen != "" {
		server, err := admin.NewStatus(ctx, admin.StatusConfig{
			Listen: listen, Health: a.health, Metrics: a.telemetry.Metrics(), Logger: a.logger,
		})
		if err != nil {
			return err
		}
		a.addBeside(server)
		a.addresses.Status = "http://" + server.Addr().String()
	}
	if listen := a.settings.GetAdmin().GetListen(); listen != "" {
		version := build()
		version.StartTime = timestamppb.New(a.now())
		server, err := admin.New(ctx, admin.Config{
			Listen: listen, Routes: a.activeRoutes, Services: func() []admin.Service { return a.states },
			Version: version, Logger: a.logger,
		})
		if err != nil {
			return err
		}
		a.addBeside(server)
		a.addresses.Admin = "http://" + server.Addr().String()
	}
	return nil
}

// serviceStates yields the state of each service's connection.
func (a *assembly) serviceStates(yield func(string, connectivity.State) bool) {
	for _, service := range a.states {
		if state, _ := service.State(); !yield(service.Name, state) {
			return
		}
	}
}

// activeRoutes lists the claims of services before the first route that gives way to them.
func (a *assembly) activeRoutes() []admin.Route {
	var routes []admin.Route
	claims := a.claimed()
	for _, route := range a.router.Routes() {
		if route.General() {
			routes, claims = append(routes, claims...), nil
		}
		routes = append(routes, admin.Route{
			Match: route.Match.String(), Service: route.Service, Method: intentgatev1.IntentService_Fulfill_FullMethodName,
		})
	}
	return append(routes, claims...)
}
