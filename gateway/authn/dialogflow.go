package authn

import (
	"crypto/sha256"
	"crypto/x509"
	_ "embed"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// DialogflowName is the name of the built-in profile.
const DialogflowName = "dialogflow"

// The SHA-256 fingerprints of the roots below which Google's client certificates were seen.
var (
	sslComRoots = []string{
		"85666a562ee0be5ce925c1d8890a6f76a87ec16d4d7d5f29ea7419cf20123b69", // SSL.com Root Certification Authority RSA
	}
	gtsRoots = []string{
		"d947432abde7b7fa90fc2e6b59101b1280e0e1c7e4e40fa3c6887fff57a7f4cf", // GTS Root R1
		"8d25cd97229dbf70356bda4eb3cc734031e24cf00fafcfd32dc76eb5841c7ea8", // GTS Root R2
		"34d8a73ee208d9bcdb0d956520934b4e40e69482596e8b6f73c8426b010a6f48", // GTS Root R3
		"349dfa4058c5e263123b398ae795573c4e1313c83fe68f93556cd5e8031b3c7d", // GTS Root R4
		"b085d70b964f191a73e4af0d54ae7a0e07aafdaf9b71dd0862138ab7325a24a2", // GlobalSign ECC Root CA - R4
	}
)

// The Mozilla bundle has left this root out.
//
//go:embed roots/gts_root_r2.pem
var gtsRootR2 []byte

// Dialogflow returns the built-in profile: the certificates that Google presents for Dialogflow, by their SSL.com and
// Google Trust Services chains. Nothing of it is read from this machine's own trust store.
func Dialogflow() (*Profile, error) {
	roots, err := embedded()
	if err != nil {
		return nil, fmt.Errorf("profile %s: %w", DialogflowName, err)
	}
	pick := func(fingerprints []string) ([]*x509.Certificate, error) {
		var picked []*x509.Certificate
		for _, fingerprint := range fingerprints {
			root := roots[fingerprint]
			if root == nil {
				return nil, fmt.Errorf("profile %s: this build has no root %s", DialogflowName, fingerprint)
			}
			picked = append(picked, root)
		}
		return picked, nil
	}
	sslCom, err := pick(sslComRoots)
	if err != nil {
		return nil, err
	}
	gts, err := pick(gtsRoots)
	if err != nil {
		return nil, err
	}
	return newProfile(DialogflowName, nil, sslComChain(sslCom), gtsChain(gts))
}

// sslComChain accepts Google's certificate only: the same CA issues to anybody.
func sslComChain(roots []*x509.Certificate) Chain {
	return Chain{
		Name:      "ssl.com",
		Roots:     roots,
		Subject:   Subject{CommonName: "Google LLC", Organization: "Google LLC", organizationOptional: true},
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
}

// GTSUntil is when Google stops presenting the GTS chain, as it has announced for Dialogflow ES.
var GTSUntil = time.Date(2026, time.December, 1, 0, 0, 0, 0, time.UTC)

// gtsChain accepts serverAuth too, because Google Trust Services has stopped issuing anything else.
func gtsChain(roots []*x509.Certificate) Chain {
	return Chain{
		Name:      "gts",
		Roots:     roots,
		Subject:   Subject{DNS: []string{"*.dialogflow.com"}},
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		Dates:     Dates{Until: GTSUntil},
	}
}

// embedded returns the roots of this build by fingerprint. Those that Mozilla trusts only for older certificates are
// left out: they may not be used without that constraint.
func embedded() (map[string]*x509.Certificate, error) {
	block, _ := pem.Decode(gtsRootR2)
	if block == nil {
		return nil, errors.New("the embedded GTS Root R2 is no PEM")
	}
	ders := [][]byte{block.Bytes}
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			ders = append(ders, root.Certificate)
		}
	}
	roots := map[string]*x509.Certificate{}
	for _, der := range ders {
		sum := sha256.Sum256(der)
		fingerprint := hex.EncodeToString(sum[:])
		if !slices.Contains(sslComRoots, fingerprint) && !slices.Contains(gtsRoots, fingerprint) {
			continue
		}
		root, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("root %s: %w", fingerprint, err)
		}
		roots[fingerprint] = root
	}
	return roots, nil
}
