package process

import (
	"crypto/tls"
	"crypto/x509"
	"iter"
	"slices"
	"time"

	"github.com/intentgate/intentgate/gateway/admin"
	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/expiry"
)

// ownCertificate is a certificate that the gateway shows, as it is at the time; nil while none has been issued.
type ownCertificate struct {
	kind, name string
	current    func() *tls.Certificate
}

// ends yields everything that ends one day, as it is now.
func (g *generation) ends(yield func(expiry.End) bool) {
	for _, own := range g.own {
		certificate := own.current()
		if certificate == nil {
			continue
		}
		leaf := certificate.Leaf
		if !yield(expiry.End{Kind: own.kind, Name: own.name, NotAfter: leaf.NotAfter.UTC(), Life: leaf.NotAfter.Sub(leaf.NotBefore)}) {
			return
		}
	}
	ProfileEnds(g.profiles.Profiles())(yield)
}

// ProfileEnds yields when roots and dates of profiles end.
func ProfileEnds(profiles []*authn.Profile) iter.Seq[expiry.End] {
	return func(yield func(expiry.End) bool) {
		for _, profile := range profiles {
			for i := range profile.Chains {
				chain := &profile.Chains[i]
				name := profile.Name + "/" + chain.Name
				if !yield(expiry.End{Kind: expiry.Root, Name: name, NotAfter: firstEnd(chain.Roots)}) {
					return
				}
				if until := chain.Dates.Until; !until.IsZero() && !yield(expiry.End{Kind: expiry.Profile, Name: name, NotAfter: until}) {
					return
				}
			}
		}
	}
}

// firstEnd is when the first of roots ends.
func firstEnd(roots []*x509.Certificate) time.Time {
	return slices.MinFunc(roots, func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) }).NotAfter
}

// shownProfiles are the trust profiles as operators see them.
func (g *generation) shownProfiles() []admin.Profile {
	var all []admin.Profile
	for _, profile := range g.profiles.Profiles() {
		shown := admin.Profile{Name: profile.Name}
		for i := range profile.Chains {
			chain := &profile.Chains[i]
			shown.Chains = append(shown.Chains, admin.Chain{
				Name: chain.Name, Roots: len(chain.Roots), NotAfter: firstEnd(chain.Roots).UTC(), Until: chain.Dates.Until.UTC(),
			})
		}
		all = append(all, shown)
	}
	return all
}
