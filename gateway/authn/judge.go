package authn

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/intentgate/intentgate/services/mtls"
)

// What a stranger may present. Real chains have three or four certificates, and the time to verify an RSA signature
// grows with the square of the key.
const (
	maxCertificates = 6
	maxRSA          = 4096 // bits
)

func capped(certs []*x509.Certificate) *Refusal {
	if len(certs) == 0 {
		return &Refusal{Reason: NoCertificate, Saw: "no certificate", Wanted: "a client certificate"}
	}
	if len(certs) > maxCertificates {
		return &Refusal{
			Reason: TooManyCertificates,
			Saw:    fmt.Sprintf("%d certificates", len(certs)),
			Wanted: fmt.Sprintf("at most %d, the leaf included", maxCertificates),
		}
	}
	for i, cert := range certs {
		if key, ok := cert.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() > maxRSA {
			return &Refusal{
				Reason: KeyTooLarge,
				Saw:    fmt.Sprintf("RSA %d in certificate %d of %d", key.N.BitLen(), i+1, len(certs)),
				Wanted: fmt.Sprintf("RSA of at most %d bits, or ECDSA", maxRSA),
			}
		}
	}
	return nil
}

// judge returns the span in which the chain's verdict holds, or why it refuses, not yet cut.
func (c *Chain) judge(presented *Presented, now time.Time) (span, *Refusal) {
	leaf := presented.Certs[0]
	if !c.Subject.matches(leaf) {
		return span{}, c.refuse(SubjectMismatch, describe(leaf), c.Subject.String())
	}
	if !c.Issuer.matches(leaf) {
		return span{}, c.refuse(IssuerMismatch, describe(leaf)+" issued by "+name(leaf.Issuer), "an issuer with "+c.Issuer.String())
	}
	verify := c.verify
	if presented.Believed {
		verify = c.believe
	}
	valid, refusal := verify(presented.Certs, now)
	if refusal != nil {
		return span{}, refusal
	}
	if !c.UsageOpen && !slices.ContainsFunc(leaf.ExtKeyUsage, func(u x509.ExtKeyUsage) bool { return slices.Contains(c.KeyUsages, u) }) {
		return span{}, c.refuseUsage(leaf)
	}
	// Last, so that the reason speaks of somebody whom the chain would let in else.
	if c.Dates.Enforce && !c.Dates.hold(now) {
		return span{}, c.refuse(OutsideDates, describe(leaf)+" at "+stamp(now), "a call "+c.Dates.String())
	}
	return c.Dates.limit(valid), nil
}

// verify returns the span in which a chain from the leaf to a root holds.
func (c *Chain) verify(certs []*x509.Certificate, now time.Time) (span, *Refusal) {
	id := identity(certs)
	if valid, known := c.verified.at(id, now); known {
		return valid, nil
	}
	chains, err := certs[0].Verify(x509.VerifyOptions{
		Roots:         c.pool,
		Intermediates: c.vouched(certs[1:]),
		CurrentTime:   now,
		KeyUsages:     c.KeyUsages,
	})
	if err != nil {
		return span{}, c.explain(err, certs, now)
	}
	valid := longest(chains)
	c.verified.put(id, valid)
	return valid, nil
}

// believe is verify without a chain: what crypto/x509 looks for in a leaf, it looks for in this one.
func (c *Chain) believe(certs []*x509.Certificate, now time.Time) (span, *Refusal) {
	leaf := certs[0]
	valid := span{from: leaf.NotBefore, to: leaf.NotAfter}
	switch {
	case now.Before(valid.from), now.After(valid.to):
		return span{}, c.explain(x509.CertificateInvalidError{Cert: leaf, Reason: x509.Expired}, certs, now)
	case len(leaf.UnhandledCriticalExtensions) > 0:
		return span{}, c.explain(x509.UnhandledCriticalExtension{}, certs, now)
	case len(leaf.ExtKeyUsage)+len(leaf.UnknownExtKeyUsage) > 0 && !slices.ContainsFunc(leaf.ExtKeyUsage, func(u x509.ExtKeyUsage) bool {
		return u == x509.ExtKeyUsageAny || slices.Contains(c.KeyUsages, u)
	}):
		return span{}, c.refuseUsage(leaf)
	}
	return valid, nil
}

// vouched returns those certificates that a root stands behind, in whatever order they were presented, up to the first
// one that only claims so. crypto/x509 goes from the leaf up, and would spend a hundred signatures on a stranger's
// certificates that could each be the other's issuer; from the roots down, no key of a stranger's verifies anything.
func (c *Chain) vouched(presented []*x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	authorities, rest := slices.Clone(c.Roots), slices.Clone(presented)
	for {
		var issuers []*x509.Certificate
		next := slices.IndexFunc(rest, func(cert *x509.Certificate) bool {
			issuers = named(authorities, cert.RawIssuer)
			return len(issuers) > 0
		})
		if next < 0 || !c.known.vouched(rest[next], issuers) {
			return pool
		}
		pool.AddCert(rest[next])
		authorities, rest = append(authorities, rest[next]), slices.Delete(rest, next, next+1)
	}
}

