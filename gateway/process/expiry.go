package process

import (
	"crypto/tls"
	"crypto/x509"
	"iter"
	"slices"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/expiry"
)

// ownCertificate is a certificate that the gateway shows, as it is at the time.
type ownCertificate struct {
	kind, name string
	current    func() *tls.Certificate
}

// ends yields everything that ends one day, as it is now.
func (g *generation) ends(yield func(expiry.End) bool) {
	for _, own := range g.own {
		if !yield(expiry.End{Kind: own.kind, Name: own.name, NotAfter: own.current().Leaf.NotAfter}) {
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
				first := slices.MinFunc(chain.Roots, func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) })
				if !yield(expiry.End{Kind: expiry.Root, Name: name, NotAfter: first.NotAfter}) {
					return
				}
				if until := chain.Dates.Until; !until.IsZero() && !yield(expiry.End{Kind: expiry.Profile, Name: name, NotAfter: until}) {
					return
				}
			}
		}
	}
}
