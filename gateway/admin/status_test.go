package admin_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/connectivity"

	"github.com/intentgate/intentgate/gateway/admin"
	"github.com/intentgate/intentgate/gateway/authn/idtoken"
	"github.com/intentgate/intentgate/gateway/expiry"
)

func TestStatus(t *testing.T) {
	var orders atomic.Int32 // a connectivity.State
	orders.Store(int32(connectivity.Connecting))
	services := func() []admin.Service {
		return []admin.Service{
			{Name: "orders", Required: true, State: func() (connectivity.State, string) { return connectivity.State(orders.Load()), "" }},
			{Name: "faq", State: fixed(connectivity.TransientFailure, "connection refused")},
		}
	}
	var waiting atomic.Value
	waiting.Store("")
	health, err := admin.NewHealth(admin.Sources{
		Services: services,
		Waiting:  func() string { return waiting.Load().(string) }, //nolint:errcheck // it is text
		State: func() admin.ConfigState {
			return admin.ConfigState{File: "intentgate.yaml", Loaded: loaded, SHA256: "ab"}
		},
		Now: func() time.Time { return loaded },
		Profiles: func() []admin.Profile {
			return []admin.Profile{{Name: "dialogflow", Chains: []admin.Chain{{Name: "gts", Roots: 5, NotAfter: loaded}}}}
		},
		Keys: func() idtoken.Status {
			return idtoken.Status{Source: "https://keys.example", Err: errors.New("no route to host")}
		},
		Ends: slices.Values([]expiry.End{
			{Kind: expiry.Edge, Name: "edge", NotAfter: loaded.AddDate(1, 0, 0)}, {Kind: expiry.Root, Name: "dialogflow/gts", NotAfter: loaded},
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	server, err := admin.NewStatus(t.Context(), admin.StatusConfig{
		Listen:  "127.0.0.1:0",
		Health:  health,
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "metrics") }),
		Logger:  slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	serve(t, server)
	web := client(t, server.Addr())

	faq := `{"name":"faq","state":"TRANSIENT_FAILURE","required":false,"detail":"connection refused"}],` +
		`"config":{"file":"intentgate.yaml","loaded":"2027-01-02T03:04:05Z","sha256":"ab"},` +
		`"certificates":[{"kind":"edge","name":"edge","not_after":"2028-01-02T03:04:05Z"}],` +
		`"profiles":[{"name":"dialogflow","chains":[{"name":"gts","roots":5,"not_after":"2027-01-02T03:04:05Z"}]}],` +
		`"id_token_keys":{"source":"https://keys.example","keys":0,"detail":"no route to host"},` +
		`"expiring":[{"kind":"root","name":"dialogflow/gts","not_after":"2027-01-02T03:04:05Z"}]}` + "\n"
	ready := func(when string, status int, want string) {
		t.Helper()
		faq := faq
		if what := waiting.Load().(string); what != "" { //nolint:errcheck // it is text
			faq = strings.Replace(faq, `"config"`, `"waiting":"`+what+`","config"`, 1)
		}
		got := get(t, web, http.MethodGet, "http://gateway:9900/readyz", nil)
		if got.status != status || got.body != want+faq || got.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s, want %d %s", when, got.status, got.body, status, want+faq)
		}
		if got := get(t, web, http.MethodGet, "http://gateway/livez", nil); got.status != http.StatusOK || got.body != "ok\n" {
			t.Errorf("%s: not live: %d %q", when, got.status, got.body)
		}
	}
	ready("starting", 503, `{"ready":false,"listening":false,"draining":false,"services":[{"name":"orders","state":"CONNECTING","required":true},`)
	health.Listening()
	ready("a required service is missing", 503, `{"ready":false,"listening":true,"draining":false,"services":[{"name":"orders","state":"CONNECTING","required":true},`)
	orders.Store(int32(connectivity.Ready))
	waiting.Store("edge.acme: no certificate")
	ready("there is no certificate", 503, `{"ready":false,"listening":true,"draining":false,"services":[{"name":"orders","state":"READY","required":true},`)
	waiting.Store("")
	ready("serving", 200, `{"ready":true,"listening":true,"draining":false,"services":[{"name":"orders","state":"READY","required":true},`)
	orders.Store(int32(connectivity.Idle))
	ready("an idle required service", 503, `{"ready":false,"listening":true,"draining":false,"services":[{"name":"orders","state":"IDLE","required":true},`)
	orders.Store(int32(connectivity.Ready))
	health.Draining()
	ready("stopping", 503, `{"ready":false,"listening":true,"draining":true,"services":[{"name":"orders","state":"READY","required":true},`)

	for _, test := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/metrics", 200},
		{"HEAD", "/livez", 200},
		{"HEAD", "/readyz", 503},
		{"POST", "/livez", 405},
		{"DELETE", "/readyz", 405},
		{"PUT", "/metrics", 405},
		{"GET", "/healthz", 404},
		{"GET", "/", 404},
		{"GET", "/livez/", 404},
	} {
		got := get(t, web, test.method, "http://gateway"+test.path, nil)
		if got.status != test.status {
			t.Errorf("%s %s: %d, want %d", test.method, test.path, got.status, test.status)
		}
		if test.status == http.StatusMethodNotAllowed && got.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s %s: Allow %q", test.method, test.path, got.header.Get("Allow"))
		}
	}
}

func TestStatusRefusesGaps(t *testing.T) {
	if _, err := admin.NewHealth(admin.Sources{}); err == nil {
		t.Error("a Health without services")
	}
	if _, err := admin.NewStatus(t.Context(), admin.StatusConfig{Listen: "127.0.0.1:0"}); err == nil {
		t.Error("a status listener without anything")
	}
}
