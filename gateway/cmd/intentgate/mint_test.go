package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/intentgate/intentgate/gateway/simulator/issuer"
)

// What good tokens of the shop say.
const (
	audience = "https://fulfil.shop.example/dialogflow"
	project  = 415104041262
)

// mint makes tokens as Google does, with either of two keys that are published in a file, and such as others would.
type mint struct {
	t                *testing.T
	published        string // the file of the keys
	first, second    *rsa.PrivateKey
	stranger         *rsa.PrivateKey
	google           *issuer.Issuer
	firstID, otherID string
}

func newMint(t *testing.T) *mint {
	t.Helper()
	m := &mint{t: t, published: filepath.Join(t.TempDir(), "jwks.json"), firstID: "the-first", otherID: "the-second"}
	for _, key := range []**rsa.PrivateKey{&m.first, &m.second, &m.stranger} {
		var err error
		if *key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if m.google, err = issuer.New(issuer.Options{Now: time.Now, Key: m.first}); err != nil {
		t.Fatal(err)
	}
	m.publish(m.jwk(m.first, m.firstID), m.jwk(m.second, m.otherID))
	return m
}

func (m *mint) jwk(key *rsa.PrivateKey, id string) jose.JSONWebKey {
	return jose.JSONWebKey{Key: &key.PublicKey, KeyID: id, Algorithm: "RS256", Use: "sig"}
}

// publish replaces the file of the keys.
func (m *mint) publish(keys ...jose.JSONWebKey) {
	m.t.Helper()
	document, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(m.published+".new", document, 0o600); err != nil {
		m.t.Fatal(err)
	}
	if err := os.Rename(m.published+".new", m.published); err != nil {
		m.t.Fatal(err)
	}
}

// claims are good ones with some changed; nil leaves one out.
func (m *mint) claims(change map[string]any) []byte {
	m.t.Helper()
	claims := m.google.Claims(audience, project)
	maps.Copy(claims, change)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	payload, err := json.Marshal(claims)
	if err != nil {
		m.t.Fatal(err)
	}
	return payload
}

// good is a token whose claims are good but for what is changed.
func (m *mint) good(change map[string]any) string {
	m.t.Helper()
	return m.sign(jose.RS256, m.first, m.firstID, m.claims(change))
}

// sign signs whatever it is, with an algorithm and a key, in the name of a key.
func (m *mint) sign(algorithm jose.SignatureAlgorithm, key any, id string, payload []byte) string {
	m.t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, &jose.SignerOptions{ExtraHeaders: map[jose.HeaderKey]any{"kid": id}})
	if err != nil {
		m.t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		m.t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		m.t.Fatal(err)
	}
	return token
}

// publicPEM is the first key as anybody may read it, which a verifier that is confused takes for the secret of HS256.
func (m *mint) publicPEM() []byte {
	m.t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&m.first.PublicKey)
	if err != nil {
		m.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// parts replaces parts of a token by what is not empty.
func parts(token, header, payload, signature string) string {
	all := strings.Split(token, ".")
	for i, part := range []string{header, payload, signature} {
		if part != "" {
			all[i] = part
		}
	}
	return strings.Join(all, ".")
}

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
