package backend_test

import (
	"testing"

	"github.com/intentgate/intentgate/gateway/backend"
)

func TestEndpoint(t *testing.T) {
	t.Parallel()
	for target, want := range map[string][2]string{
		"orders.internal:8444":             {"tcp", "orders.internal:8444"},
		"orders.internal":                  {"tcp", "orders.internal:443"},
		"[::1]:8444":                       {"tcp", "[::1]:8444"},
		"dns:///orders.internal:8444":      {"tcp", "orders.internal:8444"},
		"dns://192.0.2.1/orders.internal.": {"tcp", "orders.internal.:443"},
		"passthrough:///192.0.2.7:1":       {"tcp", "192.0.2.7:1"},
		"unix:///run/o.sock":               {"unix", "/run/o.sock"},
		"unix:/run/o.sock":                 {"unix", "/run/o.sock"},
		"unix:o.sock":                      {"unix", "o.sock"},
		"unix-abstract:orders":             {"unix", "@orders"},
		"xds:///orders":                    {"xds", "orders"},
		"xds://control/orders":             {"xds", "orders"},
	} {
		network, address, err := backend.Endpoint(target)
		if err != nil || network != want[0] || address != want[1] {
			t.Errorf("%s leads to %s %s, %v; want %v", target, network, address, err, want)
		}
	}
	for _, target := range []string{"", "xds:///", "ftp://orders", "orders.internal:http"} {
		if network, address, err := backend.Endpoint(target); err == nil {
			t.Errorf("%q leads to %s %s", target, network, address)
		}
	}
}
