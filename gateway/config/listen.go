package config

import (
	"errors"
	"net"
	"path/filepath"
	"strconv"
	"strings"

	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// LocalAddress takes the address of a listener apart that serves this machine only: `unix:/path` or a loopback
// host and port, such as `127.0.0.1:9901`, `localhost:0` or `[::1]:9901`. It returns the network, unix or tcp, and the
// address on it; the error refuses every other address.
func LocalAddress(listen string) (network, address string, err error) {
	if path, ok := strings.CutPrefix(listen, "unix:"); ok {
		if path == "" {
			return "", "", errors.New("there is no path after unix")
		}
		return "unix", filepath.Clean(path), nil
	}
	if problem := tcpProblem(listen); problem != "" {
		return "", "", errors.New(problem)
	}
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return "", "", err
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", "", errors.New("other machines can reach it")
	}
	return "tcp", listen, nil
}

// tcpProblem says what keeps text from being an address to listen on, or "".
func tcpProblem(listen string) string {
	_, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "no host and port"
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "the port is no number up to 65535"
	}
	return ""
}

// listeners checks the addresses to listen on.
func (r *report) listeners(config *gatewayv1.Config) {
	for path, listen := range map[string]string{
		"edge.listen":   config.GetEdge().GetListen(),
		"status.listen": config.GetStatus().GetListen(),
	} {
		if !r.has(path) {
			continue // where it is needed, the schema's rules tell
		}
		if problem := tcpProblem(listen); problem != "" {
			r.field(path, "%s: %s; want %s", quote(listen), problem, wants[path])
		}
	}
	if listen := config.GetAdmin().GetListen(); listen != "" {
		if _, _, err := LocalAddress(listen); err != nil {
			r.field("admin.listen", "%s: %s; want %s", quote(listen), err.Error(), wants["admin.listen"])
		}
	}
}
