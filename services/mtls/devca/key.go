package devca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
)

func newKey(rsaBits int) (crypto.Signer, error) {
	if rsaBits == 0 {
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	key, err := rsa.GenerateKey(rand.Reader, rsaBits)
	if err != nil {
		return nil, fmt.Errorf("make an RSA key of %d bits: %w", rsaBits, err)
	}
	return key, nil
}
