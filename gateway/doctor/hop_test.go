package doctor_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/intentgate/intentgate/gateway/doctor"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/mtls/devca"
	"github.com/intentgate/intentgate/services/mtls/mtlstest"
	"github.com/intentgate/intentgate/services/serve"
)

const (
	serviceName = "orders.internal"
	gatewayName = "dns:gateway.internal"
)

// hop is a gateway's certificate and what a service needs, of one authority.
type hop struct {
	*mtlstest.CA

	gateway, service mtls.Files
}

func newHop(t *testing.T) *hop {
	t.Helper()
	ca := mtlstest.NewCA(t)
	return &hop{CA: ca, gateway: ca.Files(gatewayName), service: ca.Files("dns:" + serviceName)}
}

// examine examines the hop to a target.
func (h *hop) examine(t *testing.T, target string, changes ...func(*doctor.Hop)) doctor.Report {
	t.Helper()
	config := doctor.Hop{Target: target, ServerName: serviceName, Files: h.gateway, Now: time.Now}
	for _, change := range changes {
		change(&config)
	}
	return config.Examine(t.Context())
}

// serve runs a service of the service library until the test ends, and returns its address.
func (h *hop) serve(t *testing.T, changes ...func(*serve.Config)) string {
	t.Helper()
	config := serve.Config{
		Name: "orders", Listen: "127.0.0.1:0", TLS: h.service, Asserting: []string{gatewayName}, Logger: slog.New(slog.DiscardHandler),
		Register: func(r grpc.ServiceRegistrar) {
			intentgatev1.RegisterIntentServiceServer(r, intentgatev1.UnimplementedIntentServiceServer{})
		},
	}
	for _, change := range changes {
		change(&config)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	server, err := serve.New(ctx, config)
	if err != nil {
		stop()
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return server.Addr().String()
}

// bare runs a gRPC server that is not the service library's, with a health service where there is one.
func (h *hop) bare(t *testing.T, network string, healthy grpc_health_v1.HealthServer, change func(*tls.Config)) string {
	t.Helper()
	config := &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{h.Issue(h.Leaf("dns:" + serviceName)).TLS()},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: h.Pool(),
	}
	change(config)
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(config)))
	if healthy != nil {
		grpc_health_v1.RegisterHealthServer(server, healthy)
	}
	listener := listen(t, network)
	go func() { _ = server.Serve(listener) }() // ends with Stop
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

func listen(t *testing.T, network string) net.Listener {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "s")
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

func TestHopGood(t *testing.T) {
	t.Parallel()
	h := newHop(t)
	checks := []string{
		"target", "tcp", "tls", "server_chain", "server_dates", "server_name", "asks_for_certificate", "client_certificate",
		"allowed", "health", "asserting", "latency", "strangers",
	}
	for name, target := range map[string]string{
		"library": h.serve(t),
		"socket":  "unix://" + h.bare(t, "unix", health.NewServer(), func(*tls.Config) {}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report := h.examine(t, target)
			var got []string
			for _, f := range report {
				got = append(got, f.Check)
				if f.Verdict != doctor.OK && f.Check != "latency" { // a busy machine is slow
					t.Errorf("%+v", f)
				}
			}
			if !slices.Equal(got, checks) {
				t.Errorf("checked %v, want %v", got, checks)
			}
		})
	}
}

