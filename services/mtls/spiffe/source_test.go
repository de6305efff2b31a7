package spiffe_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/credentials"

	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/mtls/devca"
	"github.com/intentgate/intentgate/services/mtls/mtlstest"
	"github.com/intentgate/intentgate/services/mtls/spiffe"
	"github.com/intentgate/intentgate/services/mtls/spiffe/spiffetest"
)

// log is what was logged.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write takes a line.
func (l *log) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *log) count(part string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), part)
}

// end is a workload: its Workload API, and what it makes of it.
type end struct {
	*spiffetest.API
	*spiffe.Source
	*mtls.Identity

	log *log
}

// open is a workload that has nothing yet.
func open(t *testing.T, api *spiffetest.API, o mtls.Options) *end {
	t.Helper()
	e := &end{API: api, log: &log{}}
	logger := slog.New(slog.NewTextHandler(e.log, nil))
	var err error
	if e.Source, err = spiffe.Open(api.Address, logger); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Source.Close)
	o.Logger = logger
	if e.Identity, err = e.Source.Identity(o); err != nil {
		t.Fatal(err)
	}
	return e
}

// workload is a workload with an SVID.
func workload(t *testing.T, svid *devca.Certificate, of *spiffetest.Domain, federated ...*spiffetest.Domain) *end {
	t.Helper()
	api := spiffetest.New(t)
	api.Issue(svid, of, federated...)
	e := open(t, api, mtls.Options{})
	e.wait(t)
	return e
}

func (e *end) wait(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := e.Wait(ctx); err != nil {
		t.Fatal(err)
	}
}

// until waits until what is in force is as it should be.
func (e *end) until(t *testing.T, good func(*mtls.Issued) bool) {
	t.Helper()
	late := time.After(10 * time.Second)
	for {
		issued := e.Issued()
		if good(issued) {
			return
		}
		select {
		case <-late:
			t.Fatalf("still %+v", issued)
		case <-issued.Stale:
		}
	}
}

// shake plays a handshake, and has the client read a word: under TLS 1.3 it learns late that it was refused. seen are the
// certificates that each side saw of the other, where that accepted it.
func shake(t *testing.T, server, client credentials.TransportCredentials) (seen [2]*x509.Certificate, clientErr, serverErr error) {
	t.Helper()
	near, far := tcp(t)
	served := make(chan error, 1)
	go func() {
		secure, info, err := server.ServerHandshake(far)
		if err == nil {
			if tlsInfo, ok := info.(credentials.TLSInfo); ok && len(tlsInfo.State.VerifiedChains) > 0 {
				seen[1] = tlsInfo.State.VerifiedChains[0][0]
			}
			_, _ = secure.Write([]byte("hello"))
			_ = secure.Close()
		} else {
			_ = far.Close()
		}
		served <- err
	}()
	secure, info, clientErr := client.ClientHandshake(t.Context(), "orders.internal:443", near)
	if clientErr == nil {
		if tlsInfo, ok := info.(credentials.TLSInfo); ok {
			seen[0] = tlsInfo.State.PeerCertificates[0]
		}
		_, clientErr = io.ReadAll(secure)
	}
	_ = near.Close()
	serverErr = <-served
	return seen, clientErr, serverErr
}

// tcp is a connection, by both of its ends.
func tcp(t *testing.T) (near, far net.Conn) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	near, err = (&net.Dialer{}).DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if far, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	return near, far
}

// files is an end whose certificate is of a file, and who trusts the same authorities in all names.
func files(t *testing.T, ca *mtlstest.CA, leaf devca.Leaf, trusts *mtlstest.CA) credentials.TransportCredentials {
	t.Helper()
	certificate := ca.Issue(leaf).TLS()
	return credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2"},
		ClientAuth: tls.RequireAnyClientCert, RootCAs: trusts.Pool(), ServerName: "orders.internal",
	})
}

const ordersID = "spiffe://shop.internal/orders"

