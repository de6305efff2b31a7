package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/intentgate/intentgate/gateway/pki"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

// fault is something that happens to the gateway, or to what is around it.
type fault struct {
	name string
	// fair says that no turn may suffer: it is answered by the service as ever.
	fair  bool
	least time.Duration // it lasts at least so long
	// make does it, and returns when it is over.
	make func(ctx context.Context, lasts time.Duration) error
}

func (s *soak) faults() []fault {
	const beyondClock = clock + 500*time.Millisecond
	all := []fault{
		{name: "service killed", make: s.killService},
		{name: "service frozen", least: beyondClock, make: s.freezeService},
		{name: "network slow", make: s.bad(weather{delay: 150 * time.Millisecond})},
		{name: "network cut", make: s.bad(weather{gone: true})},
		{name: "network silent", least: beyondClock, make: s.bad(weather{silent: true})},
		{name: "network garbles", make: s.bad(weather{garbage: true})},
		{name: "odd answers", make: s.oddAnswers},
		{name: "certificates renewed", fair: true, make: s.renew},
		{name: "authority replaced", make: s.replaceAuthority},
		{name: "configuration reloaded", fair: true, make: s.reload},
		{name: "gateway rolled", fair: true, make: s.roll},
		{name: "gateway killed", fair: true, make: s.killGateway},
	}
	if s.options.length >= time.Minute { // it takes its time
		all = append(all, fault{name: "stopped in silence", make: s.stopInSilence})
	}
	return all
}

func (s *soak) killService(ctx context.Context, lasts time.Duration) error {
	s.service.kill()
	s.audit()
	wait(ctx, lasts)
	return s.startService(ctx)
}

func (s *soak) freezeService(ctx context.Context, lasts time.Duration) error {
	err := s.service.freeze(true)
	wait(ctx, lasts)
	return errors.Join(err, s.service.freeze(false))
}

func (s *soak) bad(w weather) func(context.Context, time.Duration) error {
	return func(ctx context.Context, lasts time.Duration) error {
		s.network.turn(w)
		wait(ctx, lasts)
		s.network.turn(weather{})
		return nil
	}
}

func (s *soak) oddAnswers(ctx context.Context, lasts time.Duration) error {
	s.spoil.Store(true)
	wait(ctx, lasts)
	s.spoil.Store(false)
	return nil
}

// renew replaces each certificate by a new one of the same authority.
func (s *soak) renew(ctx context.Context, lasts time.Duration) error {
	err := errors.Join(s.issue(s.pki.EdgeCA, "edge"), s.issue(s.internal, "gateway"), s.issue(s.internal, "orders"))
	wait(ctx, lasts)
	return err
}

// replaceAuthority has the hop go over to another authority: both are trusted first, then certificates are renewed, then the old
// one is trusted no longer.
func (s *soak) replaceAuthority(ctx context.Context, lasts time.Duration) error {
	next, err := devca.New(devca.Options{CommonName: "soak's internal CA"})
	if err != nil {
		return err
	}
	bundle := s.file("certs/internal-ca.pem")
	step := func(err error) error {
		wait(ctx, max(lasts/3, 600*time.Millisecond)) // files are read a moment after they have changed
		return err
	}
	err = errors.Join(
		step(replace(bundle, append(s.internal.CertPEM(), next.CertPEM()...))),
		step(errors.Join(s.issue(next, "gateway"), s.issue(next, "orders"))),
		step(replace(bundle, next.CertPEM())),
	)
	s.internal = next
	return err
}

// issue renews one of the certificates.
func (s *soak) issue(authority *devca.Authority, name string) error {
	leaf := map[string]devca.Leaf{
		"edge":    {DNS: []string{"localhost"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}},
		"gateway": {DNS: []string{pki.GatewayName}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}},
		"orders":  {DNS: []string{pki.OrdersName}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}},
	}[name]
	issued, err := authority.Issue(leaf)
	if err != nil {
		return err
	}
	return issued.WriteFiles(s.file("certs/"+name+".pem"), s.file("certs/"+name+".key"))
}

// reload gives each replica another configuration, one that is no good, and the good one again, of which only the first is told by
// nothing but the file.
func (s *soak) reload(ctx context.Context, lasts time.Duration) error {
	s.reloads++
	for _, g := range []*gateway{s.steady, s.rolled} {
		path := s.file(g.name + ".yaml")
		good := s.configured(g.name)
		for _, step := range []struct {
			text, message string
			hangUp        bool
		}{
			{good.String(), "Configuration reloaded", false},
			{"edge: nothing\n", "Kept what is in force because the new files are no good", true},
			{good.String(), "Configuration reloaded", true},
		} {
			before := s.tally.lines(g.name, step.message)
			err := replace(path, []byte(step.text))
			if step.hangUp {
				err = errors.Join(err, syscall.Kill(g.PID(), syscall.SIGHUP))
			}
			if err != nil {
				return err
			}
			for began := time.Now(); s.tally.lines(g.name, step.message) == before && ctx.Err() == nil; wait(ctx, 10*time.Millisecond) {
				if time.Since(began) > 5*time.Second {
					s.broken(ruleReload, fmt.Sprintf("%s: not %q", g.name, step.message))
					break
				}
			}
			wait(ctx, lasts/6)
		}
	}
	return nil
}

// roll replaces a replica by a new one, as a rolling update does: the new one is there before the old one goes.
func (s *soak) roll(ctx context.Context, lasts time.Duration) error {
	old := s.rolled
	next, err := s.startGateway(ctx, "rolled")
	if err != nil {
		return err
	}
	s.rolled = next
	wait(ctx, lasts/2)
	if err := old.stop(ctx, stopping); err != nil {
		s.broken(ruleStop, fmt.Sprintf("%v; it said:\n%s", err, old.Said()))
	}
	s.balancer.remove(old)
	return nil
}

// stopInSilence rolls a replica over whose turns in work get no answer of the service: it waits for all of them.
func (s *soak) stopInSilence(ctx context.Context, _ time.Duration) error {
	old := s.rolled
	next, err := s.startGateway(ctx, "rolled")
	if err != nil {
		return err
	}
	s.rolled = next
	s.network.turn(weather{silent: true})
	if err := old.stop(ctx, stopping); err != nil {
		s.broken(ruleStop, fmt.Sprintf("%v; it said:\n%s", err, old.Said()))
	}
	s.network.turn(weather{})
	s.balancer.remove(old)
	return nil
}

// killGateway kills a replica: its turns in flight are cut. The next ones go to the other replica, until it is back.
func (s *soak) killGateway(ctx context.Context, lasts time.Duration) (err error) {
	s.rolled.killed.Store(true)
	s.rolled.kill()
	s.balancer.remove(s.rolled)
	wait(ctx, lasts)
	s.rolled, err = s.startGateway(ctx, "rolled")
	return err
}
