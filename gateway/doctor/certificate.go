package doctor

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/services/mtls"
)

// serverCertificate judges a certificate as Dialogflow does, and what will be wrong with it soon.
func serverCertificate(certs []*x509.Certificate, host string, config *ServerConfig) Report {
	report := append(trust(certs, config.Roots, config.Now()), name(certs[0], host))
	return append(report, ownServer(certs, config.Now())...)
}

// Served judges a certificate that a server is about to show. That no public CA has issued it is a warning only: a CX
// webhook may list another.
func Served(certs []*x509.Certificate, now time.Time) (Report, error) {
	roots, err := publicRoots()
	if err != nil {
		return nil, err
	}
	report := trust(certs, roots, now)
	for i := range report {
		if report[i].Verdict == Failed {
			report[i].Verdict = Warning
		}
	}
	return append(report, ownServer(certs, now)...), nil
}

// ownServer judges what depends on nobody's trust.
func ownServer(certs []*x509.Certificate, now time.Time) Report {
	return Report{
		dates("server_dates", certs, now), key("server_key", certs), keyUsage(certs[0]),
		usage("server_extended_key_usage", certs[0], x509.ExtKeyUsageServerAuth, "issue it for servers: Dialogflow, as every TLS client, wants serverAuth"),
	}
}

// trust tells a chain with a gap from one that is whole and leads to nobody whom the caller trusts.
func trust(certs []*x509.Certificate, roots *x509.CertPool, now time.Time) Report {
	const chain, trusted = "server_chain", "server_trust"
	const ownCA = "ES trusts public CAs only; a CX webhook may list a CA of yours (in DER), which `intentgate doctor URL --ca` tries"
	leaf, last := certs[0], end(certs)
	// Dates and usages have findings of their own.
	options := x509.VerifyOptions{
		Roots: roots, Intermediates: mtls.Pool(certs[1:]), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	switch {
	case now.Before(leaf.NotBefore):
		options.CurrentTime = leaf.NotBefore
	case now.After(leaf.NotAfter):
		options.CurrentTime = leaf.NotAfter
	}
	if allows(leaf, x509.ExtKeyUsageServerAuth) {
		options.KeyUsages[0] = x509.ExtKeyUsageServerAuth
	}
	paths, err := leaf.Verify(options)
	switch {
	case err == nil && ordered(certs):
		return Report{Pass(chain, "%s", links(certs)), Pass(trusted, "a chain to %s", subject(paths[0][len(paths[0])-1]))}
	case err == nil:
		return Report{
			Warn(chain, links(certs)+", in disorder", inOrder, "put the file into this order: Go and browsers sort it out, older clients do not"),
			Pass(trusted, "a chain to %s", subject(paths[0][len(paths[0])-1])),
		}
	case isUnknown(err) && !selfIssued(last):
		return Report{
			Fail(chain, links(certs)+gap(certs)+", which is neither sent nor trusted", "the leaf and every intermediate, up to one that a trusted root has issued",
				"serve the full chain in one file, leaf first (fullchain.pem; nginx: `ssl_certificate`; Java: import the whole chain into the keystore). "+
					"Browsers fetch what is missing, Dialogflow does not. If the CA is your own: "+ownCA),
			Skip(trusted, "the chain has a gap"),
		}
	default:
		return Report{
			Pass(chain, "%s", links(certs)),
			Fail(trusted, "a chain to "+subject(last)+": "+words(err), "a chain to a trusted root", "get a certificate of a public CA. "+ownCA),
		}
	}
}

func isUnknown(err error) bool {
	_, ok := err.(x509.UnknownAuthorityError) //nolint:errorlint // Verify does not wrap it
	return ok
}

func name(leaf *x509.Certificate, host string) Finding {
	const check, wanted = "server_name", "a subject alternative name "
	err := leaf.VerifyHostname(host)
	switch {
	case err == nil:
		return Pass(check, "%s is among its names", host)
	case leaf.Subject.CommonName == host:
		return Fail(check, words(err), wanted+host, "the name stands in the CN alone, which nobody reads any more: issue it with the name as a subject alternative name")
	default:
		return Fail(check, words(err), wanted+host,
			"issue the certificate for the host of the URL. The server may have one for it already and not choose it (nginx: `server_name`)")
	}
}

// dates judges the certificate of a chain that is valid for the shortest time.
func dates(check string, certs []*x509.Certificate, now time.Time) Finding {
	first := certs[0]
	for _, cert := range certs {
		if now.Before(cert.NotBefore) {
			return Dates(check, cert, now)
		}
		if cert.NotAfter.Before(first.NotAfter) {
			first = cert
		}
	}
	return Dates(check, first, now)
}

// key judges the leaf's key, and all signatures but those of roots on themselves, which nobody verifies.
func key(check string, certs []*x509.Certificate) Finding {
	for _, cert := range certs {
		switch cert.SignatureAlgorithm {
		case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
			if !selfIssued(cert) {
				return Fail(check, subject(cert)+" is signed with "+cert.SignatureAlgorithm.String(), "SHA-256 or better",
					"have it issued anew: nobody accepts such signatures any more")
			}
		default:
		}
	}
	leaf := certs[0]
	saw := kind(leaf) + ", signed with " + leaf.SignatureAlgorithm.String()
	if public, ok := leaf.PublicKey.(*rsa.PublicKey); ok && public.N.BitLen() < 2048 {
		return Fail(check, saw, "RSA of at least 2048 bits, or ECDSA", "make a new key, and have a certificate issued for it")
	}
	if leaf.PublicKeyAlgorithm != x509.RSA && leaf.PublicKeyAlgorithm != x509.ECDSA {
		return Warn(check, saw, "RSA or ECDSA", "make a key of a kind that every client and CA knows")
	}
	return Pass(check, "%s", saw)
}

func kind(cert *x509.Certificate) string {
	switch public := cert.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", public.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + public.Curve.Params().Name
	default:
		return cert.PublicKeyAlgorithm.String()
	}
}

