// Package spiffetest is a SPIFFE Workload API for tests: the standard's protocol over a unix socket, with authorities that live as
// long as the test. It attests nobody: whoever connects is given what the test says.
package spiffetest

import (
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/spiffe/go-spiffe/v2/proto/spiffe/workload"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/intentgate/intentgate/services/mtls/devca"
	"github.com/intentgate/intentgate/services/mtls/mtlstest"
)

// API is a Workload API, of one workload.
type API struct {
	// Address is where it is, as SPIFFE_ENDPOINT_SOCKET would say.
	Address string

	tb     testing.TB
	path   string
	server *grpc.Server // nil: it is stopped
	ended  chan struct{}

	mu      sync.Mutex
	answer  *workload.X509SVIDResponse // nil: no identity is registered
	changed chan struct{}
	streams int
}

// New starts a Workload API that has no identity for anybody.
func New(tb testing.TB) *API {
	tb.Helper()
	folder, err := os.MkdirTemp("", "spiffe") //nolint:usetesting // the names of tests are longer than paths of sockets may be
	if err != nil {
		tb.Fatal(err)
	}
	path := filepath.Join(folder, "api.sock")
	a := &API{Address: "unix://" + path, tb: tb, path: path, changed: make(chan struct{})}
	a.Start()
	tb.Cleanup(func() {
		a.Stop()
		_ = os.RemoveAll(folder)
	})
	return a
}

// Start opens the socket.
func (a *API) Start() {
	a.tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(a.tb.Context(), "unix", a.path)
	if err != nil {
		a.tb.Fatal(err)
	}
	a.server, a.ended = grpc.NewServer(), make(chan struct{})
	workload.RegisterSpiffeWorkloadAPIServer(a.server, api{API: a})
	go func(server *grpc.Server, ended chan struct{}) {
		defer close(ended)
		_ = server.Serve(listener) // until it is stopped
	}(a.server, a.ended)
}

// Stop ends all streams and takes the socket away, as an agent that stops. A second call does nothing.
func (a *API) Stop() {
	if a.server != nil {
		a.server.Stop()
		<-a.ended
		a.server = nil
	}
}

// Issue has the workload hold an SVID that authority signs, with the authorities of further trust domains.
func (a *API) Issue(svid *devca.Certificate, of *Domain, federated ...*Domain) {
	a.tb.Helper()
	answer := &workload.X509SVIDResponse{FederatedBundles: map[string][]byte{}, Svids: []*workload.X509SVID{{
		X509Svid: slices.Concat(svid.Chain...), X509SvidKey: pkcs8(a.tb, svid), Bundle: of.Bundle(),
	}}}
	if len(svid.Leaf.URIs) > 0 {
		answer.Svids[0].SpiffeId = svid.Leaf.URIs[0].String()
	}
	for _, domain := range federated {
		answer.FederatedBundles["spiffe://"+domain.Name] = domain.Bundle()
	}
	a.say(answer)
}

// Deny has the workload hold no identity.
func (a *API) Deny() { a.say(nil) }

// Streams returns how many clients are connected.
func (a *API) Streams() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.streams
}

func (a *API) say(answer *workload.X509SVIDResponse) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answer = answer
	close(a.changed)
	a.changed = make(chan struct{})
}

// api is the protocol.
type api struct {
	workload.UnimplementedSpiffeWorkloadAPIServer
	*API
}

// FetchX509SVID sends what the workload holds, and again when that changes, until the client leaves or holds nothing.
func (a api) FetchX509SVID(_ *workload.X509SVIDRequest, stream grpc.ServerStreamingServer[workload.X509SVIDResponse]) error {
	return follow(a.API, stream, func(answer *workload.X509SVIDResponse) *workload.X509SVIDResponse { return answer })
}

// FetchX509Bundles sends the bundles alone.
func (a api) FetchX509Bundles(_ *workload.X509BundlesRequest, stream grpc.ServerStreamingServer[workload.X509BundlesResponse]) error {
	return follow(a.API, stream, func(answer *workload.X509SVIDResponse) *workload.X509BundlesResponse {
		bundles := map[string][]byte{}
		for _, svid := range answer.GetSvids() {
			domain, _, _ := strings.Cut(strings.TrimPrefix(svid.GetSpiffeId(), "spiffe://"), "/")
			bundles["spiffe://"+domain] = svid.GetBundle()
		}
		for domain, bundle := range answer.GetFederatedBundles() {
			bundles[domain] = bundle
		}
		return &workload.X509BundlesResponse{Bundles: bundles}
	})
}

// follow answers as the standard's Workload Endpoint does: no client without its header, which keeps others from being made to
// ask for somebody's keys.
func follow[T any](a *API, stream grpc.ServerStreamingServer[T], of func(*workload.X509SVIDResponse) *T) error {
	if md, _ := metadata.FromIncomingContext(stream.Context()); strings.Join(md.Get("workload.spiffe.io"), " ") != "true" {
		return status.Error(codes.InvalidArgument, "security header missing from request")
	}
	a.count(1)
	defer a.count(-1)
	for {
		a.mu.Lock()
		answer, changed := a.answer, a.changed
		a.mu.Unlock()
		if answer == nil {
			return status.Error(codes.PermissionDenied, "no identity issued")
		}
		if err := stream.Send(of(answer)); err != nil {
			return err
		}
		select {
		case <-stream.Context().Done():
			return nil
		case <-changed:
		}
	}
}

func (a *API) count(by int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.streams += by
}

// Domain is a trust domain with an authority of its own.
type Domain struct {
	*mtlstest.CA

	Name string
}

// NewDomain makes a trust domain, such as shop.internal.
func NewDomain(tb testing.TB, name string) *Domain {
	tb.Helper()
	return &Domain{CA: mtlstest.NewCA(tb), Name: name}
}

// SVID issues one for a path, such as /orders.
func (d *Domain) SVID(path string) *devca.Certificate { return d.Issue(d.Leaf("uri:" + d.ID(path))) }

// ID returns the SPIFFE ID of a path.
func (d *Domain) ID(path string) string { return "spiffe://" + d.Name + path }

// Bundle returns the trust domain's authority as the protocol carries it.
func (d *Domain) Bundle() []byte { return d.Certificate().Raw }

func pkcs8(tb testing.TB, certificate *devca.Certificate) []byte {
	tb.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(certificate.Key)
	if err != nil {
		tb.Fatal(err)
	}
	return der
}
