package authn

import (
	"strconv"
	"strings"
)

// Reason is a stable snake_case code that says why a handshake or a turn was refused. It is a metric label.
type Reason string

// The reasons for which a certificate is refused, in a handshake or later on its live connection.
const (
	NoCertificate       Reason = "no_certificate"
	TooManyCertificates Reason = "too_many_certificates"
	KeyTooLarge         Reason = "key_too_large"
	SubjectMismatch     Reason = "subject_mismatch"
	IssuerMismatch      Reason = "issuer_mismatch"
	UnknownAuthority    Reason = "unknown_authority"
	Expired             Reason = "expired"
	NotYetValid         Reason = "not_yet_valid"
	KeyUsage            Reason = "key_usage"
	InvalidChain        Reason = "invalid_chain"
	OutsideDates        Reason = "outside_dates"
	TooManyNames        Reason = "too_many_names"
)

// The reasons for which there is no certificate to judge where a proxy hands it on.
const (
	ForwardedMissing    Reason = "forwarded_missing"
	ForwardedDuplicate  Reason = "forwarded_duplicate"
	ForwardedMalformed  Reason = "forwarded_malformed"
	ForwardedTooLarge   Reason = "forwarded_too_large"
	ForwardedUnverified Reason = "forwarded_unverified"
	ProxyAmbiguous      Reason = "proxy_ambiguous"
)

// The reasons for which a turn is refused although the certificate is good.
const (
	ProfileMismatch Reason = "profile_mismatch"
	ProjectMismatch Reason = "project_mismatch"
	AgentMismatch   Reason = "agent_mismatch"
)

// The reasons for which a handshake fails without a verdict on the certificate.
const (
	NotTLS          Reason = "not_tls"
	ProtocolVersion Reason = "protocol_version"
	KeyNotProven    Reason = "key_not_proven"
	ClientRefused   Reason = "client_refused"
	Timeout         Reason = "timeout"
	HungUp          Reason = "hung_up"
	Overload        Reason = "overload"
	HandshakeFailed Reason = "handshake_failed"
	ProxyHeader     Reason = "proxy_header"
	ProxyUnlisted   Reason = "proxy_unlisted"
	NoChallenge     Reason = "no_challenge"

	NoServerCertificate Reason = "no_server_certificate"
)