// TestHopFaults has one thing wrong in each row, which one finding has to tell, and no other may fail.
func TestHopFaults(t *testing.T) {
	t.Parallel()
	h, other := newHop(t), newHop(t)
	notServing := health.NewServer()
	notServing.Shutdown()
	closed := listen(t, "tcp")
	_ = closed.Close()
	plain := listen(t, "tcp")
	go func() {
		for {
			conn, err := plain.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			_ = conn.Close()
		}
	}()
	expired := h.Leaf("dns:" + serviceName)
	expired.NotBefore, expired.NotAfter = time.Now().AddDate(-1, 0, 0), time.Now().Add(-30*time.Minute)
	before := func() time.Time { return expired.NotAfter.Add(-time.Minute) } // the gateway's own is valid then
	ending := h.Leaf("dns:" + serviceName)
	ending.NotBefore, ending.NotAfter = time.Now().AddDate(0, -3, 0), time.Now().AddDate(0, 0, 10)
	serversOnly := h.Leaf(gatewayName)
	serversOnly.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}

	withTLS := func(files mtls.Files) func(*serve.Config) { return func(c *serve.Config) { c.TLS = files } }
	trusting, mistaken := h.service, h.service // neither knows the gateway's CA
	trusting.CA = filepath.Join(t.TempDir(), "other.pem")
	stranger, err := devca.New(devca.Options{CommonName: "somebody else"})
	if err != nil {
		t.Fatal(err)
	}
	if err := stranger.WriteFile(trusting.CA); err != nil {
		t.Fatal(err)
	}
	mistaken.CA = other.service.CA // of the same name
	unchanged := func(*tls.Config) {}
	type change = func(*doctor.Hop)
	for name, test := range map[string]struct {
		target  string
		change  change
		check   string
		verdict doctor.Verdict
		saw     string
		remedy  string
	}{
		"no such name":              {"nothing.invalid:1", nil, "target", doctor.Failed, "nothing.invalid", "services[].target"},
		"a control plane's":         {"xds:///orders", nil, "target", doctor.Skipped, "the control plane knows", ""},
		"bad target":                {"ftp:///orders", nil, "target", doctor.Failed, "unknown scheme", ""},
		"no files":                  {closed.Addr().String(), func(h *doctor.Hop) { h.Files.Key = "nothing.pem" }, "files", doctor.Failed, "nothing.pem", "services[].tls"},
		"down":                      {closed.Addr().String(), nil, "tcp", doctor.Failed, "refused", "start the service"},
		"no TLS":                    {plain.Addr().String(), nil, "tls", doctor.Failed, "does not look like a TLS", "port"},
		"TLS 1.2":                   {h.bare(t, "tcp", health.NewServer(), func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }), nil, "tls", doctor.Failed, "TLS 1.2", "TLS 1.3"},
		"another CA":                {h.serve(t), func(hop *doctor.Hop) { hop.Files.CA = other.gateway.CA }, "server_chain", doctor.Failed, "unknown authority", "tls.ca"},
		"another name":              {h.serve(t), func(hop *doctor.Hop) { hop.ServerName = "faq.internal" }, "server_name", doctor.Failed, "dns:orders.internal", "server_name"},
		"expired":                   {h.serve(t, withTLS(h.Write(h.Issue(expired))), func(c *serve.Config) { c.Now = before }), nil, "server_dates", doctor.Failed, "expired", "enew"},
		"ends soon":                 {h.serve(t, withTLS(h.Write(h.Issue(ending)))), nil, "server_dates", doctor.Warning, "in 9 days", "renew"},
		"asks not":                  {h.bare(t, "tcp", health.NewServer(), func(c *tls.Config) { c.ClientAuth = tls.NoClientCert }), nil, "asks_for_certificate", doctor.Failed, "no client certificate", "demand"},
		"another client":            {h.serve(t, withTLS(trusting)), nil, "client_certificate", doctor.Failed, "once the service had seen dns:gateway.internal", "does not hold the CA"},
		"another client's namesake": {h.serve(t, withTLS(mistaken)), nil, "client_certificate", doctor.Failed, "once the service had seen dns:gateway.internal", "an older one"},
		"servers only": {
			h.serve(t), func(hop *doctor.Hop) { hop.Files = h.Write(h.Issue(serversOnly)) }, "client_certificate", doctor.Failed,
			"once the service had seen dns:gateway.internal", "clientAuth",
		},
		"another client, TLS 1.2": {
			h.bare(t, "tcp", health.NewServer(), func(c *tls.Config) { c.MaxVersion, c.ClientCAs = tls.VersionTLS12, stranger.Pool() }), nil,
			"client_certificate", doctor.Failed, "once the service had seen", "--ca",
		},
		"on no list": {h.serve(t, func(c *serve.Config) { c.Asserting = []string{"dns:other.internal"} }), nil, "allowed", doctor.Failed, "PermissionDenied", "--assert"},
		"allow instead of assert": {
			h.serve(t, func(c *serve.Config) { c.Allowed, c.Asserting = []string{gatewayName}, nil }), nil,
			"asserting", doctor.Failed, "PermissionDenied", "--assert instead of --allow",
		},
		"not serving": {h.bare(t, "tcp", notServing, unchanged), nil, "health", doctor.Failed, "NOT_SERVING", "log"},
		"no health":   {h.bare(t, "tcp", nil, unchanged), nil, "health", doctor.Warning, "Unimplemented", "register"},
		"anybody":     {h.bare(t, "tcp", health.NewServer(), func(c *tls.Config) { c.ClientAuth = tls.RequestClientCert }), nil, "strangers", doctor.Failed, "without a certificate hears OK, a self-made", "demand"},
		"any certificate": {
			h.bare(t, "tcp", health.NewServer(), func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert }), nil,
			"strangers", doctor.Failed, "a self-made certificate with the gateway's names hears OK", "demand",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var changes []change
			if test.change != nil {
				changes = append(changes, test.change)
			}
			report := h.examine(t, test.target, changes...)
			told := false
			for _, f := range report {
				switch {
				case f.Check == test.check:
					told = true
					if f.Verdict != test.verdict || !strings.Contains(f.Saw, test.saw) || !strings.Contains(f.Remedy, test.remedy) || (f.Wanted == "") != (f.Verdict == doctor.Skipped) {
						t.Errorf("%+v", f)
					}
				case f.Verdict == doctor.Failed || f.Verdict == doctor.Warning && f.Check != "latency":
					t.Errorf("besides: %+v", f)
				}
			}
			if !told {
				t.Errorf("no %s in %+v", test.check, report)
			}
		})
	}
}

func TestHopMerge(t *testing.T) {
	t.Parallel()
	down, up := doctor.Report{doctor.Fail("tcp", "refused", "", "")}, doctor.Report{doctor.Pass("tcp", "there"), doctor.Pass("tls", "1.3")}
	addresses := []string{"192.0.2.1:1", "192.0.2.2:1"}
	for name, test := range map[string]struct {
		instances []doctor.Report
		want      doctor.Report
	}{
		"one of two": {[]doctor.Report{down, up}, doctor.Report{
			doctor.Warn("tcp", "192.0.2.1:1: refused", "", ""), doctor.Pass("tcp", "192.0.2.2:1: there"), doctor.Pass("tls", "192.0.2.2:1: 1.3"),
		}},
		"none": {[]doctor.Report{down, down}, doctor.Report{
			doctor.Fail("tcp", "192.0.2.1:1: refused", "", ""), doctor.Fail("tcp", "192.0.2.2:1: refused", "", ""),
		}},
		"the only one": {[]doctor.Report{down}, down},
	} {
		if got := doctor.Merge(addresses, test.instances); !slices.Equal(got, test.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
