package authn

import (
	"crypto/x509"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// Trust holds the profiles that are in force. It may be used by many goroutines.
type Trust struct {
	current atomic.Pointer[generation]
}

// generation is the profiles of a time, never changed.
type generation struct{ profiles []*Profile }

// NewTrust returns a Trust of the given profiles; at least one, each name once.
func NewTrust(profiles ...*Profile) (*Trust, error) {
	t := &Trust{}
	return t, t.Replace(profiles...)
}

// Replace puts other profiles in force, also for connections that live already. Where it returns an error the old ones
// stay.
func (t *Trust) Replace(profiles ...*Profile) error {
	if len(profiles) == 0 {
		return errors.New("no trust profile: nobody could call")
	}
	seen := map[string]bool{}
	for _, p := range profiles {
		if seen[p.Name] {
			return fmt.Errorf("two trust profiles are named %s", p.Name)
		}
		seen[p.Name] = true
	}
	t.current.Store(&generation{profiles})
	return nil
}

// Profiles returns the profiles in force, which must not be changed.
func (t *Trust) Profiles() []*Profile { return t.current.Load().profiles }

// Judge judges the certificates that a client presented, leaf first, as of now. It proves nothing about the key: that
// is the handshake's part. What costs little and refuses most comes first, since anybody may ask.
func (t *Trust) Judge(certs []*x509.Certificate, now time.Time) (*Verdict, *Refusal) {
	return t.JudgePresented(Presented{Certs: certs}, now)
}

// Presented is a client's certificate with its chain, leaf first, and how it came here.
type Presented struct {
	Certs       []*x509.Certificate
	ForwardedBy string // the proxy that hands it on; empty: the client itself
	// Believed says that there is only the leaf, and that the proxy's word stands in for the chain.
	Believed bool
}

// JudgePresented is Judge for what a proxy hands on.
func (t *Trust) JudgePresented(presented Presented, now time.Time) (*Verdict, *Refusal) {
	return t.current.Load().judge(presented, now)
}

// Current returns the verdict as it stands now: v itself while neither the profiles nor the time have moved on, else a
// new one about the same certificates, or a refusal. The verdict may be another Trust's. It is cheap enough for every request, so that withdrawn trust and
// expiry end connections that live.
func (t *Trust) Current(v *Verdict, now time.Time) (*Verdict, *Refusal) {
	current := t.current.Load()
	if v.generation == current && !now.Before(v.NotBefore) && !now.After(v.NotAfter) {
		return v, nil
	}
	return current.judge(v.presented, now)
}

// Verdict says which profiles accept a client's certificates. It must not be changed.
type Verdict struct {
	Accepted            []Acceptance // never empty, in the order of the profiles
	NotBefore, NotAfter time.Time    // the span in which all certificates and enforced dates that were relied on hold

	presented  Presented
	generation *generation
}

// Acceptance is a profile that accepts, and its chain that does.
type Acceptance struct {
	Profile *Profile
	Chain   string
	// OutsideDates are the dates of the chain, in words, where it accepted outside of them, which are not enforced then;
	// else "".
	OutsideDates string
	// Certificate is the leaf as the Caller carries it, shared by all turns of a connection.
	Certificate *intentgatev1.Caller_Certificate
}

// Profiles returns the names of the profiles that accept.
func (v *Verdict) Profiles() []string {
	names := make([]string, len(v.Accepted))
	for i := range v.Accepted {
		names[i] = v.Accepted[i].Profile.Name
	}
	return names
}

// Leaf returns the client's certificate, which must not be changed.
func (v *Verdict) Leaf() *x509.Certificate { return v.presented.Certs[0] }

// ForwardedBy returns the name of the proxy that hands the certificate on; empty: the client itself presented it.
func (v *Verdict) ForwardedBy() string { return v.presented.ForwardedBy }

func (g *generation) judge(presented Presented, now time.Time) (*Verdict, *Refusal) {
	if refusal := capped(presented.Certs); refusal != nil {
		return nil, refusal
	}
	v := &Verdict{presented: presented, generation: g}
	var refusal *Refusal
	for _, profile := range g.profiles {
		for i := range profile.Chains {
			chain := &profile.Chains[i]
			valid, refused := chain.judge(&presented, now)
			if refused != nil {
				refusal = refusal.orMoreTelling(refused)
				continue
			}
			v.accept(profile, chain, valid, now)
			break
		}
	}
	if len(v.Accepted) == 0 {
		refusal.Saw, refusal.Wanted = Printable(refusal.Saw), Printable(refusal.Wanted)
		return nil, refusal
	}
	for i := range v.Accepted {
		if size := proto.Size(v.Accepted[i].Certificate); size > maxCertificate {
			return nil, &Refusal{
				Reason: TooManyNames,
				Saw:    Printable(fmt.Sprintf("%d bytes and %d alternative names: %s", size, len(v.Accepted[i].Certificate.GetSans()), describe(v.Leaf()))),
				Wanted: fmt.Sprintf("at most %d bytes of subject, issuer and alternative names", maxCertificate),
			}
		}
	}
	return v, nil
}

func (v *Verdict) accept(profile *Profile, chain *Chain, valid span, now time.Time) {
	if len(v.Accepted) > 0 { // a date that passes for one profile brings all of them up again
		valid = valid.and(span{from: v.NotBefore, to: v.NotAfter})
	}
	v.NotBefore, v.NotAfter = valid.from, valid.to
	accepted := Acceptance{Profile: profile, Chain: chain.Name, Certificate: certificate(&v.presented, profile.Name)}
	if !chain.Dates.hold(now) {
		accepted.OutsideDates = chain.Dates.String()
	}
	v.Accepted = append(v.Accepted, accepted)
}
