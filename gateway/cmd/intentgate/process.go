package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/intentgate/intentgate/gateway/admin"
	"github.com/intentgate/intentgate/gateway/edge"
)

// process is a gateway whose listeners are open: it serves once, or is closed.
type process struct {
	addresses addresses
	edge      *edge.Server
	health    *admin.Health
	// beside are what runs as long as the edge does and a little longer: listeners, watchers of files.
	beside []func(context.Context) error
	// closers undo what assemble did, the last first.
	closers []func()
	logger  *slog.Logger
}

func (p *process) addBeside(server *admin.Server) {
	p.closers = append(p.closers, func() { _ = server.Close() })
	p.beside = append(p.beside, server.Serve)
}

// serve serves until ctx ends, lets turns in flight finish, and closes everything. What operators look at outlives the
// edge, so that they see it drain.
func (p *process) serve(ctx context.Context) error {
	defer p.close()
	beside, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, beside := errgroup.WithContext(beside)
	for _, run := range p.beside {
		group.Go(func() error { return run(beside) })
	}
	// Whatever runs beside the edge ends early only by failing, which ends the gateway.
	serving, fail := context.WithCancel(ctx)
	defer fail()
	context.AfterFunc(beside, fail)
	context.AfterFunc(serving, p.health.Draining)

	p.logger.InfoContext(ctx, "Serving", "edge", p.addresses.Edge, "status", p.addresses.Status, "admin", p.addresses.Admin)
	err := p.edge.Serve(serving)
	stop()
	err = errors.Join(err, group.Wait())
	p.logger.InfoContext(ctx, "Stopped")
	return err
}

// close gives back what assemble took. Servers that have served are closed already, which is no harm.
func (p *process) close() {
	for _, undo := range slices.Backward(p.closers) {
		undo()
	}
	p.closers = nil
}
