package config

import (
	"net"
	"strconv"
	"strings"

	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// localProblem says what keeps text from being an address that only this machine can reach, or "".
func localProblem(listen string) string {
	if problem := tcpProblem(listen); problem != "" {
		return problem
	}
	host, _, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "other machines can reach it"
	}
	return ""
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
		if socket, ok := strings.CutPrefix(listen, unixPrefix); ok && path == "edge.listen" && socket != "" {
			continue
		}
		if problem := tcpProblem(listen); problem != "" {
			r.field(path, "%s: %s; want %s", quote(listen), problem, wants[path])
		}
	}
	if listen := config.GetAdmin().GetListen(); listen != "" {
		if problem := localProblem(listen); problem != "" {
			r.field("admin.listen", "%s: %s; want %s", quote(listen), problem, wants["admin.listen"])
		}
	}
}
