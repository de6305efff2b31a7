package doctor

import (
	"bytes"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/services/mtls"
)

// ClientConfig says which client's certificate to judge, and by what.
type ClientConfig struct {
	// Cert is the file of the certificate, followed by its intermediates; Key that of its key, "" leaves it out.
	Cert, Key string
	// Profiles are those of the gateway. At least one.
	Profiles []*authn.Profile
	// Now is the clock that certificates are compared with. Required.
	Now func() time.Time
}

// Client judges a client's certificate as a gateway with these profiles would. It returns an error where there is
// nothing to judge.
func Client(config ClientConfig) (Report, error) {
	if config.Now == nil || len(config.Profiles) == 0 {
		return nil, errors.New("doctor: ClientConfig.Now and Profiles are needed")
	}
	certs, err := mtls.ReadCertificates(config.Cert)
	if err != nil {
		return nil, err
	}
	usages := usage("client_extended_key_usage", certs[0], x509.ExtKeyUsageClientAuth, "issue it for clients: only the GTS chain of Google's may do without clientAuth")
	if usages.Verdict == Failed {
		usages.Verdict = Warning // the profile has the last word
	}
	report := Report{sent(certs, config.Profiles), dates("client_dates", certs, config.Now()), key("client_key", certs), keyMatch(config.Cert, config.Key), usages}
	judged, err := profiles(certs, &config)
	if err != nil {
		return nil, err
	}
	return append(report.About("certificate "+config.Cert), judged...), nil
}

// sent judges whether a server gets to see the whole chain: it knows the roots and nothing in between.
func sent(certs []*x509.Certificate, profiles []*authn.Profile) Finding {
	const check = "client_chain"
	last := end(certs)
	known := func(root *x509.Certificate) bool {
		return bytes.Equal(root.RawSubject, last.RawIssuer)
	}
	ends := slices.ContainsFunc(profiles, func(p *authn.Profile) bool {
		return slices.ContainsFunc(p.Chains, func(c authn.Chain) bool { return slices.ContainsFunc(c.Roots, known) })
	})
	switch {
	case !ends:
		return Warn(check, links(certs)+gap(certs)+", which is no root of a profile", "a chain up to one that a root of a profile has issued",
			"append the missing intermediates to the file, leaf first: the server does not have them. If the root is another one, it takes another profile")
	case !ordered(certs):
		return Warn(check, links(certs)+", in disorder", inOrder, "put the file into this order: some servers do not sort it out")
	default:
		return Pass(check, "%s", links(certs))
	}
}

func keyMatch(cert, key string) Finding {
	const check = "client_key_match"
	if key == "" {
		return Skip(check, "no key was given")
	}
	if _, err := mtls.ReadKeyPair(cert, key); err != nil {
		return Fail(check, words(err), "the key of the certificate", "no handshake succeeds with these two: find the key that the certificate was requested with")
	}
	return Pass(check, "the key is the certificate's")
}

// profiles asks each profile by itself. One that accepts is enough: then it does no harm that others do not.
func profiles(certs []*x509.Certificate, config *ClientConfig) (report Report, err error) {
	accepted := false
	for _, profile := range config.Profiles {
		trust, err := authn.NewTrust(profile)
		if err != nil {
			return nil, err
		}
		const check = "accepts"
		var f Finding
		verdict, refusal := trust.Judge(certs, config.Now())
		if refusal != nil {
			f = Fail(check, string(refusal.Reason)+": "+refusal.Saw, refusal.Wanted, refusal.Reason.Hint())
		} else {
			accepted = true
			f = Pass(check, "by its chain %s", verdict.Accepted[0].Chain)
			for _, agent := range profile.Agents {
				f.Saw += "; proves " + agent
			}
		}
		f.About = "profile " + profile.Name
		report = append(report, f)
	}
	for i := range report {
		if accepted && report[i].Verdict == Failed {
			report[i].Verdict = Skipped
		}
	}
	return report, nil
}
