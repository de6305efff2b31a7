package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/intentgate/intentgate/gateway/backend"
	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/mtls/spiffe"
)

// patience is the time that each step of an examination gets.
const patience = 5 * time.Second

// Hop is the way from the gateway to a service, as the configuration describes it.
type Hop struct {
	Target     string     // a gRPC name
	ServerName string     // what the service's certificate must carry: a DNS name, or a SPIFFE ID
	Files      mtls.Files // the gateway's own certificate and key, and the service's CA
	// SPIFFE has the Workload API at this address, or that of the environment, issue what Files hold otherwise.
	SPIFFE      bool
	WorkloadAPI string
	Now         func() time.Time
}

// Examine judges the hop as a turn takes it, at each address of the target: the connection, both certificates, what
// the service answers to the gateway, and what to strangers. It asks for the service's health and calls nothing else;
// the service's log will tell of two refused handshakes.
func (h Hop) Examine(ctx context.Context) Report {
	at := instance{Hop: h}
	var report Report
	if h.SPIFFE {
		source, err := spiffe.Open(h.WorkloadAPI, slog.New(slog.DiscardHandler)) //nolint:contextcheck // it is closed below
		if err != nil {
			return Report{workloadAPI(err)}
		}
		defer source.Close()
		if report = at.issue(ctx, source); report.Failed() {
			return report
		}
	} else if report = at.read(); report != nil {
		return report
	}
	network, addresses, finding := h.resolve(ctx)
	report = append(report, finding)
	instances := make([]Report, len(addresses))
	var group sync.WaitGroup
	for i, address := range addresses {
		group.Go(func() {
			one := at
			one.network, one.address = network, address
			instances[i] = one.examine(ctx)
		})
	}
	group.Wait()
	return append(report, merge(addresses, instances)...)
}

// read reads the files, and returns what is wrong with them.
func (i *instance) read() Report {
	var err error
	if i.identity, err = mtls.Open(i.Files, mtls.Options{Logger: slog.New(slog.DiscardHandler), Now: i.Now}); err != nil {
		return Report{Fail("files", err.Error(), "the gateway's certificate with its key, and the service's CA", "correct services[].tls")}
	}
	roots, err := mtls.ReadRoots(i.Files.CA)
	if err != nil {
		return Report{Fail("files", err.Error(), "the service's CA", "correct services[].tls.ca")}
	}
	var authorities []string
	for _, root := range roots {
		authorities = append(authorities, subject(root))
	}
	i.trusted = strings.Join(authorities, " or ")
	i.config = func(server string) (*tls.Config, error) {
		return &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: mtls.Pool(roots), ServerName: server}, nil
	}
	i.verify = func(certs []*x509.Certificate, now time.Time) ([][]*x509.Certificate, error) {
		return certs[0].Verify(x509.VerifyOptions{Roots: mtls.Pool(roots), Intermediates: mtls.Pool(certs[1:]), CurrentTime: now})
	}
	return nil
}

// issue waits for what the Workload API issues, and judges it.
func (i *instance) issue(ctx context.Context, source *spiffe.Source) Report {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := source.Wait(ctx)
	if err == nil {
		i.identity, err = source.Identity(mtls.Options{Logger: slog.New(slog.DiscardHandler), Now: i.Now})
	}
	if err != nil {
		return Report{workloadAPI(err)}
	}
	issued := source.Issued()
	i.trusted, i.verify, i.config = "the bundle of its trust domain, as the Workload API has it", issued.Verify, issued.Client
	leaf := i.identity.Certificate().Leaf
	return Report{Pass("workload_api", "%s", names(leaf)), Dates("gateway_dates", leaf, i.Now())}
}

func workloadAPI(err error) Finding {
	return Fail("workload_api", err.Error(), "an X.509-SVID for the gateway", "correct services[].tls.spiffe.workload_api, or SPIFFE_ENDPOINT_SOCKET; "+
		"look whether the agent runs, and which identity is registered for this user, container or unit")
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