// TestServers has a client that wants one SPIFFE ID meet servers.
func TestServers(t *testing.T) {
	shop, partner, stranger := spiffetest.NewDomain(t, "shop.internal"), spiffetest.NewDomain(t, "partner.example"), spiffetest.NewDomain(t, "stranger.example")
	gateway := workload(t, shop.SVID("/gateway"), shop, partner)
	const partnerID = "spiffe://partner.example/orders"
	expired := shop.Leaf("uri:" + ordersID)
	expired.NotBefore, expired.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	for name, c := range map[string]struct {
		ca   *spiffetest.Domain
		leaf devca.Leaf
		want string // who
		err  string // the client's; empty: they connect
	}{
		"the id":                             {shop, shop.Leaf("uri:" + ordersID), ordersID, ""},
		"a DNS name beside it":               {shop, shop.Leaf("uri:"+ordersID, "dns:orders.internal"), ordersID, ""},
		"another id of the domain":           {shop, shop.Leaf("uri:spiffe://shop.internal/stores"), ordersID, "the server is spiffe://shop.internal/stores; want " + ordersID},
		"an id that begins alike":            {shop, shop.Leaf("uri:" + ordersID + "/2"), ordersID, "want " + ordersID},
		"the same id of another domain":      {partner, shop.Leaf("uri:" + partnerID), ordersID, "the server is " + partnerID},
		"the id, by another domain":          {partner, shop.Leaf("uri:" + ordersID), ordersID, "unknown authority"},
		"a federated domain":                 {partner, shop.Leaf("uri:" + partnerID), partnerID, ""},
		"a federated domain, by this domain": {shop, shop.Leaf("uri:" + partnerID), partnerID, "unknown authority"},
		"a domain that is not federated":     {stranger, shop.Leaf("uri:spiffe://stranger.example/orders"), "spiffe://stranger.example/orders", "no X.509 bundle"},
		"two ids":                            {shop, shop.Leaf("uri:"+ordersID, "uri:spiffe://shop.internal/stores"), ordersID, "more than one URI SAN"},
		"an id and another URI":              {shop, shop.Leaf("uri:"+ordersID, "uri:https://orders.internal"), ordersID, "more than one URI SAN"},
		"no id":                              {shop, shop.Leaf("dns:orders.internal"), ordersID, "no URI SAN"},
		"expired":                            {shop, expired, ordersID, "expired"},
		"nobody in particular":               {shop, shop.Leaf("uri:" + ordersID), "", "SPIFFE ID"},
		"an id that is none":                 {shop, shop.Leaf("uri:" + ordersID), "spiffe://Shop/orders", "SPIFFE ID"},
	} {
		t.Run(name, func(t *testing.T) {
			seen, clientErr, serverErr := shake(t, files(t, c.ca.CA, c.leaf, shop.CA), gateway.ClientCredentials(c.want))
			if c.err == "" {
				if clientErr != nil || serverErr != nil {
					t.Errorf("client: %v, server: %v", clientErr, serverErr)
				} else if got := seen[0].URIs[0].String(); got != c.want {
					t.Errorf("connected with %s", got)
				}
				return
			}
			if clientErr == nil || !strings.Contains(clientErr.Error(), c.err) {
				t.Errorf("client: %v, want %q", clientErr, c.err)
			}
		})
	}
	t.Run("TLS 1.2", func(t *testing.T) {
		server := credentials.NewTLS(&tls.Config{ //nolint:gosec // that is what is tried
			MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{shop.SVID("/orders").TLS()}, NextProtos: []string{"h2"},
		})
		if _, err, _ := shake(t, server, gateway.ClientCredentials(ordersID)); err == nil || !strings.Contains(err.Error(), "version") {
			t.Errorf("client: %v", err)
		}
	})
	if name := gateway.ClientCredentials(ordersID).Info().ServerName; name != "" { //nolint:staticcheck // where gRPC takes :authority from
		t.Errorf("the id would be the :authority %q", name)
	}
}

