package process

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/intentgate/intentgate/gateway/admin"
	"github.com/intentgate/intentgate/gateway/admission"
	"github.com/intentgate/intentgate/gateway/authn/idtoken"
	"github.com/intentgate/intentgate/gateway/build"
	"github.com/intentgate/intentgate/gateway/config"
	"github.com/intentgate/intentgate/gateway/edge"
	"github.com/intentgate/intentgate/gateway/expiry"
	"github.com/intentgate/intentgate/gateway/intents"
	"github.com/intentgate/intentgate/gateway/joins"
	"github.com/intentgate/intentgate/gateway/telemetry"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// Open reads the configuration file, builds the gateway that it describes and opens its listeners. Where it fails nothing stays open.
func Open(ctx context.Context, parts Config) (_ *Process, err error) {
	if parts.File == "" || parts.Logger == nil || parts.Now == nil {
		return nil, errors.New("process: File, Logger and Now are all needed")
	}
	parts.Patience = cmp.Or(parts.Patience, maxLag)
	p := &Process{config: parts, workloads: &WorkloadAPIs{Logger: parts.Logger}, logger: parts.Logger, now: parts.Now}
	p.reloader = &reloader{Process: p}
	p.reloader.mark.Store(markOf(parts.File))
	settings, err := config.Load(parts.File, parts.Now(), parts.Adapt...)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			p.Close()
		}
	}()
	metering := telemetry.Config{Logger: p.logger, Audit: parts.Audit, Now: p.now, Version: build.Read().Version, LogDropped: parts.LogDropped}
	if p.telemetry, err = telemetry.New(metering); err != nil {
		return nil, err
	}
	if p.admission, err = admission.New(admissionLimits(settings), p.now); err != nil {
		return nil, err
	}
	if p.joins, err = joins.New(joins.Config{Now: p.now}); err != nil {
		return nil, err
	}
	p.settle = append(p.settle, func(ctx context.Context) { _ = p.joins.Wait(ctx) }) // what is left then is cut off
	if err := p.issuer(settings.GetEdge().GetAcme()); err != nil {
		return nil, err
	}
	first, err := p.generate(ctx, settings)
	if err != nil {
		return nil, err
	}
	p.current.Store(first)
	first.tell()
	for _, step := range []func(context.Context, *gatewayv1.Config) error{p.listen, p.operators, p.export} {
		if err := step(ctx, settings); err != nil {
			return nil, err
		}
	}
	p.telemetry.ConfigRead(ctx, telemetry.AtStart, nil, about(parts.File, p.reloader.mark.Load())...)
	p.health.Listening() // connections are taken from now on, and served a moment later
	return p, nil
}

// admissionLimits are those of a configuration.
func admissionLimits(settings *gatewayv1.Config) admission.Limits {
	limits, projects := settings.GetEdge().GetLimits(), map[string]bool{}
	for _, webhook := range settings.GetWebhooks() {
		for _, project := range webhook.GetProjects() {
			projects[project.GetId()] = true
		}
	}
	return admission.Limits{
		Turns: int(limits.GetTurns()), HeldBytes: int64(limits.GetHeldBytes()), //nolint:gosec // the schema bounds it
		Shared: len(projects) > 1, PerSecond: int(limits.GetProjectTurnsPerSecond()),
	}
}

// listen opens the edge.
func (p *Process) listen(_ context.Context, settings *gatewayv1.Config) (err error) {
	limits := settings.GetEdge().GetLimits()
	p.edge, err = edge.New(edge.Config{ //nolint:contextcheck // it lives until it is closed
		Listen: settings.GetEdge().GetListen(), Site: func() *edge.Site { return &p.current.Load().site },
		Limits: edge.Limits{
			HeaderBytes:      int(limits.GetHeaderBytes()),
			HandshakeTimeout: limits.GetHandshakeTimeout().AsDuration(),
			HeaderTimeout:    limits.GetHeaderTimeout().AsDuration(),
			ReadTimeout:      limits.GetReadTimeout().AsDuration(),
			IdleTimeout:      limits.GetIdleTimeout().AsDuration(),
			Handshakes:       int(limits.GetHandshakes()),
			Connections:      int(limits.GetConnections()),
		},
		Logger: p.logger, Now: p.now, Observe: p.telemetry.Handshake, ObserveForwarded: p.telemetry.Forwarded,
	})
	if err != nil {
		return err
	}
	p.closers = append(p.closers, func() { _ = p.edge.Close() })
	if p.addresses.Edge = settings.GetEdge().GetListen(); p.edge.Addr().Network() != "unix" {
		p.addresses.Edge = "https://" + p.edge.Addr().String()
	}
	return nil
}

