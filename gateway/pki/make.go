package pki

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net"

	"golang.org/x/sync/errgroup"

	"github.com/intentgate/intentgate/services/mtls/devca"
)

// prefix begins the name of every authority, so that none is taken for a real one.
const prefix = "IntentGate development "

// The names of the SSL.com-like authorities, which the unknown one bears as well.
const (
	sslComRootName         = prefix + "SSL.com-like root"
	sslComIntermediateName = prefix + "SSL.com-like Client Certificate Intermediate CA RSA R2"
)

var (
	serverAuth = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	clientAuth = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	bothAuth   = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
)

func (p *PKI) makeEdge(o Options, names []string, addresses []net.IP) (err error) {
	if p.EdgeCA, err = devca.New(devca.Options{CommonName: prefix + "edge CA", Now: o.Now}); err != nil {
		return err
	}
	p.Edge, err = p.EdgeCA.Issue(devca.Leaf{
		Subject: pkix.Name{CommonName: prefix + "edge"}, DNS: names, IPs: addresses, ExtKeyUsage: serverAuth,
	})
	return err
}

func (p *PKI) makeInternal(o Options) (err error) {
	if p.InternalCA, err = devca.New(devca.Options{CommonName: prefix + "internal CA", Now: o.Now}); err != nil {
		return err
	}
	p.Gateway, err = p.InternalCA.Issue(devca.Leaf{
		Subject: pkix.Name{CommonName: prefix + "gateway"}, DNS: []string{GatewayName}, ExtKeyUsage: clientAuth,
	})
	if err != nil {
		return err
	}
	p.Services = map[string]*devca.Certificate{}
	for _, name := range Services() { // which may call other services
		p.Services[name], err = p.InternalCA.Issue(devca.Leaf{
			Subject: pkix.Name{CommonName: prefix + name}, DNS: []string{name + ".internal", "localhost"}, ExtKeyUsage: bothAuth,
		})
		if err != nil {
			return err
		}
	}
	p.CallCenter, err = p.InternalCA.Issue(devca.Leaf{
		Subject: pkix.Name{CommonName: prefix + "callcenter"}, DNS: []string{CallCenterName}, ExtKeyUsage: clientAuth,
	})
	return err
}

// makeGTS makes the chain of Dialogflow's old certificate. Google Trust Services issues no clientAuth any more, and its
// newer roots are ECDSA.
func (p *PKI) makeGTS(o Options) (err error) {
	if p.GTSRoot, err = devca.New(devca.Options{CommonName: prefix + "GTS-like root", Now: o.Now}); err != nil {
		return err
	}
	issuer, err := p.GTSRoot.Intermediate(devca.Options{CommonName: prefix + "GTS-like intermediate", ExtKeyUsage: serverAuth})
	if err != nil {
		return err
	}
	const name = "*.dialogflow.com"
	p.GTS, err = issuer.Issue(devca.Leaf{Subject: subject(name), DNS: []string{name}, ExtKeyUsage: serverAuth})
	return err
}

// makeSSLCom makes the chain of Dialogflow's new certificate, RSA all the way down, and all that is refused under it.
func (p *PKI) makeSSLCom(o Options) (err error) {
	bits := min(o.RSABits, 2048)
	p.SSLComRoot, err = devca.New(devca.Options{CommonName: sslComRootName, RSA: o.RSABits, Now: o.Now})
	if err != nil {
		return err
	}
	issuer, err := sslComIntermediate(p.SSLComRoot, bits)
	if err != nil {
		return err
	}
	var group errgroup.Group
	group.Go(func() (err error) {
		p.SSLCom, err = issuer.Issue(google(bits))
		return err
	})
	group.Go(func() error { return p.Refused.makeLeaves(o, issuer, bits) })
	group.Go(func() error { return p.Refused.makeLongChain(p.SSLComRoot) })
	if err := group.Wait(); err != nil {
		return err
	}
	p.Refused.makeCopied(p.SSLCom)
	return nil
}

func sslComIntermediate(root *devca.Authority, bits int) (*devca.Authority, error) {
	return root.Intermediate(devca.Options{
		CommonName:  sslComIntermediateName,
		RSA:         bits,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageEmailProtection},
	})
}

// google is the leaf that Dialogflow presents. bits 0 makes an ECDSA key.
func google(bits int) devca.Leaf {
	return devca.Leaf{Subject: subject("Google LLC"), ExtKeyUsage: clientAuth, RSA: bits}
}

// subject bears the name that the rules ask for, and beside it what it is.
func subject(commonName string) pkix.Name {
	return pkix.Name{CommonName: commonName, OrganizationalUnit: []string{prefix + "only"}}
}
