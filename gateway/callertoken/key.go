package callertoken

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/go-jose/go-jose/v4"
)

// maxFile is the size in bytes of the largest file that is read.
const maxFile = 64 << 10

// ReadKey reads a PEM file of one EC private key of the curve P-256, as PKCS #8 or SEC 1.
func ReadKey(path string) (_ *ecdsa.PrivateKey, err error) {
	file, err := os.Open(path) //nolint:gosec // the operator names it
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	content, err := io.ReadAll(io.LimitReader(file, maxFile))
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		var key any
		switch block.Type {
		case "EC PARAMETERS": // openssl ecparam writes them before the key
			continue
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(block.Bytes)
		default:
			return nil, fmt.Errorf("%s: a PEM block %.64q; want PRIVATE KEY, unencrypted", path, block.Type)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if private, ok := key.(*ecdsa.PrivateKey); ok && private.Curve == elliptic.P256() {
			return private, nil
		}
		return nil, fmt.Errorf("%s: a private key of another kind; want EC P-256, such as of `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`", path)
	}
	return nil, fmt.Errorf("%s: no PEM block; want a private key", path)
}

// published is a key as services see it; its ID is its thumbprint (RFC 7638), the same for all who have the key.
func published(key *ecdsa.PrivateKey) (jose.JSONWebKey, error) {
	jwk := jose.JSONWebKey{Key: &key.PublicKey, Algorithm: string(jose.ES256), Use: "sig"}
	thumbprint, err := jwk.Thumbprint(crypto.SHA256)
	jwk.KeyID = base64.RawURLEncoding.EncodeToString(thumbprint)
	return jwk, err
}
