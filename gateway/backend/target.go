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
	if target == "" {
		return "", errors.New("there is no target; want one such as dns:///orders.internal:8443")
	}
	endpoint := target
	if parsed, err := url.Parse(target); err == nil && resolver.Get(parsed.Scheme) != nil {
		if strings.HasPrefix(parsed.Scheme, "unix") {
			return "", nil
		}
		endpoint = resolver.Target{URL: *parsed}.Endpoint()
	} else if scheme, _, ok := strings.Cut(target, "://"); ok {
		return "", fmt.Errorf("target %q has the unknown scheme %q; want dns, unix, unix-abstract, passthrough, or host:port", target, scheme)
	}
	host, port, err := net.SplitHostPort(endpoint)
	if err != nil {
		return strings.Trim(endpoint, "[]"), nil //nolint:nilerr // no port: grpc takes 443
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("target %q has the port %q; want a number up to 65535", target, port)
	}
	return strings.TrimSuffix(host, "."), nil
}
