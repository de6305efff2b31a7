package doctor

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

// newStranger makes a certificate that has Google's name and nothing else of it. The key is RSA as Google's is, so that
// no server refuses it for its kind.
func newStranger(now time.Time) (*tls.Certificate, error) {
	const google = "Google LLC"
	return forge(devca.Leaf{
		Subject: pkix.Name{CommonName: google, Organization: []string{google}}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, RSA: 2048,
	}, google, now)
}

func asksForCertificate(contacts []*contact) Finding {
	f := worst("asks_for_certificate", contacts, func(c *contact) (Verdict, string) {
		if c.asked == nil {
			return Failed, "does not ask"
		}
		return OK, "asks"
	})
	if f.Verdict == Failed {
		f.Wanted = "a request for a client certificate in every handshake"
		f.Remedy = "switch mutual TLS on (nginx: `ssl_verify_client on`; Envoy: `require_client_certificate: true`; Java: `client-auth=need`; " +
			"Apache and IIS: for the whole host, not for a path). If it is on, something in between ends TLS: a balancer has to pass TCP through"
	}
	return f
}

// authorities judges the names of CAs that a server sends with its request: a client that finds none of its own among
// them may send nothing.
func authorities(contacts []*contact, client *tls.Certificate, now time.Time) Finding {
	f := Finding{Check: "ca_names", Verdict: OK}
	var names []string
	asked, clientFits := false, client != nil
	for _, c := range contacts {
		if c.asked == nil {
			continue
		}
		asked = true
		clientFits = clientFits && c.asked.SupportsCertificate(client) == nil
		for _, raw := range c.asked.AcceptableCAs {
			var rdns pkix.RDNSequence
			if _, err := asn1.Unmarshal(raw, &rdns); err == nil && !slices.Contains(names, rdns.String()) {
				names = append(names, rdns.String())
			}
		}
	}
	has := func(parts ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool {
			return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(name, part) })
		})
	}
	f.Saw = authn.Printable(strings.Join(names, "; "))
	const sslCom = "SSL.com Root Certification Authority RSA"
	switch {
	case !asked:
		f.Verdict, f.Saw = Skipped, "the server asks for no certificate"
	case len(names) == 0:
		f.Saw = "none are sent, so that every client sends what it has; whom the server trusts cannot be seen from outside"
	case clientFits, has("CN="+sslCom, "CN=SSL.com Client Certificate Intermediate CA RSA"):
	case has("O=Google Trust Services", "O=GlobalSign"):
		f.Verdict, f.Wanted = Warning, "no names, or "+sslCom+" among them"
		if !now.Before(authn.GTSUntil) {
			f.Verdict = Failed
		}
		f.Remedy = "this server knows Google Trust Services only, and Dialogflow ES presents the SSL.com chain alone from 1 December 2026 on: add " +
			sslCom + " to the trusted CAs (nginx: `ssl_client_certificate`), with `ssl_verify_depth 2`, and accept CN=Google LLC before that day"
	default:
		f.Verdict, f.Wanted = Warning, "no names, or those of the client's CA: "+sslCom+" for Google's certificate"
		f.Remedy = "a client that does not find its CA here may send no certificate at all. nginx sends the names in `ssl_client_certificate`, and none of " +
			"`ssl_trusted_certificate`. For a CX agent with a certificate of your own this is right: try it with --cert"
	}
	return f
}

// refuses judges what somebody heard who should not be let in: the worst of all versions.
func refuses(check string, contacts []*contact) Finding {
	f := worst(check, contacts, refused)
	switch f.Verdict {
	case Failed:
		f.Wanted = "a refusal in the handshake, and no answer"
		f.Remedy = "anybody is let in. Verify the chain and the subject: nginx `ssl_verify_client on` (not `optional`, not `optional_no_ca`) and a check of " +
			"`$ssl_client_s_dn`; Envoy `require_client_certificate` with `trusted_ca` and a subject rule; Node.js `rejectUnauthorized: true`; Java `client-auth=need`"
	case Warning:
		f.Wanted = "a refusal in the handshake, or HTTP 401 or 403"
		f.Remedy = "this may be no refusal: look into the server's log how far the request came, and refuse such clients in the handshake"
	default:
	}
	return f
}

// worst judges each contact by itself: what was seen is that of all, the verdict the worst one.
func worst(check string, contacts []*contact, judge func(*contact) (verdict Verdict, saw string)) Finding {
	f := Finding{Check: check, Verdict: OK}
	var all []string
	for _, c := range contacts {
		verdict, saw := judge(c)
		if verdict == Failed || f.Verdict == OK {
			f.Verdict = verdict
		}
		all = append(all, fmt.Sprintf("%s: %s", tls.VersionName(c.version), saw))
	}
	f.Saw = strings.Join(all, "; ")
	return f
}

func refused(c *contact) (Verdict, string) {
	said := fmt.Sprintf("HTTP %d", c.status)
	switch {
	case c.server == nil, c.status == 0 && words(c.err) == noAnswer:
		return Warning, words(c.err)
	case c.status == 0:
		return OK, "refused, " + words(c.err)
	case c.status >= 200 && c.status < 300:
		return Failed, said
	case slices.Contains([]int{http.StatusUnauthorized, http.StatusForbidden, 495, 496}, c.status), badCertificate(c):
		return OK, said
	default:
		return Warning, said
	}
}

// badCertificate knows the page that nginx refuses with, after a handshake that it let succeed.
func badCertificate(c *contact) bool {
	return c.status == http.StatusBadRequest && strings.Contains(c.body, "SSL certificate")
}

// accepts judges what somebody heard who should be let in, without an ID token.
func accepts(contacts []*contact) Report {
	remedy, token := "", Finding{Check: "wants_id_token", Verdict: OK}
	in := worst("accepts_client", contacts, func(c *contact) (Verdict, string) {
		said := fmt.Sprintf("HTTP %d", c.status)
		switch {
		case c.status == 0:
			said = words(c.err)
			remedy = "the server's log has the reason (intentgate: `Handshake refused`). Most often: the client's root is not trusted, an intermediate was not sent, " +
				"the subject is another one, or nginx lacks `ssl_verify_depth 2`. `intentgate doctor --cert FILE` judges the certificate by itself"
		case badCertificate(c):
			said += ", which is nginx refusing the certificate"
			remedy = "trust the client's root in `ssl_client_certificate`, and set `ssl_verify_depth 2`, which Google asks for: the default is 1"
		case c.status == http.StatusForbidden:
			remedy = "the certificate is good for the handshake, but not for this path: look into the server's log (intentgate: `profile_mismatch`)"
		case c.status == http.StatusNotFound, c.status == http.StatusMethodNotAllowed:
			remedy = "no webhook is at this path, or it does not take POST: compare the URL with the one in the agent, trailing slash included"
		case c.status != http.StatusUnauthorized:
			token.Verdict = Warning
		}
		return OK, said
	})
	token.Saw = in.Saw
	switch {
	case remedy != "":
		in.Verdict, in.Wanted, in.Remedy = Failed, "an answer to the request: 401 where an ID token is wanted", remedy
		token = Skip(token.Check, "the client was not let in")
	case token.Verdict == Warning:
		token.Wanted = "HTTP 401 to a request without an ID token"
		token.Remedy = "the request was read on the certificate alone. Google's certificate is the same for every customer: " +
			"verify the ID token, unless this certificate names one agent"
	}
	return Report{in, token}
}
