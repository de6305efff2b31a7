package backend

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"google.golang.org/grpc/resolver"
)

// ServerName returns the host that a target names, which the service's certificate must carry where the configuration
// says no other name; empty where there is none, as with a unix socket, or where a control plane may name any. It refuses
// what grpc would take for the name of a host, such as a scheme that this program does not know.
func ServerName(target string) (string, error) {
	network, address, err := Endpoint(target)
	if err != nil || network != "tcp" {
		return "", err
	}
	host, _, err := net.SplitHostPort(address)
	return strings.TrimSuffix(host, "."), err
}

// networkXDS is the network of targets whose addresses a control plane knows.
const networkXDS = "xds"

func isXDS(target string) bool { return strings.HasPrefix(target, "xds:") }

// Endpoint returns where a target leads to: the network, tcp or unix, and the address there, whose host may be a name; or xds and
// the name that the control plane knows it by.
func Endpoint(target string) (network, address string, err error) {
	if target == "" {
		return "", "", errors.New("there is no target; want one such as dns:///orders.internal:8443")
	}
	endpoint := target
	if parsed, err := url.Parse(target); err == nil && resolver.Get(parsed.Scheme) != nil {
		endpoint = resolver.Target{URL: *parsed}.Endpoint()
		switch parsed.Scheme {
		case "unix":
			if parsed.Opaque == "" { // unix:///path
				endpoint = parsed.Path
			}
			return "unix", endpoint, nil
		case "unix-abstract":
			return "unix", "@" + endpoint, nil
		case networkXDS:
			if endpoint == "" {
				return "", "", fmt.Errorf("target %q names nothing; want one such as xds:///orders", target)
			}
			return networkXDS, endpoint, nil
		}
	} else if scheme, _, ok := strings.Cut(target, "://"); ok {
		return "", "", fmt.Errorf("target %q has the unknown scheme %q; want dns, xds, unix, unix-abstract, passthrough, or host:port", target, scheme)
	}
	host, port, err := net.SplitHostPort(endpoint)
	if err != nil {
		return "tcp", net.JoinHostPort(strings.Trim(endpoint, "[]"), "443"), nil //nolint:nilerr // no port: grpc takes 443
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", "", fmt.Errorf("target %q has the port %q; want a number up to 65535", target, port)
	}
	return "tcp", net.JoinHostPort(host, port), nil
}
