package process

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"

	"github.com/intentgate/intentgate/gateway"
	"github.com/intentgate/intentgate/gateway/admin"
	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/forwarded"
	"github.com/intentgate/intentgate/gateway/authn/idtoken"
	"github.com/intentgate/intentgate/gateway/authn/secret"
	"github.com/intentgate/intentgate/gateway/backend"
	"github.com/intentgate/intentgate/gateway/callertoken"
	"github.com/intentgate/intentgate/gateway/config"
	"github.com/intentgate/intentgate/gateway/edge"
	"github.com/intentgate/intentgate/gateway/expiry"
	"github.com/intentgate/intentgate/gateway/intents"
	"github.com/intentgate/intentgate/gateway/mux"
	"github.com/intentgate/intentgate/gateway/router"
	"github.com/intentgate/intentgate/gateway/telemetry"
	"github.com/intentgate/intentgate/gateway/telemetry/traces"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/mtls"
)

// generation is all that one configuration makes. A turn belongs to one generation from its beginning to its end.
type generation struct {
	*Process

	settings *gatewayv1.Config
	loaded   time.Time
	site     edge.Site
	files    admin.Files
	// running is what runs until the generation ends or another one is in force: watchers of files, mostly.
	running  []func(context.Context) error
	watchers int // of them, each of which has a name among the files
	// undo undoes what the steps did, the last first.
	undo []func()
	// group runs what is running, until stop; ended ends when a part of it fails.
	group *errgroup.Group
	ended context.Context
	stop  context.CancelFunc

	// What the steps hand on to each other.
	router      *router.Router
	tokens      *idtoken.Verifier // nil where no webhook asks for a token
	keys        *idtoken.Keys     // likewise
	credentials []*secret.Set     // by the index of the webhook; nil where it has none
	catalog     *intents.Catalog  // nil where no service claims anything
	clients     map[string]gateway.Service
	describers  map[string]func(context.Context) ([]byte, error) // services, asked for their descriptors
	states      []admin.Service
	loads       []telemetry.Service
	profiles    *authn.Trust
	traces      *traces.Traces                     // nil where the settings have none
	signer      *callertoken.Signer                // likewise
	identities  map[string]func() *tls.Certificate // the gateway's, by service; nil where none has been issued yet
	own         []ownCertificate
	acmeRoots   *mtls.Roots // those of the CA that issues the edge's certificate; nil: the system's
	// statusCertificate is the status listener's; nil where it serves plain HTTP.
	statusCertificate *mtls.KeyPair
	sessionKey        atomic.Pointer[string] // nil: a random one
}

// generate makes what the settings describe, and begins to connect to the services. Where it fails nothing is left of it.
func (p *Process) generate(ctx context.Context, settings *gatewayv1.Config) (*generation, error) {
	g := &generation{Process: p, settings: settings, loaded: p.now()}
	for _, step := range []func(context.Context) error{g.routes, g.intents, g.services, g.trust, g.idTokens, g.secrets, g.privacy, g.tracing, g.callerTokens, g.webhooks, g.operators} {
		if err := step(ctx); err != nil {
			g.end()
			return nil, err
		}
	}
	return g, nil
}

// start has run what is running, until ctx ends or the generation does.
func (g *generation) start(ctx context.Context) {
	ctx, g.stop = context.WithCancel(ctx)
	g.group, g.ended = errgroup.WithContext(ctx)
	for _, run := range g.running {
		g.group.Go(func() error { return run(g.ended) })
	}
}

// end gives back what the generation took. Calls in flight are cut off.
func (g *generation) end() {
	if g.stop != nil {
		g.stop()
		_ = g.group.Wait() // whoever waits for it, too, tells of its error
	}
	for _, undo := range slices.Backward(g.undo) {
		undo()
	}
	g.undo = nil
}

func (g *generation) routes(context.Context) (err error) {
	g.router, err = router.New(config.Routes(g.settings))
	return err
}

// services begins to connect to each service. One that is not there is tried again and holds up nothing.
func (g *generation) services(context.Context) error {
	g.clients = map[string]gateway.Service{}
	g.describers, g.identities = map[string]func(context.Context) ([]byte, error){}, map[string]func() *tls.Certificate{}
	var problems []error
	for _, service := range g.settings.GetServices() {
		var client *backend.Client
		identity, release, err := g.workloads.Identity(service, g.watched("services."+service.GetName(), func() { client.Redial() })) //nolint:contextcheck // as for Dial
		if err != nil {
			problems = append(problems, fmt.Errorf("services.%s.tls: %w", service.GetName(), err))
			continue
		}
		g.undo = append(g.undo, release)
		if client, err = Dial(service, identity, g.logger, g.connected(service.GetName())); err != nil { //nolint:contextcheck // it lives until it is closed
			problems = append(problems, err)
			continue
		}
		g.runWatcher(identity.Watch)
		g.undo = append(g.undo, client.Close)
		kind := expiry.Service
		if service.GetTls().GetSpiffe() != nil {
			kind = expiry.SVID
		}
		g.own = append(g.own, ownCertificate{kind, service.GetName(), identity.Certificate})
		g.clients[service.GetName()] = holding{client, &g.site}
		if g.config.Observe != nil {
			g.clients[service.GetName()] = g.config.Observe(g.clients[service.GetName()])
		}
		g.describers[service.GetName()] = client.Descriptors
		g.identities[service.GetName()] = identity.Certificate
		g.loads = append(g.loads, telemetry.Service{Name: service.GetName(), Load: client.Load, State: func() connectivity.State { //nolint:contextcheck // it is asked at a scrape
			state, _ := client.State()
			return state
		}})
		g.states = append(g.states, admin.Service{
			Name: service.GetName(), Target: service.GetTarget(), Required: service.GetRequired(), State: client.State,
			Intents: g.learnt(service),
		})
	}
	return errors.Join(problems...)
}

