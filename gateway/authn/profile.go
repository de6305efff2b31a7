package authn

import (
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/intentgate/intentgate/services/mtls"
)

// Profile says which client certificates are accepted under one name: those that one of its chains accepts. It is made
// by Dialogflow, Like or Custom and must not be changed; many goroutines read it.
type Profile struct {
	Name   string
	Chains []Chain
	Agents []string // CX agents it stands for, by resource name; empty: none in particular

	agents []agent
}

// Chain is a set of roots with what a leaf below them must say. All rules must hold.
type Chain struct {
	Name      string // ssl.com, gts or custom
	Roots     []*x509.Certificate
	Subject   Subject
	Issuer    Issuer             // of the leaf; none for Google's certificates, whose intermediates change without notice
	KeyUsages []x509.ExtKeyUsage // one of them is needed
	UsageOpen bool               // a leaf that leaves its extended key usage open will do too
	Dates     Dates

	pool     *x509.CertPool
	known    *intermediates
	verified *verified
	where    string // profile/chain
}

// Subject is what a leaf must say. All that is given must hold, and something must be given: that a certificate chains
// to a root proves nothing about whose it is.
type Subject struct {
	CommonName   string   // the one common name
	Organization string   // the one organization
	DNS          []string // one of them must be among the certificate's names, letter by letter
	URI          []string // likewise

	organizationOptional bool // it may be absent; another one may not stand there
}

type agent struct{ project, location, id string }

// Custom returns a profile of the user's own: a chain of which roots and subject are needed, what a leaf below the roots
// must say. Without key usages a leaf that restricts its own must allow clientAuth. The agents,
// `projects/P/locations/L/agents/A`, are those CX agents that the certificate proves.
func Custom(name string, chain Chain, agents []string) (*Profile, error) {
	if chain.Subject.empty() {
		return nil, fmt.Errorf("profile %s: no subject rule: every certificate of its roots would be accepted; "+
			"say whose it must be, such as `subject: {dns: [agent.shop.example]}` or `subject: {common_name: …}`", name)
	}
	if err := chain.Dates.check(); err != nil {
		return nil, fmt.Errorf("profile %s: %w", name, err)
	}
	chain.Name = "custom"
	if chain.UsageOpen = len(chain.KeyUsages) == 0; chain.UsageOpen {
		chain.KeyUsages = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	return newProfile(name, agents, chain)
}

// Like returns a profile with the rules of the built-in one and roots of the user's own for each of its chains; a chain
// without roots is left out.
func Like(name string, sslCom, gts []*x509.Certificate) (*Profile, error) {
	if name == DialogflowName {
		return nil, fmt.Errorf("profile %s: the name is that of the built-in profile; with other roots it needs another name", name)
	}
	var chains []Chain
	if len(sslCom) > 0 {
		chains = append(chains, sslComChain(sslCom))
	}
	if len(gts) > 0 {
		chains = append(chains, gtsChain(gts))
	}
	return newProfile(name, nil, chains...)
}

// Enforcing returns the profile with its dates enforced.
func (p *Profile) Enforcing() *Profile {
	enforcing := *p
	enforcing.Chains = slices.Clone(p.Chains)
	for i := range enforcing.Chains {
		dates := &enforcing.Chains[i].Dates
		dates.Enforce = dates.String() != ""
	}
	return &enforcing
}

func newProfile(name string, agents []string, chains ...Chain) (*Profile, error) {
	if name == "" {
		return nil, errors.New("a trust profile needs a name")
	}
	if len(chains) == 0 {
		return nil, fmt.Errorf("profile %s: no roots: give the CA certificates that its clients chain to", name)
	}
	p := &Profile{Name: name, Chains: chains, Agents: agents}
	for i := range chains {
		c := &chains[i]
		if len(c.Roots) == 0 {
			return nil, fmt.Errorf("profile %s: no roots: give the CA certificates that its clients chain to", name)
		}
		c.where = name + "/" + c.Name
		c.pool = mtls.Pool(c.Roots)
		c.known = &intermediates{seen: map[[sha256.Size]byte]bool{}}
		c.verified = &verified{spans: map[[sha256.Size]byte]span{}}
	}
	for _, a := range agents {
		parts := strings.Split(a, "/")
		if len(parts) != 6 || parts[0] != "projects" || parts[2] != "locations" || parts[4] != "agents" || slices.Contains(parts, "") {
			return nil, fmt.Errorf("profile %s: agent %q: want projects/P/locations/L/agents/A", name, a)
		}
		p.agents = append(p.agents, agent{project: parts[1], location: parts[3], id: parts[5]})
	}
	return p, nil
}

func (s *Subject) empty() bool {
	return s.CommonName == "" && s.Organization == "" && len(s.DNS) == 0 && len(s.URI) == 0
}

func (s *Subject) matches(leaf *x509.Certificate) bool {
	if !s.named(leaf.Subject) {
		return false
	}
	if len(s.DNS) > 0 && !slices.ContainsFunc(leaf.DNSNames, func(name string) bool { return slices.Contains(s.DNS, name) }) {
		return false
	}
	if len(s.URI) == 0 {
		return true
	}
	for _, uri := range leaf.URIs {
		if slices.Contains(s.URI, uri.String()) {
			return true
		}
	}
	return false
}

// named looks at every attribute, since crypto/x509 itself keeps only the last common name.
func (s *Subject) named(name pkix.Name) bool {
	if s.CommonName != "" && !only(values(name, 3), s.CommonName) {
		return false
	}
	if s.Organization == "" {
		return true
	}
	organizations := values(name, 10)
	return only(organizations, s.Organization) || len(organizations) == 0 && s.organizationOptional
}

// String returns the rule as a person would say it.
func (s *Subject) String() string {
	var rules []string
	if s.CommonName != "" {
		rules = append(rules, "exactly one CN "+strconv.Quote(s.CommonName))
	}
	switch {
	case s.Organization == "":
	case s.organizationOptional:
		rules = append(rules, "O absent or "+strconv.Quote(s.Organization))
	default:
		rules = append(rules, "exactly one O "+strconv.Quote(s.Organization))
	}
	if len(s.DNS) > 0 {
		rules = append(rules, "SAN dns:"+strings.Join(s.DNS, " or dns:"))
	}
	if len(s.URI) > 0 {
		rules = append(rules, "SAN uri:"+strings.Join(s.URI, " or uri:"))
	}
	return strings.Join(rules, ", ")
}

// values returns a name's values of the X.520 attribute 2.5.4.n. One that is no text counts as "".
func values(name pkix.Name, n int) []string {
	oid := asn1.ObjectIdentifier{2, 5, 4, n}
	var found []string
	for _, attribute := range name.Names {
		if attribute.Type.Equal(oid) {
			text, _ := attribute.Value.(string)
			found = append(found, text)
		}
	}
	return found
}

func only(values []string, want string) bool { return len(values) == 1 && values[0] == want }