// TestClients has a server meet clients: each is judged by the bundle of the domain in its own id.
func TestClients(t *testing.T) {
	shop, partner, stranger := spiffetest.NewDomain(t, "shop.internal"), spiffetest.NewDomain(t, "partner.example"), spiffetest.NewDomain(t, "stranger.example")
	orders := workload(t, shop.Issue(shop.Leaf("uri:"+ordersID, "dns:orders.internal")), shop, partner) // the name is for clients of files
	for name, c := range map[string]struct {
		ca   *spiffetest.Domain
		sans []string
		err  string // the server's
	}{
		"an id":                                {shop, []string{"uri:spiffe://shop.internal/gateway"}, ""},
		"an id of a federated domain":          {partner, []string{"uri:spiffe://partner.example/crm"}, ""},
		"an id by another domain's authority":  {partner, []string{"uri:spiffe://shop.internal/gateway"}, "unknown authority"},
		"an id of another domain, by this one": {shop, []string{"uri:spiffe://partner.example/crm"}, "unknown authority"},
		"a domain that is not federated":       {stranger, []string{"uri:spiffe://stranger.example/crm"}, "no X.509 bundle"},
		"two ids":                              {shop, []string{"uri:spiffe://shop.internal/gateway", "uri:spiffe://shop.internal/crm"}, "more than one URI SAN"},
		"a DNS name alone":                     {shop, []string{"dns:gateway.internal"}, "no URI SAN"},
	} {
		t.Run(name, func(t *testing.T) {
			seen, _, serverErr := shake(t, orders.ServerCredentials(), files(t, c.ca.CA, shop.Leaf(c.sans...), shop.CA))
			switch {
			case c.err == "" && (serverErr != nil || seen[1] == nil || "uri:"+seen[1].URIs[0].String() != c.sans[0]):
				t.Errorf("server: %v, saw %v", serverErr, seen[1])
			case c.err != "" && (serverErr == nil || !strings.Contains(serverErr.Error(), c.err)):
				t.Errorf("server: %v, want %q", serverErr, c.err)
			}
		})
	}
	for name, c := range map[string]struct {
		config *tls.Config
		err    string
	}{
		"no certificate": {&tls.Config{MinVersion: tls.VersionTLS13}, "didn't provide a certificate"},
		"TLS 1.2": {&tls.Config{ //nolint:gosec // that is what is tried
			MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{shop.SVID("/gateway").TLS()},
		}, "version"},
	} {
		t.Run(name, func(t *testing.T) {
			c.config.RootCAs, c.config.ServerName, c.config.NextProtos = shop.Pool(), "orders.internal", []string{"h2"}
			if _, _, err := shake(t, orders.ServerCredentials(), credentials.NewTLS(c.config)); err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("server: %v, want %q", err, c.err)
			}
		})
	}
}

// TestRotation renews SVIDs and moves a trust domain to another authority, while connections live.
func TestRotation(t *testing.T) {
	shop, next := spiffetest.NewDomain(t, "shop.internal"), spiffetest.NewDomain(t, "shop.internal")
	orders, gateway := workload(t, shop.SVID("/orders"), shop), workload(t, shop.SVID("/gateway"), shop)
	ctx, cancel := context.WithCancel(t.Context())
	watched := make(chan error, 1)
	go func() { watched <- orders.Watch(ctx) }()
	defer func() { cancel(); <-watched }()
	server, client := orders.ServerCredentials(), gateway.ClientCredentials(ordersID)

	near, far := live(t, server, client)
	renewed := shop.SVID("/gateway")
	gateway.Issue(renewed, shop)
	gateway.until(t, func(i *mtls.Issued) bool { return i.Version == 2 })
	if seen, clientErr, serverErr := shake(t, server, client); clientErr != nil || serverErr != nil || !seen[1].Equal(renewed.Leaf) {
		t.Errorf("a new connection: client %v, server %v, shows %v", clientErr, serverErr, seen[1])
	}
	alive(t, near, far)

	// The trust domain's next authority is in the place of the first: who shows a certificate of that one is sent away.
	orders.Issue(shop.SVID("/orders"), next)
	orders.until(t, func(i *mtls.Issued) bool { return i.Version == 2 })
	ends(t, far)
	if _, _, serverErr := shake(t, server, client); serverErr == nil || !strings.Contains(serverErr.Error(), "unknown authority") {
		t.Errorf("by an authority that was withdrawn: %v", serverErr)
	}
	if orders.log.count("Connection ended, its certificate is no longer good") != 1 {
		t.Error("the log does not say why")
	}
}

