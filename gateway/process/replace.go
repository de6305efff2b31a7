package process

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"google.golang.org/grpc/connectivity"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/intentgate/intentgate/gateway/admin"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

const (
	// maxLag bounds the wait for the services of a new configuration, and lookAgain is how often they are looked at meanwhile.
	maxLag    = 10 * time.Second
	lookAgain = 20 * time.Millisecond
	// maxRetire bounds how long calls may hold a generation that was replaced: longer than any call lasts.
	maxRetire = 150 * time.Second
)

// replace puts other settings in force, once their services can be called, and returns; calls that began before end by the
// settings that they began with. Where it returns an error nothing has changed.
func (p *Process) replace(ctx context.Context, settings *gatewayv1.Config) error {
	if p.serving.Err() != nil {
		return admin.ErrStopping
	}
	before := p.current.Load()
	next, err := p.generate(ctx, settings)
	if err != nil {
		return err
	}
	next.start(ctx)
	lagging, err := next.awaitServices(before)
	if err == nil {
		err = p.admission.Set(admissionLimits(settings))
	}
	if err != nil {
		next.end()
		return err
	}
	p.current.Store(next)
	next.tell()
	p.group.Go(next.group.Wait)
	p.group.Go(func() error {
		before.retire(ctx)
		return nil
	})
	if len(lagging) > 0 {
		p.logger.WarnContext(ctx, "Configuration is in force before its services can be called", "services", lagging, "waited", p.config.Patience)
	}
	attrs := append(changes(before.settings, settings), slog.Duration("took", p.now().Sub(next.loaded)))
	p.logger.LogAttrs(ctx, slog.LevelInfo, "Configuration reloaded", attrs...)
	return nil
}

// awaitServices waits until the services can be called, and have told their intents, and all files are watched. It does not wait for those that could
// not be called before either. Who is not there after a while is named.
func (g *generation) awaitServices(before *generation) (lagging []string, err error) {
	timeout := time.After(g.config.Patience)
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	for {
		lagging = nil
		for _, service := range g.states {
			i := slices.IndexFunc(before.states, func(s admin.Service) bool { return s.Name == service.Name })
			if !callable(service) && (i < 0 || callable(before.states[i])) {
				lagging = append(lagging, service.Name)
			}
		}
		if len(lagging) == 0 && len(g.files.All()) == g.watchers {
			return nil, nil
		}
		select {
		case <-g.ended.Done():
			return nil, errors.Join(errors.New("the new configuration ended early"), g.group.Wait())
		case <-g.serving.Done():
			return nil, admin.ErrStopping
		case <-timeout:
			return lagging, nil
		case <-ticker.C:
		}
	}
}

// callable says whether a service can be reached and has told its intents.
func callable(service admin.Service) bool {
	state, _ := service.State()
	return state == connectivity.Ready && (service.Intents == nil || !service.Intents().Loaded.IsZero())
}

// retire ends a generation in whose place is another one, when its calls are done, or have lasted too long, or ctx ends.
func (g *generation) retire(ctx context.Context) {
	g.stop() // its files are watched no longer
	ctx, cancel := context.WithTimeout(ctx, maxRetire)
	defer cancel()
	select {
	case <-g.site.Retire():
	case <-ctx.Done():
	}
	g.end()
}

// changes names what is other in two configurations, without a value.
func changes(before, after *gatewayv1.Config) []slog.Attr {
	old, now := pieces(before), pieces(after)
	var added, removed, changed []string
	for name, piece := range now {
		if was := old[name]; was == nil {
			added = append(added, name)
		} else if !proto.Equal(was, piece) {
			changed = append(changed, name)
		}
		delete(old, name)
	}
	for name := range old {
		removed = append(removed, name)
	}
	var attrs []slog.Attr
	for key, names := range map[string][]string{"added": added, "removed": removed, "changed": changed} {
		if slices.Sort(names); names != nil {
			attrs = append(attrs, slog.Any(key, names))
		}
	}
	return attrs
}

// pieces are the sections of a configuration by their names, and each profile, webhook and service by its own.
func pieces(settings *gatewayv1.Config) map[string]proto.Message {
	all, rest := map[string]proto.Message{}, proto.CloneOf(settings)
	for _, profile := range rest.GetEdge().GetClients() {
		all["edge.clients."+profile.GetName()] = profile
	}
	for _, webhook := range rest.GetWebhooks() {
		all["webhooks."+webhook.GetPath()] = webhook
	}
	for _, service := range rest.GetServices() {
		all["services."+service.GetName()] = service
	}
	rest.Edge.Clients, rest.Webhooks, rest.Services = nil, nil, nil
	rest.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		section := &gatewayv1.Config{}
		section.ProtoReflect().Set(field, value)
		all[string(field.Name())] = section
		return true
	})
	return all
}
