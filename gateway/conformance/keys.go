package conformance

import (
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/intentgate/intentgate/gateway/callertoken"
	"github.com/intentgate/intentgate/gateway/pki"
	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

// The names in the certificates of the kit.
const (
	ServerName = "service.internal"
	Asserting  = "dns:" + pki.GatewayName    // for --assert
	Allowed    = "dns:" + pki.CallCenterName // for --allow
	// TrustDomain and Issuer are of the tokens, and Forward is for --forward: a service that passes callers on.
	TrustDomain = "conformance.internal"
	Issuer      = "https://" + pki.GatewayName
	Forward     = "dns:forwarder.internal=" + passedFrom
	passedFrom  = "intentgate.conformance.v1.ForwardingService" //nolint:gosec // no password, but a service that is not there: the gateway's calls of it come by the forwarder
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
	// Forwarder passes callers on. JWKS and Policy are the files for the flags of these names.
	Forwarder    mtls.Files
	JWKS, Policy string

	ca, withdrawn, added *devca.Authority
	first, second        mtls.Files // whose keys sign tokens
	signer               *callertoken.Signer
	signing, kid         string // the file of the key that signs now, and its ID
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
		{&k.Forwarder, "forwarder", k.ca, devca.Leaf{DNS: []string{"forwarder.internal"}}},
		{&k.first, "token", k.ca, devca.Leaf{DNS: []string{"token.internal"}}}, // it needs no certificate, which is no harm
		{&k.second, "next-token", k.ca, devca.Leaf{DNS: []string{"token.internal"}}},
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
	k.Service.CA, k.JWKS, k.Policy = filepath.Join(dir, "service-ca.pem"), filepath.Join(dir, "jwks.json"), filepath.Join(dir, "policy.json")
	return k, errors.Join(k.trust(k.ca, k.withdrawn), k.sign(k.first.Key), swap(k.Policy, []byte(policy)))
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

// sign has tokens signed by the first of some keys, and publishes all.
func (k *Keys) sign(files ...string) (err error) {
	k.signer, err = callertoken.New(callertoken.Config{
		Issuer: Issuer, TrustDomain: TrustDomain, Keys: files, Reuse: time.Minute, Longest: time.Minute, Now: time.Now,
	})
	if err != nil {
		return err
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(k.signer.JWKS(), &set); err != nil {
		return err
	}
	k.signing, k.kid = files[0], set.Keys[0].KeyID
	return swap(k.JWKS, k.signer.JWKS())
}

// swap replaces a file by a rename, so that nobody reads half of it.
func swap(path string, text []byte) error {
	if err := os.WriteFile(path+".new", text, 0o644); err != nil { //nolint:gosec // certificates are public
		return err
	}
	return os.Rename(path+".new", path)
}
