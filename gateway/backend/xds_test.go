package backend_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/intentgate/intentgate/gateway/backend"
	"github.com/intentgate/intentgate/services/mtls"
)

// TestXDS has a control plane name instances, others, none, and then be gone itself.
func TestXDS(t *testing.T) {
	m := behindXDS(t, 3)
	m.say(t, locality{0, 1, m.at(0)})
	m.await(t, "the first", only(0))
	m.say(t, locality{0, 1, m.at(0, 1, 2)})
	m.await(t, "all three in turn", func(calls []int64) bool { return slices.Min(calls) > 30 })
	m.say(t, locality{0, 1, m.at(2)})
	m.await(t, "the last alone", only(2))
	if got := (*m.instances[2].metadata.Load())[":authority"]; !slices.Equal(got, []string{xdsName}) {
		t.Errorf("the service is called as %q, want the target's name, by which routes are found", got)
	}
	m.control.stop()
	m.await(t, "still the last alone, without a control plane", only(2))
	if load := m.Load(); load.In+load.Out > 0 || load.Circuit != "closed" {
		t.Errorf("load %+v, want one that tells nothing of instances", load)
	}
}

// TestXDSLocality prefers what is near, and what is near more often, and falls back to what is far.
func TestXDSLocality(t *testing.T) {
	m := behindXDS(t, 3)
	m.say(t, locality{0, 3, m.at(0)}, locality{0, 1, m.at(1)}, locality{1, 1, m.at(2)})
	m.await(t, "three quarters there, a quarter here", func(calls []int64) bool {
		return calls[2] == 0 && calls[0] > 55 && calls[1] > 10
	})
	m.down[0]()
	m.await(t, "the other one that is near", only(1))
	m.down[1]()
	m.await(t, "the one that is far", only(2))
}

// TestXDSOutlierDetection has the control plane say who is left out.
func TestXDSOutlierDetection(t *testing.T) {
	m := behindXDS(t, 3)
	m.control.cluster.OutlierDetection = &clusterv3.OutlierDetection{
		Interval: durationpb.New(50 * time.Millisecond), BaseEjectionTime: durationpb.New(time.Hour), MaxEjectionTime: durationpb.New(time.Hour),
		MaxEjectionPercent: wrapperspb.UInt32(50), EnforcingSuccessRate: wrapperspb.UInt32(0),
		FailurePercentageThreshold: wrapperspb.UInt32(50), EnforcingFailurePercentage: wrapperspb.UInt32(100),
		FailurePercentageMinimumHosts: wrapperspb.UInt32(3), FailurePercentageRequestVolume: wrapperspb.UInt32(5),
	}
	m.say(t, locality{0, 1, m.at(0, 1, 2)})
	m.await(t, "all three", only(0, 1, 2))
	m.instances[1].will(func(context.Context) ([]byte, error) { return nil, status.Error(codes.Unavailable, "away") })
	m.await(t, "those that answer", only(0, 2))
}

// TestXDSAffinity has a control plane hash by session: what the gateway sends for that is a hash itself.
func TestXDSAffinity(t *testing.T) {
	m := behindXDS(t, 3, affine)
	m.control.cluster.LbPolicy = clusterv3.Cluster_RING_HASH
	m.control.route.HashPolicy = []*routev3.RouteAction_HashPolicy{{
		PolicySpecifier: &routev3.RouteAction_HashPolicy_Header_{Header: &routev3.RouteAction_HashPolicy_Header{HeaderName: "intentgate-session-hash"}},
	}}
	m.say(t, locality{0, 1, m.at(0, 1, 2)})
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) { // a ring that nobody has called yet
		if state, detail := m.State(); state == connectivity.Ready {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("without a call it is %s %s: a required service would never be ready", state, detail)
		}
	}
	m.await(t, "all three", only(0, 1, 2))
	home := homes(t, m.Client, m.instances)
	if again := homes(t, m.Client, m.instances); !maps.Equal(home, again) {
		t.Errorf("sessions moved: %v", moved(home, again))
	}
	sent := (*m.instances[0].metadata.Load())["intentgate-session-hash"]
	if len(sent) != 1 || len(sent[0]) > 16 || strings.Contains(sent[0], "session") {
		t.Errorf("the session's hash is sent as %q", sent)
	}
}

// TestXDSDoesNotDecide has a control plane ask for tries that nobody may make, send calls to somebody else, and shorten them.
func TestXDSDoesNotDecide(t *testing.T) {
	m := behindXDS(t, 1)
	m.control.route.RetryPolicy = &routev3.RetryPolicy{RetryOn: "unavailable", NumRetries: wrapperspb.UInt32(3)}
	m.say(t, locality{0, 1, m.at(0)})
	m.await(t, "the first", only(0))
	m.instances[0].will(func(context.Context) ([]byte, error) { return nil, status.Error(codes.Unavailable, "away") })
	if calls, failed := m.play(t, 1); failed != 1 || calls[0] != 1 {
		t.Errorf("a call that may be made once was made %d times", calls[0])
	}
	m.instances[0].will(fine)

	m.start(t, "somebody.else")
	m.say(t, locality{0, 1, m.at(1)})
	for deadline := time.Now().Add(patience); ; {
		state, detail := m.State()
		if state == connectivity.TransientFailure && strings.Contains(detail, "somebody.else") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s %q, want the certificate of another service refused", state, detail)
		}
		if _, err := m.Invoke(t.Context(), call(nil)); status.Code(err) != codes.Unavailable && err != nil {
			t.Fatal(err)
		}
	}
	if n := m.instances[1].calls.Load(); n > 0 {
		t.Errorf("%d calls went to somebody else", n)
	}
}

