package authn_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/authntest"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

// ownRules is a profile of a user's own, over a root that issues through several CAs, with a certificate that it accepts.
type ownRules struct {
	t     *testing.T
	root  *devca.Authority
	by    *devca.Authority // what issues the certificate
	chain authn.Chain
	leaf  devca.Leaf
	now   time.Time
}

func newOwnRules(t *testing.T) *ownRules {
	t.Helper()
	root, err := devca.New(devca.Options{CommonName: "Shop Root", Now: func() time.Time { return authntest.Now }})
	if err != nil {
		t.Fatal(err)
	}
	s := &ownRules{t: t, root: root, now: authntest.Now}
	s.by = s.authority(devca.Options{CommonName: "Shop Agents CA", Organization: "Shop"})
	s.chain = authn.Chain{
		Roots:     []*x509.Certificate{root.Certificate()},
		Subject:   authn.Subject{CommonName: "agent"},
		Issuer:    authn.Issuer{CommonName: "Shop Agents CA", Organization: "Shop"},
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		Dates:     authn.Dates{From: authntest.Now, Until: authntest.Now.Add(time.Hour), Enforce: true},
	}
	s.leaf = devca.Leaf{Subject: pkix.Name{CommonName: "agent"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	return s
}

func (s *ownRules) authority(o devca.Options) *devca.Authority {
	s.t.Helper()
	authority, err := s.root.Intermediate(o)
	if err != nil {
		s.t.Fatal(err)
	}
	return authority
}

func (s *ownRules) judge() (*authn.Trust, *authn.Verdict, *authn.Refusal) {
	s.t.Helper()
	profile, err := authn.Custom("shop", s.chain, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	trust, err := authn.NewTrust(profile)
	if err != nil {
		s.t.Fatal(err)
	}
	certificate, err := s.by.Issue(s.leaf)
	if err != nil {
		s.t.Fatal(err)
	}
	verdict, refusal := trust.Judge(parse(s.t, certificate.TLS()), s.now)
	return trust, verdict, refusal
}

// TestRules changes one thing at a time in what is accepted.
func TestRules(t *testing.T) {
	server, client := x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth
	for name, c := range map[string]struct {
		change func(*ownRules)
		reason authn.Reason
	}{
		"as it is": {change: func(*ownRules) {}},

		"issuer's common name": {func(s *ownRules) {
			s.by = s.authority(devca.Options{CommonName: "Shop Tills CA", Organization: "Shop"})
		}, authn.IssuerMismatch},
		"issuer's organization": {func(s *ownRules) {
			s.by = s.authority(devca.Options{CommonName: "Shop Agents CA", Organization: "Shoe"})
		}, authn.IssuerMismatch},
		"issuer without organization":  {func(s *ownRules) { s.by = s.authority(devca.Options{CommonName: "Shop Agents CA"}) }, authn.IssuerMismatch},
		"the root as issuer":           {func(s *ownRules) { s.by = s.root }, authn.IssuerMismatch},
		"another rule for the issuer":  {func(s *ownRules) { s.chain.Issuer.CommonName = "shop agents ca" }, authn.IssuerMismatch},
		"no rule for the organization": {func(s *ownRules) { s.chain.Issuer.Organization = "" }, ""},
		"no rule for the issuer":       {func(s *ownRules) { s.chain.Issuer, s.by = authn.Issuer{}, s.root }, ""},
		"an issuer of that name by others": {func(s *ownRules) {
			s.chain.Roots = []*x509.Certificate{authntest.New(s.t).SSLCom.Certificate()}
		}, authn.UnknownAuthority},

		"for servers":                    {func(s *ownRules) { s.leaf.ExtKeyUsage[0] = server }, authn.KeyUsage},
		"for servers, which will do":     {func(s *ownRules) { s.leaf.ExtKeyUsage[0], s.chain.KeyUsages[0] = server, server }, ""},
		"for clients, which will not do": {func(s *ownRules) { s.chain.KeyUsages[0] = server }, authn.KeyUsage},
		"one of two": {func(s *ownRules) {
			s.leaf.ExtKeyUsage[0], s.chain.KeyUsages = server, []x509.ExtKeyUsage{client, server}
		}, ""},
		"open where one is named":         {func(s *ownRules) { s.leaf.ExtKeyUsage = nil }, authn.KeyUsage},
		"any where one is named":          {func(s *ownRules) { s.leaf.ExtKeyUsage[0] = x509.ExtKeyUsageAny }, authn.KeyUsage},
		"open where none is named":        {func(s *ownRules) { s.leaf.ExtKeyUsage, s.chain.KeyUsages = nil, nil }, ""},
		"for servers where none is named": {func(s *ownRules) { s.leaf.ExtKeyUsage[0], s.chain.KeyUsages = server, nil }, authn.KeyUsage},

		"before the dates":              {func(s *ownRules) { s.now = s.now.Add(-time.Nanosecond) }, authn.OutsideDates},
		"in the last moment":            {func(s *ownRules) { s.now = s.chain.Dates.Until.Add(-time.Nanosecond) }, ""},
		"when the dates end":            {func(s *ownRules) { s.now = s.chain.Dates.Until }, authn.OutsideDates},
		"after dates without enforcing": {func(s *ownRules) { s.now, s.chain.Dates.Enforce = s.chain.Dates.Until, false }, ""},
		"without an end":                {func(s *ownRules) { s.now, s.chain.Dates.Until = s.chain.Dates.Until, time.Time{} }, ""},
		"without a beginning":           {func(s *ownRules) { s.now, s.chain.Dates.From = s.now.Add(-time.Nanosecond), time.Time{} }, ""},
		"outside the dates, and a stranger": {func(s *ownRules) {
			s.now, s.chain.Roots = s.chain.Dates.Until, []*x509.Certificate{authntest.New(s.t).SSLCom.Certificate()}
		}, authn.UnknownAuthority},
	} {
		t.Run(name, func(t *testing.T) {
			s := newOwnRules(t)
			c.change(s)
			_, verdict, refusal := s.judge()
			switch {
			case c.reason == "" && refusal != nil:
				t.Errorf("refused: %v", refusal)
			case c.reason != "" && verdict != nil:
				t.Errorf("accepted, want %s", c.reason)
			case c.reason != "" && (refusal.Reason != c.reason || refusal.Saw == "" || refusal.Wanted == "" || refusal.Reason.Hint() == ""):
				t.Errorf("refused with %+v, want %s", refusal, c.reason)
			}
		})
	}
}

// An issuer that says two names is neither of them, whichever comes last.
func TestIssuerOfTwoNames(t *testing.T) {
	s := newOwnRules(t)
	cn := func(value string) pkix.AttributeTypeAndValue {
		return pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: value}
	}
	names := pkix.Name{Names: []pkix.AttributeTypeAndValue{cn("Another CA"), cn("Shop Agents CA")}, CommonName: "Shop Agents CA"}
	s.chain.Issuer.Organization = ""
	profile, err := authn.Custom("shop", s.chain, nil)
	if err != nil {
		t.Fatal(err)
	}
	trust, err := authn.NewTrust(profile)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{Subject: pkix.Name{Names: []pkix.AttributeTypeAndValue{cn("agent")}}, Issuer: names}
	if _, refusal := trust.Judge([]*x509.Certificate{leaf}, s.now); refusal == nil || refusal.Reason != authn.IssuerMismatch {
		t.Errorf("refused with %v, want %s", refusal, authn.IssuerMismatch)
	}
}

// Of two profiles the reason is of that which came further.
func TestIssuerIsLessTellingThanTheChain(t *testing.T) {
	s := newOwnRules(t)
	certificate, err := s.by.Issue(s.leaf)
	if err != nil {
		t.Fatal(err)
	}
	other := s.chain
	other.Issuer.CommonName = "Another CA"
	for _, chains := range [][2]authn.Chain{{s.chain, other}, {other, s.chain}} {
		var profiles []*authn.Profile
		for i, chain := range chains {
			profile, err := authn.Custom(fmt.Sprintf("shop-%d", i), chain, nil)
			if err != nil {
				t.Fatal(err)
			}
			profiles = append(profiles, profile)
		}
		trust, err := authn.NewTrust(profiles...)
		if err != nil {
			t.Fatal(err)
		}
		if _, refusal := trust.Judge(parse(t, certificate.TLS()), s.chain.Dates.Until); refusal == nil || refusal.Reason != authn.OutsideDates {
			t.Errorf("refused with %v, want %s", refusal, authn.OutsideDates)
		}
	}
}

// TestDatesEndLiveVerdicts lets the date pass on a verdict that was given before it.
func TestDatesEndLiveVerdicts(t *testing.T) {
	for _, enforce := range []bool{true, false} {
		s := newOwnRules(t)
		s.chain.Dates.Enforce = enforce
		trust, verdict, refusal := s.judge()
		if refusal != nil || verdict.Accepted[0].OutsideDates != "" {
			t.Fatalf("%+v, %v", verdict, refusal)
		}
		until := s.chain.Dates.Until
		if same, refusal := trust.Current(verdict, until.Add(-1)); refusal != nil || same != verdict {
			t.Errorf("before the date: %v", refusal)
		}
		if _, refusal := trust.Current(verdict, s.chain.Dates.From.Add(-1)); enforce != (refusal != nil) {
			t.Errorf("with a clock that was set back, enforced %t: %v", enforce, refusal)
		}
		_, refusal = trust.Current(verdict, until)
		if enforce && (refusal == nil || refusal.Reason != authn.OutsideDates) || !enforce && refusal != nil {
			t.Errorf("enforced %t: %v", enforce, refusal)
		}
		s.now = until
		_, verdict, refusal = s.judge()
		switch {
		case enforce && refusal == nil:
			t.Error("accepted outside of dates that are enforced")
		case !enforce && verdict.Accepted[0].OutsideDates != "from 2041-02-03T04:05:06Z until 2041-02-03T05:05:06Z":
			t.Errorf("accepted outside of %q", verdict.Accepted[0].OutsideDates)
		}
	}
}

// TestSecondOfDecember: by default the day on which Google drops a chain changes no verdict.
func TestSecondOfDecember(t *testing.T) {
	day := time.Date(2026, time.December, 1, 0, 0, 0, 0, time.UTC)
	now := func() time.Time { return day.AddDate(0, -6, 0) }
	certificates := map[string]*devca.Certificate{}
	roots := map[string][]*x509.Certificate{}
	for chain, leaf := range map[string]devca.Leaf{
		"ssl.com": {Subject: pkix.Name{CommonName: "Google LLC"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}},
		"gts":     {DNS: []string{"*.dialogflow.com"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}},
	} {
		root, err := devca.New(devca.Options{CommonName: chain + " root", Now: now})
		if err != nil {
			t.Fatal(err)
		}
		if certificates[chain], err = root.Issue(leaf); err != nil {
			t.Fatal(err)
		}
		roots[chain] = []*x509.Certificate{root.Certificate()}
	}
	like, err := authn.Like("dev", roots["ssl.com"], roots["gts"])
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		profile *authn.Profile
		chain   string
		at      time.Time
		reason  authn.Reason
		outside bool
	}{
		{profile: like, chain: "gts", at: day.Add(-1)},
		{profile: like, chain: "gts", at: day, outside: true},
		{profile: like, chain: "ssl.com", at: day},
		{profile: like.Enforcing(), chain: "gts", at: day.Add(-1)},
		{profile: like.Enforcing(), chain: "gts", at: day, reason: authn.OutsideDates},
		{profile: like.Enforcing(), chain: "ssl.com", at: day},
		{profile: like, chain: "gts", at: day, outside: true}, // Enforcing has made another one
	} {
		trust, err := authn.NewTrust(c.profile)
		if err != nil {
			t.Fatal(err)
		}
		verdict, refusal := trust.Judge(parse(t, certificates[c.chain].TLS()), c.at)
		if (refusal != nil) != (c.reason != "") || refusal != nil && refusal.Reason != c.reason {
			t.Errorf("%s at %s: refused with %v, want %q", c.chain, c.at, refusal, c.reason)
		}
		if verdict != nil && (verdict.Accepted[0].OutsideDates != "") != c.outside {
			t.Errorf("%s at %s: outside of %q", c.chain, c.at, verdict.Accepted[0].OutsideDates)
		}
	}

	builtIn, err := authn.Dialogflow()
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []authn.Dates{{}, {Until: day}} {
		if got := builtIn.Chains[i].Dates; got != want {
			t.Errorf("%s: %+v, want %+v", builtIn.Chains[i].Name, got, want)
		}
		want.Enforce = !want.Until.IsZero()
		if got := builtIn.Enforcing().Chains[i].Dates; got != want {
			t.Errorf("%s, enforcing: %+v, want %+v", builtIn.Chains[i].Name, got, want)
		}
	}
}