// hints is what each reason means to the person who has to make it go away. Every reason has its row.
var hints = map[Reason]string{
	NoCertificate:       "the client sent no certificate: switch on mutual TLS in the client, and look for a proxy that ends TLS in between",
	TooManyCertificates: "the client sent a longer chain than any CA makes: send the leaf and its intermediates only",
	KeyTooLarge:         "an RSA key in the client's chain is too large to be verified at a stranger's request: use RSA 4096 or ECDSA",
	SubjectMismatch:     "the certificate names somebody else than the profiles expect: another client, or a profile whose subject rule needs an update",
	IssuerMismatch:      "the certificate names the right client, but another CA issued it than the profile expects: correct the profile's issuer rule if that CA is yours",
	UnknownAuthority:    "the certificate does not chain to a root of its profile: the client left out an intermediate, or its CA changed",
	Expired:             "a certificate of the chain is no longer valid: renew it, or look at this machine's clock",
	NotYetValid:         "a certificate of the chain is not valid yet: look at this machine's clock",
	KeyUsage:            "the certificate was not issued for this use: a client needs the extended key usage that the profile names",
	InvalidChain:        "the chain breaks a rule of X.509, such as a name constraint or a path length: ask the CA that issued it",
	OutsideDates:        "the certificate is good, but its profile is not used at this time, and its dates are enforced: change the profile's dates, or look at this machine's clock",
	TooManyNames:        "the certificate is good, but its names are too long to be told to the services: issue one with fewer alternative names",
	ForwardedMissing:    "the proxy hands on no client certificate: its client sent none, or the proxy is not told to ask for one, or to hand it on in the header that edge.proxies names",
	ForwardedDuplicate:  "the proxy passes on what its clients send in the header of the certificate: have it set the header, not add to it",
	ForwardedMalformed:  "the header of the certificate is not what edge.proxies[].header names: compare it with the proxy's settings",
	ForwardedTooLarge:   "the header of the certificate is larger than any chain is: have the proxy set it, not add to it",
	ForwardedUnverified: "the proxy hands on no chain, and does not say that it has verified one: have it hand on the chain, or verify it",
	ProxyAmbiguous:      "the certificate of the proxy is accepted by the profiles of two: correct their subject rules",
	ProfileMismatch:     "the certificate is good, but not for this path: list its profile in the webhook's profiles, or call another path",
	ProjectMismatch:     "the session belongs to a project that this webhook does not serve: list it in the webhook's projects",
	AgentMismatch:       "the session belongs to another agent than the certificate's profile names: list it in the profile's agents",
	NotTLS:              "the client did not speak TLS: use https",
	ProtocolVersion:     "the client offers no version of TLS from 1.2 on: update it",
	KeyNotProven:        "the certificate was acceptable, but the client could not prove that it holds the key: a copied certificate, or a key of another one",
	ClientRefused:       "the client refused the gateway's own certificate: serve the full chain, of a CA that the client trusts, for the name it calls",
	Timeout:             "the client did not finish the handshake in time",
	HungUp:              "the client closed the connection during the handshake: a port scan, a health check, or a client that dislikes the gateway's certificate",
	Overload:            "too many handshakes were going on, or too many of this address: if they are welcome, raise limits.handshakes",
	HandshakeFailed:     "client and gateway could not agree on a handshake: see the error; `bad record MAC` in TLS 1.3 most often means that an OpenSSL client refused the gateway's certificate",
	ProxyHeader:         "the peer is listed in edge.proxy_protocol.peers, and its connection does not begin with version 2 of the PROXY protocol: switch it on there, or take the peer off the list",
	ProxyUnlisted:       "somebody who is not listed in edge.proxy_protocol.peers sent a header of the PROXY protocol: list the load balancer's address, or switch the protocol off there",
	NoChallenge:         "somebody asked for the answer to an ACME challenge that is not pending: a stranger, or a CA that another gateway of this name has called",
	NoServerCertificate: "the gateway has no certificate of its own yet: the ACME CA has issued none, for reasons that the log has",
}

// Hint says in a sentence what usually lies behind the reason, and what to do.
func (r Reason) Hint() string { return hints[r] }

// Refusal says why somebody is not let in. It is never sent to the caller: what was wanted is for the log.
type Refusal struct {
	Reason Reason
	Saw    string // what was presented: escaped, at most 256 bytes
	Wanted string // what would have been accepted
}

// Error returns the reason with what was seen and what was wanted.
func (r *Refusal) Error() string {
	return string(r.Reason) + ": saw " + r.Saw + ", wanted " + r.Wanted
}

const maxSaw = 256 // bytes

// Printable returns a stranger's text fit for a log line: control characters, bidirectional marks and broken UTF-8 are
// escaped as Go does it, and what goes beyond 256 bytes is cut off with an ellipsis.
func Printable(s string) string {
	if plain(s) {
		return s
	}
	cut := len(s) > maxSaw
	if cut {
		s = s[:maxSaw]
	}
	s = strconv.Quote(s)
	s = strings.ReplaceAll(s[1:len(s)-1], `\"`, `"`)
	if cut || len(s) > maxSaw {
		const ellipsis = "…"
		s = strings.ToValidUTF8(s[:min(len(s), maxSaw-len(ellipsis))], "") + ellipsis
	}
	return s
}

// plain says, for nearly every text, that there is nothing to escape or to cut.
func plain(s string) bool {
	if len(s) > maxSaw {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == '\\' {
			return false
		}
	}
	return true
}