// holding is a service whose calls keep the generation in use: a call may outlive its turn.
type holding struct {
	gateway.Service

	site *edge.Site
}

// Invoke calls, unless the generation has ended.
func (h holding) Invoke(ctx context.Context, call *backend.Call) ([]byte, error) {
	if !h.site.Hold() {
		return nil, status.Error(codes.Unavailable, "another configuration has been in force for too long")
	}
	defer h.site.Release()
	return h.Service.Invoke(ctx, call)
}

// webhooks makes what is served at the edge.
func (g *generation) webhooks(context.Context) error {
	settings := g.settings.GetEdge()
	if err := g.edgeCertificate(); err != nil {
		return err
	}
	for _, proxy := range settings.GetProxies() {
		made, err := forwarded.New(forwarded.Config{
			Name: proxy.GetName(), Profile: proxy.GetProfile(), Header: proxy.GetHeader(), TrustChainVerified: proxy.GetTrustChainVerified(),
		})
		if err != nil {
			return err // the loader would have told
		}
		g.site.Proxies = append(g.site.Proxies, made)
	}
	fallbacks, err := config.Fallbacks(g.settings)
	if err != nil {
		return err // the loader would have told
	}
	var sign func(service string, call *callertoken.Call) (string, error)
	if g.signer != nil {
		sign = g.sign
	}
	paths := mux.NewPaths(http.MethodPost, gateway.Unrouted(g.telemetry))
	for i, webhook := range g.settings.GetWebhooks() {
		handler, err := gateway.NewHandler(gateway.Config{
			Webhook: webhookOf(webhook, g.credentials[i]), Tokens: g.tokens, Router: g.router, Services: g.clients, Sign: sign,
			Intents: g.catalog, Fallbacks: fallbacks, Joins: g.joins, Draining: g.draining, TimeZone: webhook.GetTimeZone(), Admission: g.admission, BodyLimit: int64(settings.GetLimits().GetBodyBytes()), Telemetry: g.telemetry, Traces: g.traces, Now: g.now,
		})
		if err != nil {
			return err
		}
		if err := paths.Handle(webhook.GetPath(), handler.ServeHTTP); err != nil {
			return err
		}
	}
	g.site.Trust, g.site.SendCANames = g.profiles, settings.GetSendCaNames()
	for _, network := range settings.GetProxyProtocol().GetPeers() {
		prefix, err := netip.ParsePrefix(network)
		if err != nil {
			return err // the loader would have told
		}
		g.site.ProxyPeers = append(g.site.ProxyPeers, prefix)
	}
	g.site.DrainDelay, g.site.Drain, g.site.Handler = settings.GetDrainDelay().AsDuration(), settings.GetDrain().AsDuration(), paths
	return nil
}

// operators reads the certificate of their listener.
func (g *generation) operators(context.Context) (err error) {
	if pair := g.settings.GetStatus().GetCertificate(); pair != nil {
		g.statusCertificate, err = g.listenerCertificate(expiry.Status, pair)
	}
	return err
}

// listenerCertificate reads the certificate of a listener, which is a kind of what expires, now and when its files change.
func (g *generation) listenerCertificate(kind string, pair *gatewayv1.KeyPair) (*mtls.KeyPair, error) {
	certificate, err := mtls.OpenKeyPair(pair.GetCert(), pair.GetKey(), g.watched(kind+".certificate"))
	if err != nil {
		return nil, err
	}
	g.runWatcher(certificate.Watch)
	g.own = append(g.own, ownCertificate{kind, kind, certificate.Certificate})
	return certificate, nil
}

// activeRoutes lists the claims of services before the first route that gives way to them.
func (g *generation) activeRoutes() []admin.Route {
	var routes []admin.Route
	claims := g.claimed()
	for _, route := range g.router.Routes() {
		if route.General() {
			routes, claims = append(routes, claims...), nil
		}
		routes = append(routes, admin.Route{
			Match: route.Match.String(), Service: route.Service, Method: intentgatev1.IntentService_Fulfill_FullMethodName,
		})
	}
	return append(routes, claims...)
}

// claimed lists the claims of services; those that several webhooks serve once.
func (g *generation) claimed() (routes []admin.Route) {
	if g.catalog == nil {
		return nil
	}
	for _, claim := range g.catalog.Claims() {
		route := admin.Route{Match: claim.String(), Service: claim.Method.Service, Method: claim.Method.Method.Name, Claimed: true}
		if !slices.Contains(routes, route) {
			routes = append(routes, route)
		}
	}
	return routes
}