// intermediates are certificates that a root of the chain stands behind, which are a handful: crypto/x509 verifies them once more in each
// handshake, and with an RSA root that is the dearest part of it. Neither time nor what else a client presents changes what they are.
type intermediates struct {
	mu   sync.Mutex
	seen map[[sha256.Size]byte]bool
}

// maxIntermediates bounds what is remembered: some roots have issued hundreds.
const maxIntermediates = 256

// vouched says whether one of the issuers, behind which a root stands, has signed the certificate.
func (m *intermediates) vouched(cert *x509.Certificate, issuers []*x509.Certificate) bool {
	sum := sha256.Sum256(cert.Raw)
	m.mu.Lock()
	seen := m.seen[sum]
	m.mu.Unlock()
	if seen || !slices.ContainsFunc(issuers, func(issuer *x509.Certificate) bool { return cert.CheckSignatureFrom(issuer) == nil }) {
		return seen
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.seen) < maxIntermediates {
		m.seen[sum] = true
	}
	return true
}

func named(certs []*x509.Certificate, subject []byte) (found []*x509.Certificate) {
	for _, cert := range certs {
		if bytes.Equal(cert.RawSubject, subject) {
			found = append(found, cert)
		}
	}
	return found
}

// explain turns what crypto/x509 says into a reason.
func (c *Chain) explain(err error, certs []*x509.Certificate, now time.Time) *Refusal {
	leaf := certs[0]
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		cert := leaf
		if invalid.Cert != nil {
			cert = invalid.Cert
		}
		wanted := "a certificate valid on " + stamp(now)
		if now.Before(cert.NotBefore) {
			return c.refuse(NotYetValid, describe(cert)+" valid from "+stamp(cert.NotBefore), wanted)
		}
		return c.refuse(Expired, describe(cert)+" valid until "+stamp(cert.NotAfter), wanted)
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return c.refuseUsage(leaf)
	case errors.As(err, &unknown):
		saw := fmt.Sprintf("%s issued by %s, in a chain of %d", describe(leaf), name(leaf.Issuer), len(certs))
		var roots []string
		for _, root := range c.Roots {
			roots = append(roots, root.Subject.CommonName)
		}
		return c.refuse(UnknownAuthority, saw, "a chain to "+strings.Join(roots, " or "))
	default:
		return c.refuse(InvalidChain, describe(leaf)+": "+err.Error(), "a chain that holds")
	}
}

func (c *Chain) refuseUsage(leaf *x509.Certificate) *Refusal {
	saw := "no extended key usage"
	if len(leaf.ExtKeyUsage) > 0 || len(leaf.UnknownExtKeyUsage) > 0 {
		saw = "extended key usage " + usages(leaf.ExtKeyUsage)
	}
	return c.refuse(KeyUsage, describe(leaf)+" with "+saw, "extended key usage "+usages(c.KeyUsages))
}

func (c *Chain) refuse(reason Reason, saw, wanted string) *Refusal {
	return &Refusal{Reason: reason, Saw: saw, Wanted: c.where + ": " + wanted}
}

// orMoreTelling keeps the refusal that came furthest: who fits a subject rule was meant for that chain. What was wanted
// is joined where both came equally far. r may be nil.
func (r *Refusal) orMoreTelling(other *Refusal) *Refusal {
	switch {
	case r == nil || r.Reason.depth() < other.Reason.depth():
		return other
	case r.Reason.depth() == other.Reason.depth() && len(r.Wanted) <= maxSaw:
		r.Wanted += "; or " + other.Wanted
	}
	return r
}

func (r Reason) depth() int {
	switch r {
	case SubjectMismatch:
		return 0
	case UnknownAuthority, IssuerMismatch:
		return 1
	default:
		return 2
	}
}

// span is a time in which certificates are valid.
type span struct{ from, to time.Time }

func (s span) and(other span) span {
	if other.from.After(s.from) {
		s.from = other.from
	}
	if other.to.Before(s.to) {
		s.to = other.to
	}
	return s
}

// longest returns the span of the chain that is valid for longest.
func longest(chains [][]*x509.Certificate) span {
	var best span
	for _, chain := range chains {
		valid := span{from: chain[0].NotBefore, to: chain[0].NotAfter}
		for _, cert := range chain[1:] {
			valid = valid.and(span{from: cert.NotBefore, to: cert.NotAfter})
		}
		if valid.to.After(best.to) {
			best = valid
		}
	}
	return best
}

// describe names a certificate by its subject and alternative names: the first of them, since a stranger may present
// thousands.
func describe(cert *x509.Certificate) string {
	saw, left := name(cert.Subject), 8
	for san := range mtls.SANs(cert) {
		saw += " " + san
		if left--; left == 0 {
			break
		}
	}
	if saw == "" {
		return "a certificate without names"
	}
	return saw
}

func name(n pkix.Name) string {
	var rdns pkix.RDNSequence
	for _, attribute := range n.Names[:min(len(n.Names), 8)] {
		rdns = append(rdns, pkix.RelativeDistinguishedNameSET{attribute})
	}
	return rdns.String()
}

func usages(usages []x509.ExtKeyUsage) string {
	var names []string
	for _, usage := range usages {
		names = append(names, usage.String())
	}
	if len(names) == 0 {
		return "of another kind"
	}
	return strings.Join(names, " or ")
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