// operators opens the listeners for those who run the gateway.
func (p *Process) operators(ctx context.Context, settings *gatewayv1.Config) (err error) {
	p.health, err = admin.NewHealth(admin.Sources{
		Services: p.services, State: p.configState, Ends: p.ends, Profiles: func() []admin.Profile { return p.current.Load().shownProfiles() },
		Keys: p.keys, Files: p.files, Waiting: p.waiting, Now: p.now,
	})
	if err != nil {
		return err
	}
	if status := settings.GetStatus(); status != nil {
		c := admin.StatusConfig{Listen: status.GetListen(), Health: p.health, Metrics: p.telemetry.Metrics(), JWKS: p.jwks, Logger: p.logger}
		scheme := "http://"
		if status.GetCertificate() != nil {
			c.Certificate, scheme = func() *tls.Certificate { return p.current.Load().statusCertificate.Certificate() }, "https://"
		}
		server, err := admin.NewStatus(ctx, c)
		if err != nil {
			return err
		}
		p.addBeside(server)
		p.addresses.Status = scheme + server.Addr().String()
	}
	if listen := settings.GetAdmin().GetListen(); listen != "" {
		info := build.Read()
		server, err := admin.New(ctx, admin.Config{
			Listen: listen, Routes: func() []admin.Route { return p.current.Load().activeRoutes() }, Services: p.services,
			Version: &gatewayv1.GetVersionResponse{Version: info.Version, Revision: info.Commit, GoVersion: info.Go, StartTime: timestamppb.New(p.now())},
			Health:  p.health, State: p.configState, Logger: p.logger,
			Settings: func() ([]byte, error) { return config.Print(p.Settings()) },
			Reload:   func() error { return p.reloader.anew(p.living, telemetry.ByAdminService) }, // by a context that outlives who asks for it
		})
		if err != nil {
			return err
		}
		p.addBeside(server)
		p.addresses.Admin = "http://" + server.Addr().String()
	}
	return nil
}

// export has metrics tell of what is in force, and the log of what ends soon.
func (p *Process) export(context.Context, *gatewayv1.Config) error {
	p.beside = append(p.beside, func(ctx context.Context) error {
		return expiry.Warn(ctx, expiry.Config{Ends: p.ends, Logger: p.logger, Now: p.now})
	})
	p.telemetry.Observe(telemetry.Sources{
		Services: func(yield func(telemetry.Service) bool) { slices.Values(p.current.Load().loads)(yield) },
		Intents:  p.reports, Keys: p.keys, Ends: p.ends, Files: p.goodFiles, Admission: p.admission, Edge: p.edge.Load,
		Config: func() (loaded time.Time, good bool) {
			state := p.configState()
			return state.Loaded, state.Error == ""
		},
	})
	return nil
}

// services are those in force.
func (p *Process) services() []admin.Service { return p.current.Load().states }

// reports tell what is known of the services' intents.
func (p *Process) reports() []intents.Report {
	if catalog := p.current.Load().catalog; catalog != nil {
		return catalog.Report()
	}
	return nil
}

// keys tells how the keys of ID tokens are; the zero value: there are none.
func (p *Process) keys() idtoken.Status {
	if keys := p.current.Load().keys; keys != nil {
		return keys.Status()
	}
	return idtoken.Status{}
}

// ends yields everything that ends one day.
func (p *Process) ends(yield func(expiry.End) bool) { p.current.Load().ends(yield) }

// files are those that are watched, with what is wrong with them.
func (p *Process) files() []admin.File {
	return slices.Concat(p.configFile.All(), p.issued.All(), p.current.Load().files.All())
}

// goodFiles yields whether they are good.
func (p *Process) goodFiles(yield func(string, bool) bool) {
	for _, file := range p.files() {
		if !yield(file.Name, file.Error == "") {
			return
		}
	}
}
