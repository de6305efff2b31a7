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
// says no other name; empty where there is none, as with a unix socket. It refuses what grpc would take for the name
// of a host, such as a scheme that this program does not know.
func ServerName(target string) (string, error) {
	network, address, err := Endpoint(target)
	if err != nil || network == "unix" {
		return "", err
	}
	host, _, err := net.SplitHostPort(address)
	return strings.TrimSuffix(host, "."), err
}

// Endpoint returns where a target leads to: the network, tcp or unix, and the address there, whose host may be a name.
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
		}
	} else if scheme, _, ok := strings.Cut(target, "://"); ok {
		return "", "", fmt.Errorf("target %q has the unknown scheme %q; want dns, unix, unix-abstract, passthrough, or host:port", target, scheme)
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
