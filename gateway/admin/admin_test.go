package admin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/connectivity"

	"github.com/intentgate/intentgate/gateway/admin"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// fixed returns a state that does not change.
func fixed(state connectivity.State, detail string) func() (connectivity.State, string) {
	return func() (connectivity.State, string) { return state, detail }
}

var loaded = time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)

// healthy is the health of a gateway without services that listens.
func healthy() *admin.Health {
	health, err := admin.NewHealth(admin.Sources{Services: func() []admin.Service { return nil }})
	if err != nil {
		panic(err)
	}
	health.Listening()
	return health
}

func adminConfig(listen string) admin.Config {
	return admin.Config{
		Listen: listen,
		Routes: func() []admin.Route {
			return []admin.Route{{Match: "platform=ES intent=order.*", Service: "orders", Method: "/intentgate.v1.IntentService/Fulfill"}}
		},
		Services: func() []admin.Service {
			return []admin.Service{
				{Name: "orders", Target: "dns:///orders:1", Required: true, State: fixed(connectivity.Ready, "")},
				{Name: "faq", Target: "dns:///faq:1", State: fixed(connectivity.TransientFailure, "connection refused")},
			}
		},
		Health: healthy(),
		State: func() admin.ConfigState {
			return admin.ConfigState{File: "intentgate.yaml", Loaded: loaded, SHA256: "ab", Since: loaded.Add(time.Hour), Error: "no good"}
		},
		Settings: func() ([]byte, error) { return []byte("edge: {}\n"), nil },
		Reload:   func() error { return nil },
		Version:  &gatewayv1.GetVersionResponse{Version: "v1.2.3"},
		Logger:   slog.New(slog.DiscardHandler),
	}
}

// serve serves until the test ends, and fails it when that goes wrong.
func serve(t *testing.T, server *admin.Server) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- server.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// client dials addr whatever the URL says, on connections of its own.
func client(t *testing.T, addr net.Addr) *http.Client {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, addr.Network(), addr.String())
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// answer is a response, read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

func get(t *testing.T, client *http.Client, method, url string, header http.Header) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		request.Header = header
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // Read to its end.
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(data)}
}

// compact removes the spaces that protojson writes or not, as it likes.
func compact(t *testing.T, text string) string {
	t.Helper()
	var buffer bytes.Buffer
	if err := json.Compact(&buffer, []byte(text)); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return buffer.String()
}