func keyUsage(leaf *x509.Certificate) Finding {
	const check = "server_key_usage"
	switch {
	case leaf.KeyUsage == 0:
		return Pass(check, "not restricted")
	case leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return Fail(check, "a key usage without digitalSignature", "digitalSignature, if there is a key usage at all",
			"issue it with keyUsage=digitalSignature: a handshake is signed, and CX demands it below a CA that a webhook lists")
	default:
		return Pass(check, "digitalSignature")
	}
}

// usage judges the extended key usage.
func usage(check string, leaf *x509.Certificate, wanted x509.ExtKeyUsage, remedy string) Finding {
	saw := "not restricted"
	if len(leaf.ExtKeyUsage)+len(leaf.UnknownExtKeyUsage) > 0 {
		var names []string
		for _, usage := range leaf.ExtKeyUsage {
			names = append(names, usage.String())
		}
		saw = cmp.Or(strings.Join(names, ", "), "of another kind")
	}
	if !allows(leaf, wanted) {
		return Fail(check, saw, wanted.String(), remedy)
	}
	return Pass(check, "%s", saw)
}

func allows(leaf *x509.Certificate, wanted x509.ExtKeyUsage) bool {
	return len(leaf.ExtKeyUsage)+len(leaf.UnknownExtKeyUsage) == 0 ||
		slices.Contains(leaf.ExtKeyUsage, wanted) || slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny)
}

const inOrder = "the leaf, then each certificate's issuer"

// links counts a chain and says where it begins.
func links(certs []*x509.Certificate) string {
	if len(certs) == 1 {
		return "the leaf alone, " + subject(certs[0])
	}
	return fmt.Sprintf("%d certificates from %s on", len(certs), subject(certs[0]))
}

func ordered(certs []*x509.Certificate) bool {
	for i, cert := range certs[1:] {
		if !bytes.Equal(certs[i].RawIssuer, cert.RawSubject) {
			return false
		}
	}
	return true
}

// end follows the issuers from the leaf on as far as they are there, in whatever order.
func end(certs []*x509.Certificate) *x509.Certificate {
	last := certs[0]
	for range certs {
		next := slices.IndexFunc(certs, func(cert *x509.Certificate) bool { return bytes.Equal(cert.RawSubject, last.RawIssuer) })
		if next < 0 {
			break
		}
		last = certs[next]
	}
	return last
}

func selfIssued(cert *x509.Certificate) bool { return bytes.Equal(cert.RawSubject, cert.RawIssuer) }

// gap says what is missing after the last certificate.
func gap(certs []*x509.Certificate) string {
	last, who := end(certs), "it"
	if last != certs[0] {
		who = subject(last)
	}
	return "; " + who + " is issued by " + authn.Printable(last.Issuer.String())
}
