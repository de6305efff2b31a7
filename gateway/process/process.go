package process

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/intentgate/intentgate/gateway"
	"github.com/intentgate/intentgate/gateway/acme"
	"github.com/intentgate/intentgate/gateway/admin"
	"github.com/intentgate/intentgate/gateway/admission"
	"github.com/intentgate/intentgate/gateway/edge"
	"github.com/intentgate/intentgate/gateway/intents"
	"github.com/intentgate/intentgate/gateway/joins"
	"github.com/intentgate/intentgate/gateway/telemetry"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// Config is what Open needs; all but Adapt, Audit, LogDropped, Observe and Patience.
type Config struct {
	File   string                    // the configuration file
	Adapt  []func(*gatewayv1.Config) // change what the file says, once it is read
	Logger *slog.Logger
	Audit  *slog.Logger // takes decisions on identities; nil: the log does
	Now    func() time.Time
	// LogDropped is how many lines of the log have been dropped so far; nil: none ever is.
	LogDropped func() int64
	// Observe wraps each service, so that its calls are seen; nil: they are not.
	Observe func(gateway.Service) gateway.Service
	// Patience is how long a new configuration waits for its services; 0: 10 seconds.
	Patience time.Duration
}

// Process is a gateway whose listeners are open: it serves once, or is closed. It holds what lives as long as the gateway
// runs. What a configuration makes is a generation, of which one is in force at a time.
type Process struct {
	config    Config
	addresses Addresses
	edge      *edge.Server
	health    *admin.Health
	telemetry *telemetry.Telemetry
	admission *admission.Control
	joins     *joins.Calls
	workloads *WorkloadAPIs
	acme      *acme.Manager // of the edge's certificate; nil where that is in files
	logger    *slog.Logger
	now       func() time.Time
	current   atomic.Pointer[generation]
	reloader  *reloader
	// configFile is what came of reading the configuration file, where that is followed.
	configFile admin.Files
	issued     admin.Files // what came of the last order of a certificate, likewise
	// group runs all that runs beside the edge, as long as living does, and serving ends when the gateway begins to stop. They are
	// there while it serves.
	group           *errgroup.Group
	living, serving context.Context
	// beside are what runs as long as the edge does and a little longer.
	beside []func(context.Context) error
	// settle wait for what turns have left behind, such as calls that go on, until their context ends.
	settle []func(context.Context)
	// closers undo what the steps of Open did, the last first.
	closers []func()
}

// Addresses are where a gateway listens, as URLs; empty where it does not.
type Addresses struct {
	Edge   string `json:"edge"`
	Status string `json:"status,omitempty"`
	Admin  string `json:"admin,omitempty"`
}

// Addresses returns where it listens.
func (p *Process) Addresses() Addresses { return p.addresses }

// Settings returns the configuration that is in force, with its defaults. It is not to be changed.
func (p *Process) Settings() *gatewayv1.Config { return p.current.Load().settings }

// Catalog returns what is known of typed intents; nil where there are none.
func (p *Process) Catalog() *intents.Catalog {
	if current := p.current.Load(); current != nil {
		return current.catalog
	}
	return nil
}

// draining reports that the gateway is about to stop.
func (p *Process) draining() bool { return p.edge.Draining() }

func (p *Process) addBeside(server *admin.Server) {
	p.closers = append(p.closers, func() { _ = server.Close() })
	p.beside = append(p.beside, server.Serve)
}

// Serve serves until ctx ends, lets turns in flight and what they have left behind finish, and closes everything. What operators
// look at outlives the edge, so that they see it drain.
func (p *Process) Serve(ctx context.Context) error {
	defer p.Close()
	beside, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	p.group, beside = errgroup.WithContext(beside)
	p.living = beside
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

// Close gives back what Open took, of a gateway that does not serve.
func (p *Process) Close() {
	for _, undo := range slices.Backward(p.closers) {
		undo()
	}
	p.closers = nil // servers that have served are closed already, which is no harm
	if current := p.current.Load(); current != nil {
		current.end()
	}
}
