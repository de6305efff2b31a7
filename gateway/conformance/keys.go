package conformance

import (
	"crypto/x509/pkix"
	"fmt"
	"os"
	"path/filepath"

	"github.com/intentgate/intentgate/gateway/pki"
	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

// The names in the certificates of the kit.
const (
	ServerName = "service.internal"
	Asserting  = "dns:" + pki.GatewayName    // for --assert
	Allowed    = "dns:" + pki.CallCenterName // for --allow
)

// Keys are certificates for judging a service that has to be started with Service. They are for one judgement: it changes the
// files.
type Keys struct {
	// Service is what the service is started with.
	Service mtls.Files
	// Gateway may assert, Caller may call, Unlisted is known and may not. Namesake is the gateway by its common name alone.
	Gateway, Caller, Unlisted, Namesake mtls.Files
	// Withdrawn is the gateway's by an authority that is withdrawn, Added by one that is trusted then.
	Withdrawn, Added mtls.Files

	ca, withdrawn, added *devca.Authority
}

// NewKeys makes certificates in a folder.
func NewKeys(dir string) (*Keys, error) {
	k := &Keys{}
	for name, authority := range map[string]**devca.Authority{"CA": &k.ca, "CA to be withdrawn": &k.withdrawn, "CA to be added": &k.added} {
		var err error
		if *authority, err = devca.New(devca.Options{CommonName: "IntentGate conformance " + name}); err != nil {
			return nil, fmt.Errorf("make an authority: %w", err)
		}
	}
	ca := filepath.Join(dir, "kit-ca.pem")
	if err := k.ca.WriteFile(ca); err != nil {
		return nil, err
	}
	gateway := devca.Leaf{DNS: []string{pki.GatewayName}}
	for _, one := range []struct {
		files  *mtls.Files
		name   string
		issuer *devca.Authority
		leaf   devca.Leaf
	}{
		{&k.Service, "service", k.ca, service},
		{&k.Gateway, "gateway", k.ca, gateway},
		{&k.Caller, "caller", k.ca, devca.Leaf{DNS: []string{pki.CallCenterName}}},
		{&k.Unlisted, "unlisted", k.ca, devca.Leaf{DNS: []string{"unlisted.internal"}}},
		{&k.Namesake, "namesake", k.ca, devca.Leaf{Subject: pkix.Name{CommonName: pki.GatewayName}, DNS: []string{"namesake.internal"}}},
		{&k.Withdrawn, "withdrawn", k.withdrawn, gateway},
		{&k.Added, "added", k.added, gateway},
	} {
		*one.files = mtls.Files{Cert: filepath.Join(dir, one.name+".pem"), Key: filepath.Join(dir, one.name+".key"), CA: ca}
		certificate, err := one.issuer.Issue(one.leaf)
		if err != nil {
			return nil, fmt.Errorf("issue a certificate: %w", err)
		}
		if err := certificate.WriteFiles(one.files.Cert, one.files.Key); err != nil {
			return nil, err
		}
	}
	k.Service.CA = filepath.Join(dir, "service-ca.pem")
	return k, k.trust(k.ca, k.withdrawn)
}

// service is who the service is.
var service = devca.Leaf{DNS: []string{ServerName, "localhost"}}

// trust writes the service's CA file.
func (k *Keys) trust(authorities ...*devca.Authority) error {
	var text []byte
	for _, authority := range authorities {
		text = append(text, authority.CertPEM()...)
	}
	return swap(k.Service.CA, text)
}

// withdraw takes one authority out of the service's CA file and adds another one.
func (k *Keys) withdraw() error { return k.trust(k.ca, k.added) }

// spoil replaces the service's certificate by something else.
func (k *Keys) spoil() error { return swap(k.Service.Cert, []byte("no certificate\n")) }

// renew gives the service a new certificate, and returns its serial number.
func (k *Keys) renew() (serial string, err error) {
	certificate, err := k.ca.Issue(service)
	if err != nil {
		return "", fmt.Errorf("issue a certificate: %w", err)
	}
	return certificate.Leaf.SerialNumber.String(), certificate.WriteFiles(k.Service.Cert, k.Service.Key)
}

// swap replaces a file by a rename, so that nobody reads half of it.
func swap(path string, text []byte) error {
	if err := os.WriteFile(path+".new", text, 0o644); err != nil { //nolint:gosec // certificates are public
		return err
	}
	return os.Rename(path+".new", path)
}
