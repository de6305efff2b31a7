package backend_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/xds"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/intentgate/intentgate/gateway/backend"
	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/mtls/mtlstest"
)

// xdsName is what the control plane knows the service by.
const xdsName = "shop.orders"

// controlPlane is a control plane that knows one service, over mutual TLS.
type controlPlane struct {
	cache     cache.SnapshotCache
	bootstrap string
	stop      func()
	version   int

	// What it says; say sends it.
	route      *routev3.RouteAction
	cluster    *clusterv3.Cluster
	localities []locality
}

// locality is instances that are near each other.
type locality struct {
	priority, weight uint32
	addresses        []string
}

func control(t *testing.T, files, own mtls.Files) *controlPlane {
	t.Helper()
	c := &controlPlane{
		cache:   cache.NewSnapshotCache(true, cache.IDHash{}, nil),
		route:   &routev3.RouteAction{ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: xdsName}},
		cluster: &clusterv3.Cluster{LbPolicy: clusterv3.Cluster_ROUND_ROBIN},
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	served := grpc.NewServer(grpc.Creds(open(t, own).ServerCredentials()))
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(served, server.NewServer(ctx, c.cache, nil))
	_, end := run(t, served, listener)
	c.stop = func() { cancel(); end() }
	t.Cleanup(cancel)
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	c.bootstrap = fmt.Sprintf(`{
		"node": {"id": "gateway"},
		"xds_servers": [{"server_uri": "localhost:%s", "server_features": ["xds_v3"], "channel_creds": [
			{"type": "tls", "config": {"certificate_file": %q, "private_key_file": %q, "ca_certificate_file": %q}}]}]
	}`, port, files.Cert, files.Key, files.CA)
	return c
}

// say sends all to who listens.
func (c *controlPlane) say(t *testing.T) {
	t.Helper()
	ads := &corev3.ConfigSource{ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}}}
	c.cluster.Name = xdsName
	c.cluster.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS}
	c.cluster.EdsClusterConfig = &clusterv3.Cluster_EdsClusterConfig{EdsConfig: ads}
	manager := &hcmv3.HttpConnectionManager{
		RouteSpecifier: &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: &routev3.RouteConfiguration{
			Name: xdsName,
			VirtualHosts: []*routev3.VirtualHost{{
				Name: xdsName, Domains: []string{xdsName},
				Routes: []*routev3.Route{{
					Match:  &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{}},
					Action: &routev3.Route_Route{Route: c.route},
				}},
			}},
		}},
		HttpFilters: []*hcmv3.HttpFilter{{
			Name: "router", ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: pack(t, &routerv3.Router{})},
		}},
	}
	assignment := &endpointv3.ClusterLoadAssignment{ClusterName: xdsName}
	for i, l := range c.localities {
		near := &endpointv3.LocalityLbEndpoints{
			Locality: &corev3.Locality{SubZone: strconv.Itoa(i)}, LoadBalancingWeight: wrapperspb.UInt32(l.weight), Priority: l.priority,
		}
		for _, address := range l.addresses {
			near.LbEndpoints = append(near.LbEndpoints, &endpointv3.LbEndpoint{
				HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{Address: socket(t, address)}},
			})
		}
		assignment.Endpoints = append(assignment.Endpoints, near)
	}
	c.version++
	snapshot, err := cache.NewSnapshot(strconv.Itoa(c.version), map[resource.Type][]types.Resource{
		resource.ListenerType: {&listenerv3.Listener{Name: xdsName, ApiListener: &listenerv3.ApiListener{ApiListener: pack(t, manager)}}},
		resource.ClusterType:  {proto.CloneOf(c.cluster)},
		resource.EndpointType: {assignment},
	})
	if err == nil {
		err = c.cache.SetSnapshot(t.Context(), "gateway", snapshot)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func pack(t *testing.T, message proto.Message) *anypb.Any {
	t.Helper()
	packed, err := anypb.New(message)
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

func socket(t *testing.T, address string) *corev3.Address {
	t.Helper()
	host, text, _ := net.SplitHostPort(address)
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: host, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(port)},
	}}}
}

// mesh is instances that a control plane knows, and a client that asks it.
type mesh struct {
	*backend.Client

	ca        *mtlstest.CA
	control   *controlPlane
	instances []*instance
	down      []func()
}

// behindXDS is a client of some instances, of which the control plane names none yet.
func behindXDS(t *testing.T, count int, changes ...func(*backend.Config)) *mesh {
	t.Helper()
	m := &mesh{ca: mtlstest.NewCA(t)}
	m.control = control(t, m.ca.Files("dns:"+gatewayName), m.ca.Files("dns:localhost"))
	for range count {
		m.start(t, serviceName)
	}
	t.Setenv("GRPC_XDS_BOOTSTRAP_CONFIG", m.control.bootstrap)
	resolver, err := xds.NewXDSResolverWithConfigForTesting([]byte(m.control.bootstrap)) // gRPC reads the environment when it is loaded
	if err != nil {
		t.Fatal(err)
	}
	config := backend.Config{
		Name: "orders", Target: "xds:///" + xdsName, ServerName: serviceName, Credentials: m.ca.Identity("dns:" + gatewayName).ClientCredentials,
		Logger: discard(),
	}
	for _, change := range changes {
		change(&config)
	}
	if m.Client, err = backend.DialOver(config, grpc.WithResolvers(resolver)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

// start starts an instance whose certificate has a name.
func (m *mesh) start(t *testing.T, name string) {
	t.Helper()
	started := new(instance)
	started.will(fine)
	served := serve(t, m.ca.Identity("dns:"+name).ServerCredentials(), "127.0.0.1:0", nil, started.handle)
	started.address = served.address
	m.instances, m.down = append(m.instances, started), append(m.down, served.stop)
}

// say has the control plane say where instances are.
func (m *mesh) say(t *testing.T, localities ...locality) {
	t.Helper()
	m.control.localities = localities
	m.control.say(t)
}

// at are the addresses of instances.
func (m *mesh) at(instances ...int) (addresses []string) {
	for _, i := range instances {
		addresses = append(addresses, m.instances[i].address)
	}
	return addresses
}

// play makes so many calls of sessions and returns how many each instance got, and how many failed.
func (m *mesh) play(t *testing.T, count int) (calls []int64, failed int) {
	t.Helper()
	for _, one := range m.instances {
		calls = append(calls, -one.calls.Load())
	}
	for n := range count {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if _, err := m.Invoke(ctx, &backend.Call{Method: method, Session: session(n)}); err != nil {
			failed++
		}
		cancel()
	}
	for i, one := range m.instances {
		calls[i] += one.calls.Load()
	}
	return calls, failed
}

// await plays until the calls of a hundred turns are as wanted, none of which fails.
func (m *mesh) await(t *testing.T, what string, want func(calls []int64) bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		calls, failed := m.play(t, 100)
		if failed == 0 && want(calls) {
			return
		}
		if time.Now().After(deadline) {
			state, detail := m.State()
			t.Fatalf("%s: never; of the last 100 calls instances got %d, and %d failed; %s %s", what, calls, failed, state, detail)
		}
	}
}

// only is that some instances are called, and no other.
func only(instances ...int) func([]int64) bool {
	return func(calls []int64) bool {
		for i, n := range calls {
			if (n > 0) != slices.Contains(instances, i) {
				return false
			}
		}
		return true
	}
}
