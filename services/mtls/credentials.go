package mtls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"

	"google.golang.org/grpc/credentials"
)

// ServerCredentials returns credentials for a gRPC server, which demand and verify a client certificate, each
// connection with the files current then. A handshake that fails is logged, at a bounded rate: under TLS 1.3 its client
// hears of it late, and often without the reason.
func (id *Identity) ServerCredentials() credentials.TransportCredentials {
	return &transport{id: id}
}

// ClientCredentials returns credentials for a gRPC client. The server has to be called serverName in its certificate,
// or what the target says where serverName is empty; where the identity is issued, serverName is the server's there, such
// as a SPIFFE ID. Each connection is made with the files current then.
func (id *Identity) ClientCredentials(serverName string) credentials.TransportCredentials {
	return &transport{id: id, serverName: serverName}
}

// transport makes a new tls.Config for each handshake: one of a client is told its authorities once and for all.
type transport struct {
	id         *Identity
	serverName string
}

func (t *transport) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if t.id.issued != nil {
		config, err := t.id.issuedClient(t.id.first(ctx), t.serverName)
		if err != nil {
			return nil, nil, err
		}
		return credentials.NewTLS(config).ClientHandshake(ctx, authority, conn)
	}
	if t.serverName != "" {
		authority = t.serverName
	}
	return credentials.NewTLS(t.id.clientConfig()).ClientHandshake(ctx, authority, conn)
}

func (t *transport) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	raw := &liveConn{Conn: conn, live: &t.id.live}
	secure, info, err := t.serverHandshake(raw)
	if err != nil {
		// A port that is only probed ends with EOF.
		if !errors.Is(err, io.EOF) && t.id.failures.Allow() {
			t.id.options.Logger.Warn("Handshake failed", "peer", conn.RemoteAddr().String(), "error", err)
		}
		return nil, nil, err
	}
	t.id.live.add(raw)
	t.id.endUntrusted() // its authority may have been withdrawn meanwhile
	return secure, info, nil
}

// serverHandshake shakes hands, and notes by what the client's certificate was accepted.
func (t *transport) serverHandshake(raw *liveConn) (net.Conn, credentials.AuthInfo, error) {
	var config *tls.Config
	var mark any
	var chains [][]*x509.Certificate
	if t.id.issued == nil {
		config = t.id.serverConfig()
		mark = config.ClientCAs
	} else {
		var err error
		issued := t.id.first(context.Background())
		config, err = t.id.issuedServer(issued, func(accepted [][]*x509.Certificate) { chains = accepted })
		if err != nil {
			return nil, nil, err
		}
		mark = issued.Version
	}
	secure, info, err := credentials.NewTLS(config).ServerHandshake(raw)
	if err != nil {
		return nil, nil, err
	}
	tlsInfo, ok := info.(credentials.TLSInfo)
	if !ok {
		return nil, nil, errors.Join(fmt.Errorf("a handshake with %T; want TLS", info), secure.Close()) // never
	}
	if chains != nil { // crypto/tls knows only of those that it verified itself
		tlsInfo.State.VerifiedChains = chains
	}
	raw.certs = tlsInfo.State.PeerCertificates
	raw.accepted(mark, tlsInfo.State.VerifiedChains)
	return secure, tlsInfo, nil
}

func (t *transport) Info() credentials.ProtocolInfo {
	if t.id.issued != nil { // an identity is no :authority
		return credentials.ProtocolInfo{SecurityProtocol: "tls"}
	}
	return credentials.ProtocolInfo{
		SecurityProtocol: "tls",
		ServerName:       t.serverName, //nolint:staticcheck // deprecated, but where gRPC takes :authority from, as for its own TLS
	}
}

func (t *transport) Clone() credentials.TransportCredentials {
	clone := *t
	return &clone
}

// OverrideServerName is deprecated in gRPC, but part of the interface.
func (t *transport) OverrideServerName(name string) error {
	t.serverName = name
	return nil
}