// TestBundleWithdrawn ends a federation: those of the other domain are sent away, this one's stay.
func TestBundleWithdrawn(t *testing.T) {
	shop, partner := spiffetest.NewDomain(t, "shop.internal"), spiffetest.NewDomain(t, "partner.example")
	svid := shop.SVID("/orders")
	orders := workload(t, svid, shop, partner)
	gateway, foreign := workload(t, shop.SVID("/gateway"), shop), workload(t, partner.SVID("/crm"), partner, shop)
	ctx, cancel := context.WithCancel(t.Context())
	watched := make(chan error, 1)
	go func() { watched <- orders.Watch(ctx) }()
	defer func() { cancel(); <-watched }()
	near, far := live(t, orders.ServerCredentials(), gateway.ClientCredentials(ordersID))
	foreignNear, _ := live(t, orders.ServerCredentials(), foreign.ClientCredentials(ordersID))

	orders.Issue(svid, shop)
	ends(t, foreignNear)
	if _, _, err := shake(t, orders.ServerCredentials(), foreign.ClientCredentials(ordersID)); err == nil || !strings.Contains(err.Error(), "no X.509 bundle") {
		t.Errorf("a new one: %v", err)
	}
	alive(t, near, far)
}

// live shakes hands, and returns both ends of the connection.
func live(t *testing.T, server, client credentials.TransportCredentials) (near, far net.Conn) {
	t.Helper()
	nearRaw, farRaw := tcp(t)
	served := make(chan error, 1)
	go func() {
		var err error
		far, _, err = server.ServerHandshake(farRaw)
		served <- err
	}()
	near, _, err := client.ClientHandshake(t.Context(), "orders.internal:443", nearRaw)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	return near, far
}

// ends wants a connection to end.
func ends(t *testing.T, conn net.Conn) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("a connection outlives the bundle that it was judged by")
	}
}

// alive sends a word over a connection.
func alive(t *testing.T, near, far net.Conn) {
	t.Helper()
	_ = far.SetReadDeadline(time.Now().Add(10 * time.Second))
	go func() { _, _ = near.Write([]byte("still here")) }()
	if _, err := io.ReadFull(far, make([]byte, len("still here"))); err != nil {
		t.Errorf("the connection has ended: %v", err)
	}
}

// TestWorkloadAPIAway has a Workload API come late, hold no identity, go, and come back.
func TestWorkloadAPIAway(t *testing.T) {
	shop := spiffetest.NewDomain(t, "shop.internal")
	api := spiffetest.New(t)
	api.Stop()
	var reported []error
	observed := make(chan error, 100)
	e := open(t, api, mtls.Options{Observe: func(_ context.Context, _ bool, err error) { observed <- err }})
	ctx, cancel := context.WithCancel(t.Context())
	watched := make(chan error, 1)
	go func() { watched <- e.Watch(ctx) }()
	defer func() { cancel(); <-watched }()
	faulty := func(part string) func(*mtls.Issued) bool {
		return func(i *mtls.Issued) bool { return i.Err != nil && strings.Contains(i.Err.Error(), part) }
	}

	e.until(t, faulty("is it running"))
	if _, err, _ := shake(t, e.ServerCredentials(), e.ClientCredentials(ordersID)); err == nil || !strings.Contains(err.Error(), "no certificate has been issued: the Workload API at "+api.Address) {
		t.Errorf("without a certificate: %v", err)
	}
	short, stop := context.WithTimeout(t.Context(), time.Millisecond)
	defer stop()
	if err := e.Wait(short); err == nil || !strings.Contains(err.Error(), "is it running") {
		t.Errorf("waiting: %v", err)
	}
	api.Start()
	e.until(t, faulty("register an identity for this process"))
	svid := shop.SVID("/orders")
	api.Issue(svid, shop)
	e.until(t, func(i *mtls.Issued) bool { return i.Certificate != nil })
	if n := e.log.count("SVID issued"); n != 1 {
		t.Errorf("the log tells of %d SVIDs", n)
	}
	works := func(when string) {
		t.Helper()
		if _, clientErr, serverErr := shake(t, e.ServerCredentials(), e.ClientCredentials(ordersID)); clientErr != nil || serverErr != nil {
			t.Errorf("%s: client %v, server %v", when, clientErr, serverErr)
		}
	}
	works("with an SVID")

	api.Stop()
	e.until(t, faulty("the Workload API"))
	works("with the Workload API away")
	api.Start()
	e.until(t, func(i *mtls.Issued) bool { return i.Err == nil })
	if v := e.Issued().Version; v != 1 {
		t.Errorf("the same SVID is version %d", v)
	}
	api.Deny()
	e.until(t, faulty("PermissionDenied"))
	works("with the identity taken away, while the SVID lasts")
	api.Issue(shop.SVID("/orders"), shop)
	e.until(t, func(i *mtls.Issued) bool { return i.Err == nil && i.Version == 2 })
	works("renewed")
	if n := e.log.count("Workload API answers again"); n != 1 {
		t.Errorf("the log tells %d times that it is back", n)
	}
	for len(reported) == 0 || reported[len(reported)-1] != nil || len(observed) > 0 {
		reported = append(reported, <-observed)
	}
	if reported[0] == nil {
		t.Error("who watches was not told that there is nothing")
	}
}

