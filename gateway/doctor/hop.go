package doctor

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/intentgate/intentgate/gateway/backend"
	"github.com/intentgate/intentgate/services/mtls"
)

// patience is the time that each step of an examination gets.
const patience = 5 * time.Second

// Hop is the way from the gateway to a service, as the configuration describes it.
type Hop struct {
	Target     string     // a gRPC name
	ServerName string     // what the service's certificate must carry
	Files      mtls.Files // the gateway's own certificate and key, and the service's CA
	Now        func() time.Time
}

// Examine judges the hop as a turn takes it, at each address of the target: the connection, both certificates, what
// the service answers to the gateway, and what to strangers. It asks for the service's health and calls nothing else;
// the service's log will tell of two refused handshakes.
func (h Hop) Examine(ctx context.Context) Report {
	identity, err := mtls.Open(h.Files, mtls.Options{Logger: slog.New(slog.DiscardHandler), Now: h.Now})
	if err != nil {
		return Report{Fail("files", err.Error(), "the gateway's certificate with its key, and the service's CA", "correct services[].tls")}
	}
	roots, err := mtls.ReadRoots(h.Files.CA)
	if err != nil {
		return Report{Fail("files", err.Error(), "the service's CA", "correct services[].tls.ca")}
	}
	network, addresses, finding := h.resolve(ctx)
	report := Report{finding}
	instances := make([]Report, len(addresses))
	var group sync.WaitGroup
	for i, address := range addresses {
		group.Go(func() {
			instances[i] = instance{Hop: h, network: network, address: address, identity: identity, roots: roots}.examine(ctx)
		})
	}
	group.Wait()
	return append(report, merge(addresses, instances)...)
}

// merge says of each finding where it was made, if there is more than one address. An address where nothing listens is a
// warning if there is another: turns go there.
func merge(addresses []string, instances []Report) (report Report) {
	works := slices.ContainsFunc(instances, func(r Report) bool { return !r.Failed() })
	for i, instance := range instances {
		for _, f := range instance {
			if len(instances) > 1 {
				f.Saw = addresses[i] + ": " + f.Saw
			}
			if f.Check == "tcp" && f.Verdict == Failed && works {
				f.Verdict = Warning
			}
			report = append(report, f)
		}
	}
	return report
}

// resolve returns all addresses of the target: the gateway connects to each.
func (h Hop) resolve(ctx context.Context) (network string, addresses []string, f Finding) {
	const check, remedy = "target", "correct services[].target; `getent hosts NAME` asks the same question"
	network, address, err := backend.Endpoint(h.Target)
	if err != nil {
		return "", nil, Fail(check, err.Error(), "a target", remedy)
	}
	if network == "unix" {
		return network, []string{address}, Pass(check, "the socket %s", address)
	}
	if network == "xds" {
		return network, nil, Skip(check, "where "+address+" is, the control plane knows; give the address of an instance to have its hop judged")
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", nil, Fail(check, err.Error(), "host and port", remedy)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	hosts, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return "", nil, Fail(check, err.Error(), "an address of "+host, remedy)
	}
	for _, host := range hosts {
		addresses = append(addresses, net.JoinHostPort(host, port))
	}
	return network, addresses, Pass(check, "%s", strings.Join(addresses, ", "))
}

// dial connects to the instance.
func (i instance) dial(ctx context.Context) (net.Conn, error) {
	dialer := net.Dialer{Timeout: patience}
	return dialer.DialContext(ctx, i.network, i.address)
}

// connect judges whether anything listens.
func (i instance) connect(ctx context.Context) (net.Conn, Finding) {
	conn, err := i.dial(ctx)
	var netErr net.Error
	switch {
	case err == nil:
		return conn, Pass("tcp", "%s takes connections", i.address)
	case errors.As(err, &netErr) && netErr.Timeout():
		return nil, Fail("tcp", err.Error(), "a connection within "+patience.String(),
			"something drops the packets: look at firewalls, network policies and security groups, and at the port of services[].target")
	default:
		return nil, Fail("tcp", err.Error(), "a connection", "start the service, or correct the port of services[].target; the service prints its own at `Listening`")
	}
}
