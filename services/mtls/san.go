package mtls

import (
	"crypto/x509"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strings"
)

// SAN is a subject alternative name that a peer's certificate may carry, written `dns:<name>` or `uri:<id>`. The zero
// SAN matches nothing.
type SAN struct {
	text string // dns: in lower case
}

// ParseSAN reads `dns:<name>` or `uri:<id>`. There are no wildcards: a name is one peer's.
func ParseSAN(text string) (SAN, error) {
	kind, value, found := strings.Cut(text, ":")
	switch {
	case text == "":
		return SAN{}, errors.New("empty name; write dns:<name> or uri:<id>")
	case !found || kind != "dns" && kind != "uri":
		return SAN{}, fmt.Errorf("name %q: unknown kind; write dns:<name> or uri:<id>", text)
	case value == "":
		return SAN{}, fmt.Errorf("name %q: nothing follows %s:; write what the certificate says", text, kind)
	case kind == "dns":
		return parseDNS(text, strings.ToLower(value))
	default:
		return parseURI(text, value)
	}
}

func parseDNS(text, name string) (SAN, error) {
	if strings.Contains(name, "*") {
		return SAN{}, fmt.Errorf("name %q: wildcards are not taken; list each name", text)
	}
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		default:
			return SAN{}, fmt.Errorf("name %q: %q is not allowed in a DNS name; write it as the certificate does", text, name[i:i+1])
		}
	}
	return SAN{text: "dns:" + name}, nil
}

func parseURI(text, id string) (SAN, error) {
	parsed, err := url.Parse(id)
	if err != nil {
		return SAN{}, fmt.Errorf("name %q: %w", text, err)
	}
	if !parsed.IsAbs() {
		return SAN{}, fmt.Errorf("name %q: no scheme; write for example uri:spiffe://example.org/gateway", text)
	}
	// Certificates are compared in this form, so that another one would never match.
	if parsed.String() != id {
		return SAN{}, fmt.Errorf("name %q: write it as uri:%s", text, parsed)
	}
	return SAN{text: "uri:" + id}, nil
}

// ParseSANs reads a list of names. All that is wrong with it is reported together.
func ParseSANs(texts []string) ([]SAN, error) {
	var sans []SAN
	var errs []error
	for _, text := range texts {
		san, err := ParseSAN(text)
		sans, errs = append(sans, san), append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return sans, nil
}

// String returns the name as ParseSAN reads it.
func (s SAN) String() string { return s.text }

// Matches tells whether the certificate carries exactly this name; the case of DNS names does not count. The common
// name is never looked at.
func (s SAN) Matches(cert *x509.Certificate) bool {
	switch {
	case strings.HasPrefix(s.text, "dns:"):
		return slices.ContainsFunc(cert.DNSNames, func(name string) bool { return strings.ToLower(name) == s.text[4:] })
	case strings.HasPrefix(s.text, "uri:"):
		return slices.ContainsFunc(cert.URIs, func(id *url.URL) bool { return id.String() == s.text[4:] })
	default:
		return false
	}
}

// SANs yields a certificate's names as `dns:…`, `uri:…`, `email:…`, `ip:…`, by kind and in the certificate's order.
func SANs(cert *x509.Certificate) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, name := range cert.DNSNames {
			if !yield("dns:" + name) {
				return
			}
		}
		for _, id := range cert.URIs {
			if !yield("uri:" + id.String()) {
				return
			}
		}
		for _, address := range cert.EmailAddresses {
			if !yield("email:" + address) {
				return
			}
		}
		for _, ip := range cert.IPAddresses {
			if !yield("ip:" + ip.String()) {
				return
			}
		}
	}
}
