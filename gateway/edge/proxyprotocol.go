package edge

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
)

const (
	proxySignature = "\r\n\r\n\x00\r\nQUIT\n" // begins the PROXY protocol, version 2
	proxyV1        = "PROXY"                  // begins version 1, which nobody may speak
	proxyBytes     = 4 << 10                  // of a header with all that it carries
)

// sendsProxy says whether a peer's connections begin with the PROXY protocol.
func (s *Site) sendsProxy(peer netip.Addr) bool {
	peer = peer.WithZone("") // else it is in no network
	return slices.ContainsFunc(s.ProxyPeers, func(network netip.Prefix) bool { return network.Contains(peer) })
}

// unwrap learns from the proxy that the connection came from whose it is. It is called before the connection has a place in the
// gate: the client's address, of which the gate goes by the share, is not known yet, and the proxy's has none, as all clients behind
// it are. Until then the connection costs what one that waits for its place does, and no longer.
func (c *conn) unwrap(ctx context.Context) error {
	hurry := context.AfterFunc(ctx, func() { _ = c.Conn.SetReadDeadline(time.Unix(1, 0)) })
	client, err := readProxy(c.Conn)
	if !hurry() {
		return ctx.Err()
	}
	if err == nil && client.IsValid() {
		c.proxy, c.addr = c.addr, client
	}
	return err
}

// readProxy reads the PROXY protocol's header, version 2, and not a byte more. It returns the client's address; none where the
// proxy calls for itself. What is no such header is an *authn.Refusal.
func readProxy(from io.Reader) (client netip.AddrPort, err error) {
	var head [16]byte
	if _, err := io.ReadFull(from, head[:]); err != nil {
		return client, err
	}
	version, family, length := head[12], head[13], int(binary.BigEndian.Uint16(head[14:]))
	switch {
	case strings.HasPrefix(string(head[:]), proxyV1):
		return client, badProxy("version 1")
	case string(head[:12]) != proxySignature:
		return client, badProxy("none of its headers")
	case version != 0x20 && version != 0x21:
		return client, badProxy(fmt.Sprintf("version and command %#02x", version))
	case len(head)+length > proxyBytes:
		return client, badProxy(fmt.Sprintf("a header of %d bytes", len(head)+length))
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(from, body); err != nil {
		return client, err
	}
	if version == 0x20 { // LOCAL, whatever else it says
		return client, nil
	}
	size, known := map[byte]int{0x11: 4, 0x21: 16}[family] // TCP over IPv4 and IPv6: both addresses, then both ports
	if !known {
		return client, badProxy(fmt.Sprintf("family and protocol %#02x", family))
	}
	if length < 2*size+4 {
		return client, badProxy("a truncated address")
	}
	for more := body[2*size+4:]; len(more) > 0; { // a type, a length, a value, and so on
		if len(more) < 3 || len(more)-3 < int(binary.BigEndian.Uint16(more[1:])) {
			return client, badProxy("a truncated extension")
		}
		more = more[3+int(binary.BigEndian.Uint16(more[1:])):]
	}
	addr, _ := netip.AddrFromSlice(body[:size])
	return netip.AddrPortFrom(addr.Unmap(), binary.BigEndian.Uint16(body[2*size:])), nil
}

func badProxy(saw string) *authn.Refusal {
	return &authn.Refusal{Reason: authn.ProxyHeader, Saw: saw, Wanted: "the PROXY protocol, version 2, with an address over TCP"}
}

// strayProxy says whether a connection that should begin with TLS begins with the PROXY protocol.
func strayProxy(header [5]byte) bool {
	return string(header[:]) == proxyV1 || string(header[:]) == proxySignature[:len(header)]
}