// TestExpired: an SVID that nobody renews is shown to nobody.
func TestExpired(t *testing.T) {
	shop := spiffetest.NewDomain(t, "shop.internal")
	api := spiffetest.New(t)
	api.Issue(shop.SVID("/orders"), shop)
	e := open(t, api, mtls.Options{Now: func() time.Time { return time.Now().Add(2 * 365 * 24 * time.Hour) }})
	e.wait(t)
	_, clientErr, serverErr := shake(t, e.ServerCredentials(), e.ClientCredentials(ordersID))
	for side, err := range map[string]error{"client": clientErr, "server": serverErr} {
		if err == nil || !strings.Contains(err.Error(), "the certificate that was issued has expired") {
			t.Errorf("%s: %v", side, err)
		}
	}
}

// TestSilent: a Workload API that takes connections and says nothing holds up a handshake for a moment only.
func TestSilent(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	source, err := spiffe.Open("tcp://"+listener.Addr().String(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	identity, err := source.Identity(mtls.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	near, far := tcp(t)
	defer func() { _, _ = near.Close(), far.Close() }()
	if _, _, err := identity.ClientCredentials(ordersID).ClientHandshake(t.Context(), "", near); err == nil || !strings.Contains(err.Error(), "has not answered yet") {
		t.Errorf("got %v", err)
	}
}

// TestAddress: what issues private keys is on this machine.
func TestAddress(t *testing.T) {
	for address, want := range map[string]string{
		"unix:///run/spire/agent/api.sock": "",
		"tcp://127.0.0.1:8081":             "",
		"tcp://[::1]:8081":                 "",
		"tcp://10.0.0.1:8081":              "is on another machine",
		"tcp://localhost:8081":             "IP:port",
		"unix:run/api.sock":                "opaque",
		"/run/api.sock":                    "scheme",
		"https://spire.internal":           "scheme",
		"":                                 "none in the environment variable SPIFFE_ENDPOINT_SOCKET",
	} {
		t.Setenv("SPIFFE_ENDPOINT_SOCKET", "")
		got, err := spiffe.Address(address)
		if want == "" && (err != nil || got != address) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %q, %v", address, got, err)
		}
		if address == "" {
			continue
		}
		t.Setenv("SPIFFE_ENDPOINT_SOCKET", address)
		if got, err := spiffe.Address(""); (err == nil) != (want == "") || err == nil && got != address || err != nil && !strings.Contains(err.Error(), "SPIFFE_ENDPOINT_SOCKET") {
			t.Errorf("%q in the environment: %q, %v", address, got, err)
		}
	}
}
