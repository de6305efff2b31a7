package authn_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/authntest"
)

// A chain that holds is not verified again, only what else decides is judged: the time, the certificates that come with the leaf, and
// the profiles in force.
func TestVerifiedChains(t *testing.T) {
	pki := authntest.New(t)
	trust, end := pki.Trust(), authntest.Now.Add(time.Hour)
	judge := func(certs []*x509.Certificate, now time.Time) authn.Reason {
		t.Helper()
		if _, refusal := trust.Judge(certs, now); refusal != nil {
			return refusal.Reason
		}
		return ""
	}
	client := pki.ClientUntil(end).TLS()
	again := parse(t, client)
	for _, cert := range again {
		cert.PublicKey = ed25519.PublicKey("too short") // panics where it is used
	}
	if reason := judge(parse(t, client), authntest.Now); reason != "" {
		t.Fatal(reason)
	}
	other := parse(t, pki.Client().TLS())
	for name, c := range map[string]struct {
		certs []*x509.Certificate
		now   time.Time
		want  authn.Reason
	}{
		"once more":                {again, authntest.Now, ""},
		"at the end":               {again, end, ""},
		"after the end":            {parse(t, client), end.Add(time.Second), authn.Expired},
		"before the beginning":     {parse(t, client), authntest.Now.AddDate(-50, 0, 0), authn.NotYetValid},
		"without the intermediate": {parse(t, client)[:1], authntest.Now, authn.UnknownAuthority},
		"another leaf":             {[]*x509.Certificate{strangers(t, pki, p521(t))["one above the other"][0], other[1]}, authntest.Now, authn.UnknownAuthority},
	} {
		if got := judge(c.certs, c.now); got != c.want {
			t.Errorf("%s: refused with %q, want %q", name, got, c.want)
		}
	}

	foreign := authntest.New(t)
	if err := trust.Replace(foreign.Profile("dev")); err != nil {
		t.Fatal(err)
	}
	if got := judge(parse(t, client), authntest.Now); got != authn.UnknownAuthority {
		t.Errorf("after its root was withdrawn: refused with %q", got)
	}
}
