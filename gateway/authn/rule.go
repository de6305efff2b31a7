package authn

import (
	"crypto/x509"
	"errors"
	"strings"
	"time"
)

// Issuer is what the CA must be called that issued a leaf, for roots that issue through several CAs. All that is given
// must hold; nothing given: any CA below the roots will do.
type Issuer struct {
	CommonName   string // the one common name
	Organization string // the one organization
}

func (i *Issuer) matches(leaf *x509.Certificate) bool { return i.rule().named(leaf.Issuer) }

// String returns the rule as a person would say it; "" where there is none.
func (i *Issuer) String() string { return i.rule().String() }

func (i *Issuer) rule() *Subject {
	return &Subject{CommonName: i.CommonName, Organization: i.Organization}
}

// Dates are the time in which a chain is meant to be used. A certificate that is accepted outside of it is told of; it is
// refused only where that is enforced.
type Dates struct {
	From    time.Time // inclusive; zero: since ever
	Until   time.Time // exclusive; zero: for ever
	Enforce bool
}

func (d *Dates) hold(now time.Time) bool {
	return !now.Before(d.From) && (d.Until.IsZero() || now.Before(d.Until))
}

// limit cuts the span of a verdict to the dates where they are enforced.
func (d *Dates) limit(valid span) span {
	if !d.Enforce {
		return valid
	}
	dates := span{from: d.From, to: valid.to}
	if !d.Until.IsZero() {
		dates.to = d.Until.Add(-1) // a span includes its end
	}
	return valid.and(dates)
}

func (d *Dates) check() error {
	switch {
	case !d.From.IsZero() && !d.Until.IsZero() && !d.From.Before(d.Until):
		return errors.New("the dates end, " + stamp(d.Until) + ", before they begin, " + stamp(d.From) + "; swap them")
	case d.Enforce && d.From.IsZero() && d.Until.IsZero():
		return errors.New("there are no dates to enforce; give from, until or both")
	default:
		return nil
	}
}

// String returns the dates as a person would say them; "" where there are none.
func (d *Dates) String() string {
	var words []string
	if !d.From.IsZero() {
		words = append(words, "from "+stamp(d.From))
	}
	if !d.Until.IsZero() {
		words = append(words, "until "+stamp(d.Until))
	}
	return strings.Join(words, " ")
}
