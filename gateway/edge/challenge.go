package edge

import (
	"crypto/tls"
	"errors"
	"slices"

	"github.com/intentgate/intentgate/gateway/authn"
)

// acmeProtocol is what an ACME CA offers, and nothing beside it, where it looks at the answer to its challenge (TLS-ALPN-01,
// RFC 8737). Who offers another protocol, too, is a client as any other.
const acmeProtocol = "acme-tls/1"

// errChallenge ends the connection of a CA, which has seen what it came for. It is an error, so that nothing is ever served there.
var errChallenge = errors.New("an ACME challenge")

// asksChallenge says whether it is an ACME CA that connects.
func asksChallenge(hello *tls.ClientHelloInfo) bool {
	return slices.Equal(hello.SupportedProtos, []string{acmeProtocol})
}

// challenge returns what an ACME CA is shown: the challenge that is pending for the name, and nothing else.
func (c *conn) challenge(site *Site) (*tls.Config, error) {
	if site.Challenge != nil {
		if certificate := site.Challenge(c.sni); certificate != nil {
			c.challenged = true
			return &tls.Config{
				MinVersion: tls.VersionTLS12, NextProtos: []string{acmeProtocol}, Certificates: []tls.Certificate{*certificate},
				SessionTicketsDisabled: true, Time: c.server.config.Now, // a ticket's keys would be those of everybody's
			}, nil
		}
	}
	c.refusal = &authn.Refusal{
		Reason: authn.NoChallenge, Saw: "acme-tls/1 for " + authn.Printable(c.sni), Wanted: "a name whose ACME challenge is pending",
	}
	return nil, c.refusal
}
