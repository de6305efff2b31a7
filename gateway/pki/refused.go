package pki

import (
	"fmt"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

// Refused are client certificates that a trust profile like Dialogflow's must refuse, with SSLComRoot and GTSRoot as
// its roots. Each is what Dialogflow would present but for one thing.
type Refused struct {
	UnknownCA    *devca.Certificate // authorities of the right names, with keys of their own
	WrongSubject *devca.Certificate // somebody else, under the right authority
	Expired      *devca.Certificate // since a day
	ServerOnly   *devca.Certificate // not issued for clients
	LongChain    *devca.Certificate // seven certificates
	Copied       *devca.Certificate // Dialogflow's own, whose key the client does not have: Key is another one
}

// RefusedCase is a certificate with the reason that it must be refused for.
type RefusedCase struct {
	// Name is its file's in the folder refused, without extension.
	Name        string
	Certificate *devca.Certificate
	Reason      authn.Reason
	// Purpose says in a few words what is wrong with it.
	Purpose string
}

// Cases lists them all.
func (r *Refused) Cases() []RefusedCase {
	return []RefusedCase{
		{"unknown-ca", r.UnknownCA, authn.UnknownAuthority, "issued by authorities of the same names with other keys"},
		{"wrong-subject", r.WrongSubject, authn.SubjectMismatch, "the right authority, but CN=Example Corp"},
		{"expired", r.Expired, authn.Expired, "expired the day before it was made"},
		{"server-only", r.ServerOnly, authn.KeyUsage, "the right authority and subject, but for servers only"},
		{"long-chain", r.LongChain, authn.TooManyCertificates, "the right root and subject, by a chain of seven certificates"},
		{"copied", r.Copied, authn.KeyNotProven, "the accepted certificate with a key that is not its own"},
	}
}

// makeUnknownCA makes a chain that differs from the trusted one in its keys alone.
func (r *Refused) makeUnknownCA(o Options) error {
	bits := min(o.RSABits, 2048)
	root, err := devca.New(devca.Options{CommonName: sslComRootName, RSA: bits, Now: o.Now})
	if err != nil {
		return err
	}
	issuer, err := sslComIntermediate(root, bits)
	if err != nil {
		return err
	}
	r.UnknownCA, err = issuer.Issue(google(0))
	return err
}

// makeLeaves makes what is refused for the leaf's sake.
func (r *Refused) makeLeaves(o Options, issuer *devca.Authority, bits int) (err error) {
	stranger := google(bits) // RSA, because its key is the one beside the copied certificate
	stranger.Subject = subject("Example Corp")
	if r.WrongSubject, err = issuer.Issue(stranger); err != nil {
		return err
	}
	old := google(0)
	old.NotBefore, old.NotAfter = o.Now().AddDate(-1, 0, -1), o.Now().AddDate(0, 0, -1)
	if r.Expired, err = issuer.Issue(old); err != nil {
		return err
	}
	server := google(0)
	server.ExtKeyUsage = serverAuth
	r.ServerOnly, err = issuer.Issue(server)
	return err
}

// makeLongChain makes a chain that is good in every other way.
func (r *Refused) makeLongChain(root *devca.Authority) (err error) {
	issuer := root
	for i := range 6 {
		issuer, err = issuer.Intermediate(devca.Options{CommonName: fmt.Sprintf(prefix+"link %d of a chain that is too long", i+1)})
		if err != nil {
			return err
		}
	}
	r.LongChain, err = issuer.Issue(google(0))
	return err
}

// makeCopied needs a foreign key of the same kind, or the handshake would fail for the kind already.
func (r *Refused) makeCopied(good *devca.Certificate) {
	copied := *r.WrongSubject
	copied.Leaf, copied.Chain = good.Leaf, good.Chain
	r.Copied = &copied
}
