package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/services/mtls"
)

// instance is a service at one address.
type instance struct {
	Hop

	network, address string
	identity         *mtls.Identity
	trusted          string // who is
	verify           func([]*x509.Certificate, time.Time) ([][]*x509.Certificate, error)
	config           func(server string) (*tls.Config, error) // of a client that trusts no other server
}

// examine goes on as far as there is sense in it: whoever refuses the certificate is not asked for its health.
func (i instance) examine(ctx context.Context) Report {
	conn, finding := i.connect(ctx)
	report := Report{finding}
	if conn == nil {
		return report
	}
	defer func() { _ = conn.Close() }() // nothing is lost with it
	started := i.Now()
	shaken, finding := i.handshake(ctx, conn)
	took := i.Now().Sub(started)
	if report = append(report, finding); shaken == nil {
		return report
	}
	certificate := i.certificate(shaken.ConnectionState().PeerCertificates)
	report = append(append(report, certificate...), shaken.asked(), i.accepted(shaken))
	if report.Failed() {
		return report
	}
	return append(report, i.calls(ctx, took)...)
}

// shaken is a connection after its handshake.
type shaken struct {
	*tls.Conn

	// request is what the server wants of a client's certificate; nil: it asked for none.
	request *tls.CertificateRequestInfo
}

// handshake shakes hands with a server that any certificate will do for, since which one it has is judged afterwards:
// the library would say of the first thing wrong with it alone.
func (i instance) handshake(ctx context.Context, conn net.Conn) (*shaken, Finding) {
	const check = "tls"
	s := &shaken{}
	config := &tls.Config{
		MinVersion: tls.VersionTLS12, // to say of an old server that it is one
		ServerName: i.ServerName,
		NextProtos: []string{"h2"},
		GetClientCertificate: func(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			s.request = request
			return i.identity.Certificate(), nil
		},
		InsecureSkipVerify: true, //nolint:gosec,forbidigo // certificate judges it, and says all that is wrong; nothing is sent before
	}
	s.Conn = tls.Client(conn, config)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := s.HandshakeContext(ctx)
	var noTLS tls.RecordHeaderError
	state := s.ConnectionState()
	const wanted = "TLS 1.3 with HTTP/2 in ALPN, as gRPC needs it"
	switch {
	case errors.As(err, &noTLS):
		return nil, Fail(check, err.Error(), wanted, "no TLS is spoken there: correct the port, or let the service serve with TLS, as the service library does")
	case err != nil && s.request != nil:
		return nil, i.refused(s.request, err)
	case err != nil:
		return nil, Fail(check, err.Error(), wanted, "look at the service's log for `Handshake failed`; is the port that of its gRPC server?")
	case state.Version < tls.VersionTLS13:
		return s, Fail(check, tls.VersionName(state.Version), wanted, "let the service offer TLS 1.3: the gateway insists on it inside")
	case state.NegotiatedProtocol != "h2":
		return s, Fail(check, fmt.Sprintf("%s, protocol %q", tls.VersionName(state.Version), state.NegotiatedProtocol), wanted,
			"is it a gRPC server that ends TLS itself, or something in front of it? Let that offer `h2`")
	default:
		return s, Pass(check, "%s, %s", tls.VersionName(state.Version), state.NegotiatedProtocol)
	}
}

// certificate judges the service's certificate.
func (i instance) certificate(presented []*x509.Certificate) Report {
	leaf, now := presented[0], i.Now()
	dates := Dates("server_dates", leaf, now)
	chain := Pass("server_chain", "%s, issued by %s", subject(leaf), authn.Printable(leaf.Issuer.String()))
	if dates.Verdict == Failed { // which hides what else is wrong
		chain = Skip("server_chain", "not judged out of its time")
	} else if _, err := i.verify(presented, now); err != nil {
		chain = Fail("server_chain", fmt.Sprintf("%s; %s, issued by %s", words(err), links(presented), authn.Printable(leaf.Issuer.String())),
			"a chain to "+i.trusted,
			"put the service's CA into services[].tls.ca, and its intermediates after the leaf in the service's --cert; by SPIFFE: give the service an SVID, or federate its trust domain")
	}
	name := Pass("server_name", "%s is among its names", i.ServerName)
	if i.SPIFFE && (len(leaf.URIs) != 1 || leaf.URIs[0].String() != i.ServerName) {
		name = Fail("server_name", "the names "+names(leaf), i.ServerName, "correct services[].tls.spiffe.server_id, or the service's identity")
	} else if !i.SPIFFE && leaf.VerifyHostname(i.ServerName) != nil {
		name = Fail("server_name", "the names "+names(leaf), i.ServerName,
			"set services[].tls.server_name to one of its names, or issue the certificate for the one that is wanted")
	}
	return Report{chain, dates, name}
}

