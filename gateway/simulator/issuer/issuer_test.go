package issuer_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/intentgate/intentgate/gateway/simulator/issuer"
)

// A token of today's holds against the keys that are published, and says what Google's do.
func TestTokenHoldsAgainstTheKeys(t *testing.T) {
	now := time.Date(2041, 2, 3, 4, 5, 6, 0, time.UTC)
	google, err := issuer.New(issuer.Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal(google.JWKS(), &keys); err != nil {
		t.Fatal(err)
	}
	if len(keys.Keys) != 1 || !keys.Keys[0].IsPublic() || strings.Contains(string(google.JWKS()), `"d"`) {
		t.Fatalf("one public key is wanted: %s", google.JWKS())
	}
	token, err := google.Token("https://fulfil.shop.example/", 123456789012)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	if header := signed.Signatures[0].Header; header.KeyID != keys.Keys[0].KeyID || header.ExtraHeaders["typ"] != "JWT" {
		t.Errorf("header %+v", header)
	}
	payload, err := signed.Verify(keys.Keys[0])
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"aud":"https://fulfil.shop.example/","azp":"100000000123456789012","email":"service-123456789012@gcp-sa-dialogflow.iam.gserviceaccount.com",` +
		`"email_verified":true,"exp":2243480706,"iat":2243477106,"iss":"https://accounts.google.com","sub":"100000000123456789012"}`
	if string(payload) != want {
		t.Errorf("got  %s\nwant %s", payload, want)
	}
}

func TestTwoIssuersHaveTwoKeys(t *testing.T) {
	var documents []string
	for range 2 {
		google, err := issuer.New(issuer.Options{Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, string(google.JWKS()))
	}
	if documents[0] == documents[1] {
		t.Error("the same")
	}
	if _, err := issuer.New(issuer.Options{}); err == nil {
		t.Error("without a clock")
	}
}

// TestOpen reads a key that was written, and files that are no such key.
func TestOpen(t *testing.T) {
	write := func(text []byte) string {
		t.Helper()
		file := filepath.Join(t.TempDir(), "issuer.key")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	google, err := issuer.New(issuer.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	key, err := google.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	again, err := issuer.Open(write(key), time.Now)
	if err != nil || string(again.JWKS()) != string(google.JWKS()) {
		t.Errorf("%v: another key", err)
	}
	_, ed25519, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(ed25519)
	if err != nil {
		t.Fatal(err)
	}
	for want, text := range map[string][]byte{
		"no PEM block":           []byte("key"),
		"is no PKCS #8 key":      pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("key")}),
		"ed25519.PrivateKey; an": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
	} {
		file := write(text)
		if _, err := issuer.Open(file, time.Now); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), file) {
			t.Errorf("error is %v, want one about %s: %s", err, file, want)
		}
	}
	if _, err := issuer.Open(filepath.Join(t.TempDir(), "none"), time.Now); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}