// TestXDSShortens has a control plane give calls less time than turns have, never more.
func TestXDSShortens(t *testing.T) {
	m := behindXDS(t, 1)
	m.control.route.MaxStreamDuration = &routev3.RouteAction_MaxStreamDuration{MaxStreamDuration: durationpb.New(time.Hour)}
	m.say(t, locality{0, 1, m.at(0)})
	m.await(t, "the first", only(0))
	var left atomic.Int64
	m.instances[0].will(func(ctx context.Context) ([]byte, error) {
		deadline, _ := ctx.Deadline()
		left.Store(int64(time.Until(deadline)))
		return nil, nil
	})
	if m.play(t, 1); left.Load() > int64(patience) {
		t.Errorf("a call has %s, more than its turn", time.Duration(left.Load()))
	}
	m.control.route.MaxStreamDuration.MaxStreamDuration = durationpb.New(time.Second)
	m.control.say(t)
	m.await(t, "a second", func([]int64) bool { return left.Load() <= int64(time.Second) })
}

// apart, in the environment, has this test's binary make one call as another process: gRPC reads where the control plane is when it
// starts. It holds the files of the process's identity.
const apart = "INTENTGATE_XDS_APART"

func callApart(files string) error {
	cert, rest, _ := strings.Cut(files, "\n")
	key, ca, _ := strings.Cut(rest, "\n")
	identity, err := mtls.Open(mtls.Files{Cert: cert, Key: key, CA: ca}, mtls.Options{Logger: discard()})
	if err != nil {
		return err
	}
	client, err := backend.Dial(backend.Config{
		Name: "orders", Target: "xds:///" + xdsName, ServerName: serviceName, Credentials: identity.ClientCredentials, Logger: discard(),
	})
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err = client.Invoke(ctx, call(nil))
	return err
}

// TestXDSFromFile has a process find its control plane as every gRPC program does.
func TestXDSFromFile(t *testing.T) {
	m := behindXDS(t, 1)
	m.say(t, locality{0, 1, m.at(0)})
	file := filepath.Join(t.TempDir(), "bootstrap.json")
	if err := os.WriteFile(file, []byte(m.control.bootstrap), 0o600); err != nil {
		t.Fatal(err)
	}
	files := m.ca.Files("dns:" + gatewayName)
	process := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // this program
	process.Env = append(os.Environ(), "GRPC_XDS_BOOTSTRAP="+file, apart+"="+files.Cert+"\n"+files.Key+"\n"+files.CA)
	if said, err := process.CombinedOutput(); err != nil || m.instances[0].calls.Load() != 1 {
		t.Errorf("%d calls came, %v\n%s", m.instances[0].calls.Load(), err, said)
	}
}

// TestBootstrap is what of a control plane is refused.
func TestBootstrap(t *testing.T) {
	server := func(uri, creds string) string {
		return fmt.Sprintf(`{"xds_servers": [{"server_uri": %q, "channel_creds": [{"type": %q}]}]}`, uri, creds)
	}
	for name, test := range map[string]struct{ file, config, want string }{
		"none":                 {"", "", "GRPC_XDS_BOOTSTRAP"},
		"a file that is not":   {filepath.Join(t.TempDir(), "none"), server("c:1", "tls"), "no such file"},
		"no JSON":              {"", "xds_servers", "bootstrap"},
		"no TLS":               {"", server("control.internal:443", "insecure"), "without TLS"},
		"no TLS, by address":   {"", server("dns:///192.0.2.1:443", "insecure"), "without TLS"},
		"no TLS, an authority": {"", `{"xds_servers": [], "authorities": {"a": ` + server("c:1", "insecure") + `}}`, "without TLS"},
		"TLS":                  {"", server("control.internal:443", "tls"), ""},
		"Google's":             {"", server("trafficdirector.googleapis.com:443", "google_default"), ""},
		"this machine's":       {"", server("127.0.0.1:1", "insecure"), ""},
		"this machine's, IPv6": {"", server("[::1]:1", "insecure"), ""},
		"a socket":             {"", server("unix:///run/xds.sock", "insecure"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GRPC_XDS_BOOTSTRAP", test.file)
			t.Setenv("GRPC_XDS_BOOTSTRAP_CONFIG", test.config)
			err := backend.CheckBootstrap()
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v; want an error with %q", err, test.want)
			}
			client, dialErr := backend.Dial(backend.Config{
				Name: "orders", Target: "xds:///orders", ServerName: serviceName, Credentials: newHop(t).gateway.ClientCredentials, Logger: discard(),
			})
			if (dialErr == nil) != (err == nil) {
				t.Errorf("dialled: %v, want %v", dialErr, err)
			}
			if client != nil {
				client.Close()
			}
		})
	}
}
