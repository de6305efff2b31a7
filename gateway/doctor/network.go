package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// network looks the name up and connects to each of its addresses.
func (p *prober) network(ctx context.Context) (report Report, reached bool) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	host, port, _ := net.SplitHostPort(p.hostPort())
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return Report{Fail("dns", words(err), "an address of "+host,
			"correct the URL, or add an A or AAAA record to the public DNS: Dialogflow does not know the names of your network")}, false
	}
	var names, deaf []string
	dialer := net.Dialer{Timeout: p.timeout / time.Duration(len(addresses))}
	for i, address := range addresses {
		addresses[i] = address.Unmap()
		names = append(names, addresses[i].String())
		conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(names[i], port))
		if err != nil {
			deaf = append(deaf, words(err))
			continue
		}
		_ = conn.Close() // nothing was sent
	}
	found, open := Pass("dns", "%s", strings.Join(names, ", ")), Pass("tcp", "port %s is open", port)
	if slices.ContainsFunc(addresses, netip.Addr.IsPrivate) {
		found = Warn("dns", found.Saw, "public addresses",
			"Dialogflow calls from the internet: publish another address. Only CX reaches private ones, through Service Directory")
	}
	if len(deaf) > 0 {
		open = Fail("tcp", strings.Join(deaf, "; "), "an open port at every address of the name",
			"start the server, open the firewall to the whole internet (Google publishes no addresses to allow), or correct the port or the DNS record")
	}
	return Report{found, open}, len(deaf) < len(names)
}

// versions judges each version by itself; one of them has to be there.
func versions(contacts []*contact) (report Report) {
	verdict := Failed
	if slices.ContainsFunc(contacts, func(c *contact) bool { return c.server != nil }) {
		verdict = Warning
	}
	for _, c := range contacts {
		check := map[uint16]string{tls.VersionTLS12: "tls_1_2", tls.VersionTLS13: "tls_1_3"}[c.version]
		if c.server != nil {
			report = append(report, Pass(check, "%s", tls.CipherSuiteName(c.server.CipherSuite)))
			continue
		}
		report = append(report, Finding{Check: check, Verdict: verdict, Saw: words(c.err), Wanted: tls.VersionName(c.version), Remedy: noHandshake(c.err)})
	}
	return report
}

// noHandshake knows what lies behind a handshake that fails before the server has shown its certificate.
func noHandshake(err error) string {
	said := words(err)
	for _, known := range []struct{ part, remedy string }{
		{noTLS, "something else than TLS listens there: use the HTTPS port, or switch TLS on (nginx: `listen 443 ssl`)"},
		{"unrecognized name", "the server knows no certificate for this name: add the name to its virtual hosts (nginx: `server_name`)"},
		{"no application protocol", "the server refuses HTTP/1.1, which is what Dialogflow speaks: allow http/1.1 beside h2 in ALPN"},
		{"protocol version", "switch the version on (nginx: `ssl_protocols TLSv1.2 TLSv1.3`): Dialogflow was seen with both"},
		{"handshake failure", "switch on current cipher suites (ECDHE with AES-GCM), and give the server a certificate for this name"},
		{noAnswer, "the server accepts connections and says nothing: look for a proxy or a firewall that holds them, or a wrong port"},
	} {
		if strings.Contains(said, known.part) {
			return known.remedy
		}
	}
	return "look into the server's log for the reason; a balancer in between may close connections too"
}

func (p *prober) plainHTTP(ctx context.Context, speaksTLS bool) Finding {
	const check = "plain_http"
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.hostPort())
	if err != nil {
		return Skip(check, words(err))
	}
	status, _, err := p.ask(ctx, conn, http.MethodGet, "")
	switch {
	case err != nil:
		return Pass(check, "not answered")
	case speaksTLS && status == http.StatusBadRequest: // a TLS server's way to say so
		return Pass(check, "refused with HTTP 400")
	default:
		return Fail(check, fmt.Sprintf("HTTP %d without TLS", status), "no answer to HTTP without TLS on this port",
			"switch TLS on for this port, and let plain HTTP have another one, if any")
	}
}

func (p *prober) oldVersions(ctx context.Context) Finding {
	const check = "old_tls"
	for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11} {
		if c := p.contact(ctx, version, nil); c.server != nil {
			return Warn(check, tls.VersionName(version)+" is accepted", "TLS 1.2 and 1.3 only", "switch the old versions off "+
				"(nginx: `ssl_protocols TLSv1.2 TLSv1.3`; Java: jdk.tls.disabledAlgorithms): Dialogflow needs none of them")
		}
	}
	return Pass(check, "TLS 1.0 and 1.1 are refused")
}

func protocol(contacts []*contact) Finding {
	return Pass("alpn", "%s", cmp.Or(contacts[0].server.NegotiatedProtocol, "none chosen, which means HTTP/1.1"))
}

// slow is a large part of the 5 s that Dialogflow ES waits for an answer.
const slow = time.Second

func duration(contacts []*contact) Finding {
	const check = "handshake_time"
	var longest time.Duration
	for _, c := range contacts {
		longest = max(longest, c.took)
	}
	switch saw := longest.Round(time.Millisecond).String(); {
	case longest == 0:
		return Skip(check, "no handshake was finished")
	case longest > slow:
		return Warn(check, saw, "less than "+slow.String(),
			"Dialogflow ES waits 5 s for the whole turn: look for a slow name server, a distant region or an overloaded machine")
	default:
		return Pass(check, "%s", saw)
	}
}