// Dates judges how much longer a certificate is valid: 30 days, or the third of a short life, should be left.
func Dates(check string, cert *x509.Certificate, now time.Time) Finding {
	const day = 24 * time.Hour
	soon := min(30*day, cert.NotAfter.Sub(cert.NotBefore)/3)
	from, until := cert.NotBefore.UTC().Format(time.RFC3339), cert.NotAfter.UTC().Format(time.RFC3339)
	switch left := cert.NotAfter.Sub(now); {
	case now.Before(cert.NotBefore):
		return Fail(check, fmt.Sprintf("%s is valid from %s on", subject(cert), from), "a certificate that is valid now", "look at this machine's clock, and at that of the CA")
	case left < 0:
		return Fail(check, fmt.Sprintf("%s has expired on %s", subject(cert), until), "a certificate that is valid now", "renew it; look at this machine's clock")
	case left < soon:
		return Warn(check, fmt.Sprintf("%s ends on %s, in %d days", subject(cert), until, left/day), fmt.Sprintf("more than %d days", soon/day), "renew it, and see that whoever presents it reads it anew")
	default:
		return Pass(check, "%s is valid until %s", subject(cert), until)
	}
}

// asked judges whether the server wants to see a certificate. One that does not cannot know the gateway.
func (s *shaken) asked() Finding {
	if s.request == nil {
		return Fail("asks_for_certificate", "the service asks for no client certificate", "a request for one: it would answer anybody",
			"let the service demand and verify client certificates, as the service library does; or is TLS ended in front of it?")
	}
	return Pass("asks_for_certificate", "a client certificate is asked for")
}

// accepted judges whether the server goes on after it has seen the gateway's certificate. Under TLS 1.3 a client is done
// before, and hears of a refusal when it reads; having written by then, it may hear of nothing but a broken pipe.
func (i instance) accepted(s *shaken) Finding {
	if s.request == nil {
		return Skip("client_certificate", "nobody asked for it")
	}
	_ = s.SetReadDeadline(time.Now().Add(patience))
	// HTTP/2 servers speak at once, most of them: the others wait for a client's first words.
	words := time.AfterFunc(patience/10, func() { _, _ = s.Write([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")) })
	defer words.Stop()
	if _, err := s.Read(make([]byte, 1)); err != nil {
		return i.refused(s.request, err)
	}
	return Pass("client_certificate", "%s is accepted", names(i.identity.Certificate().Leaf))
}

// refused says what lies behind a connection that ends as soon as the service has seen the gateway's certificate.
func (i instance) refused(request *tls.CertificateRequestInfo, err error) Finding {
	own := i.identity.Certificate()
	saw := fmt.Sprintf("%v, once the service had seen %s, issued by %s", err, names(own.Leaf), own.Leaf.Issuer)
	remedy := fmt.Sprintf("most likely the service's --ca does not hold the CA of services[].tls.cert, %s. "+
		"the service's log says why at `Handshake failed`", own.Leaf.Issuer)
	usages := own.Leaf.ExtKeyUsage
	switch {
	case i.Now().Before(own.Leaf.NotBefore):
		remedy = "the gateway's certificate is not valid yet: look at the clocks"
	case len(usages) > 0 && !slices.Contains(usages, x509.ExtKeyUsageClientAuth) && !slices.Contains(usages, x509.ExtKeyUsageAny):
		remedy = "the gateway's certificate is not for clients: issue it with the extended key usage clientAuth"
	case len(request.AcceptableCAs) > 0 && request.SupportsCertificate(own) == nil:
		remedy = "the service's --ca has a CA of that name: is it an older one, or is something else wrong? The service's log says why at `Handshake failed`"
	}
	return Fail("client_certificate", saw, "a service that goes on", remedy)
}

// names lists a certificate's alternative names.
func names(cert *x509.Certificate) string {
	list := slices.Collect(mtls.SANs(cert))
	if len(list) == 0 {
		return subject(cert) + " without alternative names"
	}
	return authn.Printable(strings.Join(list, ", "))
}
