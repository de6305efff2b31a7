package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/intentgate/intentgate/gateway"
	"github.com/intentgate/intentgate/gateway/admin"
	"github.com/intentgate/intentgate/gateway/admission"
	"github.com/intentgate/intentgate/gateway/edge"
	"github.com/intentgate/intentgate/gateway/joins"
	"github.com/intentgate/intentgate/gateway/telemetry"
)

// process is a gateway whose listeners are open: it serves once, or is closed. It holds what lives as long as the gateway
// runs. What a configuration makes is a generation, of which one is in force at a time.
type process struct {
	addresses addresses
	edge      *edge.Server
	health    *admin.Health
	telemetry *telemetry.Telemetry
	admission *admission.Control
	joins     *joins.Calls
	logger    *slog.Logger
	now       func() time.Time
	observe   func(gateway.Service) gateway.Service // has somebody see the calls of services; nil: nobody does
	current   atomic.Pointer[generation]
	// patience is how long a new configuration waits for its services.
	patience time.Duration
	// configFile is the file that the configuration comes from, where that is followed.
	configFile admin.Files
	// group runs all that runs beside the edge, and serving ends when the gateway begins to stop. They are there while it serves.
	group   *errgroup.Group
	serving context.Context
	// beside are what runs as long as the edge does and a little longer.
	beside []func(context.Context) error
	// settle wait for what turns have left behind, such as calls that go on, until their context ends.
	settle []func(context.Context)
	// closers undo what assemble did, the last first.
	closers []func()
}

// draining reports that the gateway is about to stop.
func (p *process) draining() bool { return p.edge.Draining() }

func (p *process) addBeside(server *admin.Server) {
	p.closers = append(p.closers, func() { _ = server.Close() })
	p.beside = append(p.beside, server.Serve)
}

// serve serves until ctx ends, lets turns in flight and what they have left behind finish, and closes everything. What operators
// look at outlives the edge, so that they see it drain.
func (p *process) serve(ctx context.Context) error {
	defer p.close()
	beside, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	p.group, beside = errgroup.WithContext(beside)
	// Whatever runs beside the edge ends early only by failing, which ends the gateway.
	serving, fail := context.WithCancel(ctx)
	defer fail()
	p.serving = serving
	context.AfterFunc(beside, fail)
	settling, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	context.AfterFunc(serving, func() {
		p.health.Draining()
		site := &p.current.Load().site
		time.AfterFunc(site.DrainDelay+site.Drain, cut)
		p.logger.InfoContext(ctx, "Stopping", "drain_delay", site.DrainDelay, "drain", site.Drain)
	})
	first := p.current.Load()
	first.start(beside)
	p.group.Go(first.group.Wait)
	for _, run := range p.beside {
		p.group.Go(func() error { return run(beside) })
	}

	p.logger.InfoContext(ctx, "Serving", "edge", p.addresses.Edge, "status", p.addresses.Status, "admin", p.addresses.Admin)
	err := p.edge.Serve(serving)
	for _, wait := range p.settle {
		wait(settling)
	}
	stop()
	err = errors.Join(err, p.group.Wait())
	p.logger.InfoContext(ctx, "Stopped")
	return err
}

// close gives back what assemble took. Servers that have served are closed already, which is no harm.
func (p *process) close() {
	for _, undo := range slices.Backward(p.closers) {
		undo()
	}
	p.closers = nil
	if current := p.current.Load(); current != nil {
		current.end()
	}
}
