package backend

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"

	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/xds" // the scheme
)

// bootstrap is what is asked of the file that tells gRPC where the control plane is.
type bootstrap struct {
	Servers     []controlPlane `json:"xds_servers"`
	Authorities map[string]struct {
		Servers []controlPlane `json:"xds_servers"`
	} `json:"authorities"`
}

type controlPlane struct {
	URI         string `json:"server_uri"`
	Credentials []struct {
		Type string `json:"type"`
	} `json:"channel_creds"`
}

// CheckBootstrap says what is wrong with the file that tells gRPC where the control plane is: that there is none, or that one on another
// machine is to be believed without a proof of who it is.
func CheckBootstrap() error {
	text := []byte(os.Getenv("GRPC_XDS_BOOTSTRAP_CONFIG"))
	if file := os.Getenv("GRPC_XDS_BOOTSTRAP"); file != "" { // which gRPC prefers, too
		var err error
		if text, err = os.ReadFile(file); err != nil { //nolint:gosec // who starts the program says which
			return fmt.Errorf("GRPC_XDS_BOOTSTRAP: %w", err)
		}
	}
	if len(text) == 0 {
		return errors.New("an xds target needs a control plane; set the environment variable GRPC_XDS_BOOTSTRAP to the file that says where it is")
	}
	var read bootstrap
	if err := json.Unmarshal(text, &read); err != nil {
		return fmt.Errorf("xds bootstrap: %w", err)
	}
	servers := read.Servers
	for _, authority := range read.Authorities {
		servers = append(servers, authority.Servers...)
	}
	for _, server := range servers {
		for _, creds := range server.Credentials {
			if creds.Type == "insecure" && !local(server.URI) {
				return fmt.Errorf("xds bootstrap: the control plane %q would be called without TLS; "+
					"want the channel_creds tls or google_default, insecure is for this machine alone", server.URI)
			}
		}
	}
	return nil
}

// local says that a target is on this machine.
func local(target string) bool {
	network, address, err := Endpoint(target)
	if err != nil || network != "tcp" {
		return err == nil && network == "unix"
	}
	host, _, err := net.SplitHostPort(address)
	return err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback())
}

// nameless are credentials whose server's name is theirs alone. Otherwise it would be the :authority, too, by which a control plane's
// virtual host is found: that has to be the target's name.
type nameless struct {
	credentials.TransportCredentials
}

// Info tells of no name.
func (n nameless) Info() credentials.ProtocolInfo {
	info := n.TransportCredentials.Info()
	info.ServerName = "" //nolint:staticcheck // deprecated, but where gRPC takes :authority from
	return info
}

// Clone keeps it so.
func (n nameless) Clone() credentials.TransportCredentials {
	return nameless{n.TransportCredentials.Clone()}
}
