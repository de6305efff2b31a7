// Package issuer makes ID tokens as Google makes them for Dialogflow, and publishes the key to verify them with, so that
// a laptop without Google plays the whole of it.
package issuer

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	keyBits  = 2048
	lifetime = time.Hour
)

// Options describe an Issuer. Now is required.
type Options struct {
	Now func() time.Time
	// Key signs; nil: a new one.
	Key *rsa.PrivateKey
}

// Issuer signs tokens with a key of its own. It may be used by many goroutines.
type Issuer struct {
	now    func() time.Time
	key    *rsa.PrivateKey
	signer jose.Signer
	jwks   []byte
}

// Open returns the Issuer of a key that [Issuer.KeyPEM] wrote, or openssl: a PEM file of a PKCS #8 RSA key.
func Open(file string, now func() time.Time) (*Issuer, error) {
	text, err := os.ReadFile(file) //nolint:gosec // the user names the file
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s: no PEM block; the key of an ID token issuer is wanted, as `intentgate certs` writes it", file)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: the PEM block %q is no PKCS #8 key: %w", file, block.Type, err)
	}
	rsaKey, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s: a key of type %T; an RSA key is wanted, since ID tokens are signed with RS256", file, key)
	}
	return New(Options{Now: now, Key: rsaKey})
}

// New returns an Issuer.
func New(options Options) (*Issuer, error) {
	if options.Now == nil {
		return nil, errors.New("issuer: Now is needed")
	}
	if options.Key == nil {
		var err error
		if options.Key, err = rsa.GenerateKey(rand.Reader, keyBits); err != nil {
			return nil, err
		}
	}
	sum := sha256.Sum256(options.Key.N.Bytes())
	key := jose.JSONWebKey{
		Key:       options.Key,
		KeyID:     base64.RawURLEncoding.EncodeToString(sum[:16]),
		Algorithm: string(jose.RS256),
		Use:       "sig",
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	jwks, err := json.MarshalIndent(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.Public()}}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	return &Issuer{now: options.Now, key: options.Key, signer: signer, jwks: jwks}, nil
}

// Token returns the token that Dialogflow would send from an agent of the project to the webhook at audience, its URL.
func (i *Issuer) Token(audience string, projectNumber uint64) (string, error) {
	return i.Sign(i.Claims(audience, projectNumber))
}

// Claims returns what such a token says, for the caller to change before Sign.
func (i *Issuer) Claims(audience string, projectNumber uint64) map[string]any {
	now := i.now()
	subject := fmt.Sprintf("1%020d", projectNumber) // IDs of service accounts have 21 digits
	return map[string]any{
		"iss":            "https://accounts.google.com",
		"aud":            audience,
		"azp":            subject,
		"sub":            subject,
		"email":          fmt.Sprintf("service-%d@gcp-sa-dialogflow.iam.gserviceaccount.com", projectNumber),
		"email_verified": true,
		"iat":            now.Unix(),
		"exp":            now.Add(lifetime).Unix(),
	}
}

// Sign returns a token of any claims.
func (i *Issuer) Sign(claims map[string]any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signed, err := i.signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// JWKS returns the public key as a JWK set. It must not be changed.
func (i *Issuer) JWKS() []byte { return i.jwks }

// KeyPEM returns the private key as PKCS #8, not encrypted.
func (i *Issuer) KeyPEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(i.key)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}
