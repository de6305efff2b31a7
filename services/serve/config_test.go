package serve_test

import (
	"log/slog"
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc"

	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/mtls/mtlstest"
	"github.com/intentgate/intentgate/services/serve"
)

func TestNewRefusesGaps(t *testing.T) {
	files := mtlstest.NewCA(t).Files("dns:" + serverName)
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := taken.Close(); err != nil {
			t.Error(err)
		}
	}()
	for name, c := range map[string]struct {
		spoil func(*serve.Config)
		want  []string
	}{
		"everything": {
			func(c *serve.Config) { *c = serve.Config{} },
			[]string{"Name", "Listen", "TLS.Cert", "TLS.Key", "TLS.CA", "Register", "Logger", "nobody could call"},
		},
		"nobody may call": {
			func(c *serve.Config) { c.Allowed, c.Asserting = nil, nil },
			[]string{"nobody could call", "Asserting"},
		},
		"entries that are no names": {
			func(c *serve.Config) { c.Allowed, c.Asserting = []string{"gateway", gateway}, []string{"cn:gateway"} },
			[]string{"Allowed", `"gateway"`, "Asserting", `"cn:gateway"`, "dns:<name>"},
		},
		"negative drain": {
			func(c *serve.Config) { c.Drain = -1 },
			[]string{"Drain"},
		},
		"negative age": {
			func(c *serve.Config) { c.MaxConnectionAge = -1 },
			[]string{"MaxConnectionAge"},
		},
		"certificate that is not there": {
			func(c *serve.Config) { c.TLS.Cert = "no-such.pem" },
			[]string{"no-such.pem"},
		},
		"authorities that are not there": {
			func(c *serve.Config) { c.TLS.CA = "no-such-ca.pem" },
			[]string{"no-such-ca.pem"},
		},
		"files and a Workload API": {
			func(c *serve.Config) { c.WorkloadAPI = "unix:///run/spire/agent/api.sock" },
			[]string{"TLS and WorkloadAPI are both there"},
		},
		"a Workload API of another machine": {
			func(c *serve.Config) { c.TLS, c.WorkloadAPI = mtls.Files{}, "tcp://10.0.0.1:8081" },
			[]string{"WorkloadAPI (--workload-api)", "is on another machine"},
		},
		"callers of a Workload API who are not named by SPIFFE IDs": {
			func(c *serve.Config) {
				c.TLS, c.WorkloadAPI = mtls.Files{}, "unix:///run/spire/agent/api.sock"
				c.Asserting, c.Allowed = []string{"dns:gateway.internal"}, []string{"uri:https://crm.internal", "uri:spiffe://shop.internal"}
				c.Tokens = &serve.Tokens{Keys: "jwks.json", TrustDomain: "shop.internal", Forwarders: []string{"dns:checkout.internal=shop.checkout.v1.CheckoutService"}}
			},
			[]string{"dns:gateway.internal: with WorkloadAPI", "uri:https://crm.internal: with", "uri:spiffe://shop.internal: with", "dns:checkout.internal: with"},
		},
		"keys of a URL, and nobody who judges it": {
			func(c *serve.Config) {
				c.TLS, c.WorkloadAPI = mtls.Files{}, "unix:///run/spire/agent/api.sock"
				c.Tokens = &serve.Tokens{Keys: "https://gateway.internal/jwks.json", TrustDomain: "shop.internal"}
			},
			[]string{"--jwks-ca"},
		},
		"nothing registered": {
			func(c *serve.Config) { c.Register = func(grpc.ServiceRegistrar) {} },
			[]string{"orders", "registered nothing"},
		},
		"port in use": {
			func(c *serve.Config) { c.Listen = taken.Addr().String() },
			[]string{"orders", taken.Addr().String(), "in use"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			config := serve.Config{
				Name: "orders", Listen: "127.0.0.1:0", Allowed: []string{reports}, Register: hello.register,
				TLS:    mtls.Files{Cert: files.Cert, Key: files.Key, CA: files.CA},
				Logger: slog.New(slog.DiscardHandler),
			}
			c.spoil(&config)
			_, err := serve.New(t.Context(), config)
			if err == nil {
				t.Fatal("nothing was refused")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error does not name %s:\n%v", want, err)
				}
			}
		})
	}
}
