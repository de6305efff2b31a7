package authn

import (
	"crypto/sha256"
	"crypto/x509"
	"testing"

	"github.com/intentgate/intentgate/services/mtls/devca"
)

// What is remembered of an authority's certificates is bounded, and says nothing of others.
func TestIntermediates(t *testing.T) {
	root, other := authority(t, nil), authority(t, nil)
	below, elsewhere := authority(t, root).Certificate(), authority(t, other).Certificate()
	issuers := []*x509.Certificate{root.Certificate()}
	m := intermediates{seen: map[[sha256.Size]byte]bool{}}
	for range 2 {
		if m.vouched(elsewhere, issuers) {
			t.Error("another root's certificate is vouched for")
		}
		if !m.vouched(below, issuers) {
			t.Error("the root's certificate is not vouched for")
		}
	}
	if !m.vouched(below, nil) || len(m.seen) != 1 {
		t.Errorf("%d are remembered, want the one that is the root's", len(m.seen))
	}
	for i := range maxIntermediates - 1 {
		m.seen[sha256.Sum256([]byte{byte(i)})] = true
	}
	if !m.vouched(authority(t, root).Certificate(), issuers) || len(m.seen) != maxIntermediates {
		t.Errorf("%d are remembered, want at most %d", len(m.seen), maxIntermediates)
	}
}

// So is what is remembered of chains.
func TestVerifiedIsBounded(t *testing.T) {
	v := verified{spans: map[[sha256.Size]byte]span{}}
	for i := range 2 * maxVerified {
		v.put([sha256.Size]byte{byte(i), byte(i >> 8)}, span{})
	}
	if len(v.spans) > maxVerified {
		t.Errorf("%d are remembered, want at most %d", len(v.spans), maxVerified)
	}
}

// authority is one below the parent; nil: a root.
func authority(t *testing.T, parent *devca.Authority) *devca.Authority {
	t.Helper()
	made, options := devca.New, devca.Options{CommonName: "Root"}
	if parent != nil {
		made, options.CommonName = parent.Intermediate, "Intermediate"
	}
	a, err := made(options)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
