package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"
)

// ServerConfig says which server to examine, and with what.
type ServerConfig struct {
	// URL is the webhook's, with the scheme https. Its query is not sent: it may hold a secret, and nobody has said yet who
	// the server is.
	URL string
	// Roots are the CAs that the caller trusts; nil: the public ones, which Dialogflow ES trusts and no others.
	Roots *x509.CertPool
	// Client is a certificate that should be let in, with its key; nil leaves that untried.
	Client *tls.Certificate
	// Timeout is the time for a connection with its request; 5 s if 0, as Dialogflow ES has it for a turn.
	Timeout time.Duration
	// Now is the clock that certificates are compared with. Required.
	Now func() time.Time
	// Progress is told what is tried next; nil: nobody is.
	Progress func(what string)
}

// Server plays Dialogflow's side of the handshake, several times over, and judges the server: whether Dialogflow would
// trust it, and whether it lets in Dialogflow alone. The requests that it sends have the body {} and no credentials. It
// returns an error where there is nothing to examine; what is wrong with the server is in the report.
func Server(ctx context.Context, config ServerConfig) (Report, error) {
	target, err := url.Parse(config.URL)
	if err != nil {
		return nil, fmt.Errorf("the URL cannot be read: %w; want one such as https://fulfil.shop.example/dialogflow/es", err)
	}
	if target.Scheme != "https" || target.Hostname() == "" || target.User != nil {
		return nil, fmt.Errorf("URL %q: want https://HOST/PATH as it stands in the agent: Dialogflow calls nothing else", target.Redacted())
	}
	target.RawQuery, target.ForceQuery = "", false
	if config.Now == nil {
		return nil, errors.New("doctor: ServerConfig.Now is missing")
	}
	if config.Roots == nil {
		if config.Roots, err = publicRoots(); err != nil {
			return nil, err
		}
	}
	if config.Timeout == 0 {
		config.Timeout = 5 * time.Second
	}
	if config.Progress == nil {
		config.Progress = func(string) {}
	}
	report, err := examine(ctx, &prober{url: target, timeout: config.Timeout}, &config)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("the examination was broken off: %w", err)
	}
	return report, err
}

func examine(ctx context.Context, p *prober, config *ServerConfig) (Report, error) {
	config.Progress("the name and the port")
	report, reached := p.network(ctx)
	if !reached {
		return report, nil
	}
	every := func(versions []uint16, who string, certificate *tls.Certificate) (contacts []*contact) {
		for _, version := range versions {
			config.Progress(tls.VersionName(version) + " " + who)
			contacts = append(contacts, p.contact(ctx, version, certificate))
		}
		return contacts
	}
	alone := every([]uint16{tls.VersionTLS12, tls.VersionTLS13}, "without a certificate", nil) // Dialogflow was seen with both
	report = append(report, versions(alone)...)
	config.Progress("HTTP without TLS")
	speaksTLS := slices.ContainsFunc(alone, func(c *contact) bool { return c.err == nil || words(c.err) != noTLS })
	report = append(report, p.plainHTTP(ctx, speaksTLS))
	alone = slices.DeleteFunc(alone, func(c *contact) bool { return c.server == nil })
	if len(alone) == 0 {
		return report, nil
	}
	config.Progress("TLS 1.0 and 1.1")
	report = append(report, p.oldVersions(ctx), protocol(alone), duration(alone))
	report = append(report, serverCertificate(alone[len(alone)-1].server.PeerCertificates, p.url.Hostname(), config)...)

	asks := asksForCertificate(alone)
	report = append(report, asks, authorities(alone, config.Client, config.Now()), refuses("refuses_no_certificate", alone))
	if asks.Verdict != OK {
		const why = "the server asks for no certificate"
		return append(report,
			Skip("refuses_stranger", why),
			Skip("accepts_client", why)), nil
	}
	var spoken []uint16
	for _, c := range alone {
		spoken = append(spoken, c.version)
	}
	stranger, err := newStranger(config.Now())
	if err != nil {
		return nil, err
	}
	report = append(report, refuses("refuses_stranger", every(spoken, "as a stranger", stranger)))
	if config.Client == nil {
		return append(report, Skip("accepts_client", "no certificate to be let in with")), nil
	}
	return append(report, accepts(every(spoken, "with the given certificate", config.Client))...), nil
}