func TestAdminService(t *testing.T) {
	server, err := admin.New(t.Context(), adminConfig("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	serve(t, server)
	web := client(t, server.Addr())
	for path, want := range map[string]string{
		"/v1/config":   `{"config":{"file":"intentgate.yaml","loadTime":"2027-01-02T03:04:05Z","sha256":"ab","failTime":"2027-01-02T04:04:05Z","error":"no good"},"yaml":"edge: {}\n"}`,
		"/v1/version":  `{"version":"v1.2.3"}`,
		"/v1/routes":   `{"routes":[{"match":"platform=ES intent=order.*","service":"orders","method":"/intentgate.v1.IntentService/Fulfill"}]}`,
		"/v1/services": `{"services":[{"name":"orders","target":"dns:///orders:1","required":true,"state":"STATE_READY"},{"name":"faq","target":"dns:///faq:1","state":"STATE_TRANSIENT_FAILURE","detail":"connection refused"}]}`,
	} {
		got := get(t, web, http.MethodGet, "http://localhost"+path, nil)
		if body := compact(t, got.body); got.status != http.StatusOK || body != want {
			t.Errorf("%s: %d %s, want %s", path, got.status, body, want)
		}
	}
}

func TestAdminGuard(t *testing.T) {
	server, err := admin.New(t.Context(), adminConfig("localhost:0"))
	if err != nil {
		t.Fatal(err)
	}
	serve(t, server)
	web := client(t, server.Addr())
	for _, test := range []struct {
		method, url string
		header      http.Header
		status      int
	}{
		{"GET", "http://localhost:9901/v1/routes", nil, 200},
		{"GET", "http://127.0.0.1/v1/routes", nil, 200},
		{"GET", "http://127.8.8.8:1/v1/routes", nil, 200},
		{"GET", "http://[::1]:1/v1/routes", nil, 200},
		{"GET", "http://[::1]/v1/routes", nil, 200},
		{"GET", "http://rebound.example/v1/routes", nil, 403},
		{"GET", "http://localhost.rebound.example:9901/v1/routes", nil, 403},
		{"GET", "http://127.0.0.1.rebound.example/v1/routes", nil, 403},
		{"GET", "http://10.0.0.1/v1/routes", nil, 403},
		{"GET", "http://localhost/v1/routes", http.Header{"Origin": {"http://localhost:3000"}}, 403},
		{"GET", "http://localhost/v1/routes", http.Header{"Origin": {"null"}}, 403},
		{"GET", "http://localhost/v1/routes", http.Header{"Origin": {""}}, 403},
		{"GET", "http://localhost/v1/routes?filter=x", nil, 400},
		{"POST", "http://localhost/v1/routes", nil, 405},
		{"GET", "http://localhost/metrics", nil, 404},
		{"GET", "http://localhost/v1/config:reload", nil, 405},
		{"POST", "http://localhost/v1/config:reload", nil, 200},
		{"POST", "http://localhost/v1/config:reload", http.Header{"Content-Type": {"application/json; charset=utf-8"}}, 200},
		{"POST", "http://localhost/v1/config:reload", http.Header{"Content-Type": {"text/plain"}}, 415},
		{"POST", "http://localhost/v1/config:reload", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, 415},
		{"POST", "http://localhost/v1/config:reload", http.Header{"Origin": {"null"}}, 403},
		{"POST", "http://localhost/v1/config:reload", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		{"POST", "http://rebound.example/v1/config:reload", nil, 403},
		{"GET", "http://localhost/v1/routes", http.Header{"Sec-Fetch-Site": {"none"}}, 200},
		{"GET", "http://localhost/v1/routes", http.Header{"Sec-Fetch-Site": {"same-origin"}}, 200},
		{"GET", "http://localhost/v1/routes", http.Header{"Sec-Fetch-Site": {"same-site"}}, 403},
		{"GET", "http://localhost/debug/pprof/profile?seconds=1", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		{"GET", "http://rebound.example/debug/pprof/heap", nil, 403},
	} {
		got := get(t, web, test.method, test.url, test.header)
		if got.status != test.status {
			t.Errorf("%s %s %v: %d, want %d", test.method, test.url, test.header, got.status, test.status)
		}
		if !json.Valid([]byte(got.body)) {
			t.Errorf("%s: no JSON: %q", test.url, got.body)
		}
	}
}

func TestAdminListensLocallyOnly(t *testing.T) {
	for _, listen := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0", "example.com:0", "", "localhost", "unix:/run/admin.sock"} {
		server, err := admin.New(t.Context(), adminConfig(listen))
		if err == nil {
			t.Errorf("%q: listens on %s", listen, server.Addr())
			_ = server.Close()
		}
	}
}

func TestAdminRefusesGaps(t *testing.T) {
	for name, gap := range map[string]func(*admin.Config){
		"routes":   func(c *admin.Config) { c.Routes = nil },
		"services": func(c *admin.Config) { c.Services = nil },
		"logger":   func(c *admin.Config) { c.Logger = nil },
		"version":  func(c *admin.Config) { c.Version = nil },
		"health":   func(c *admin.Config) { c.Health = nil },
		"state":    func(c *admin.Config) { c.State = nil },
		"settings": func(c *admin.Config) { c.Settings = nil },
		"reload":   func(c *admin.Config) { c.Reload = nil },
	} {
		config := adminConfig("127.0.0.1:0")
		gap(&config)
		if _, err := admin.New(t.Context(), config); err == nil {
			t.Errorf("accepted without %s", name)
		}
	}
}

func TestPortInUse(t *testing.T) {
	server, err := admin.New(t.Context(), adminConfig("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := admin.New(t.Context(), adminConfig(server.Addr().String())); err == nil || !strings.Contains(err.Error(), server.Addr().String()) {
		t.Errorf("got %v, want an error that names the address", err)
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	again, err := admin.New(t.Context(), adminConfig(server.Addr().String()))
	if err != nil {
		t.Fatalf("the port is still taken after Close: %v", err)
	}
	_ = again.Close()
}
