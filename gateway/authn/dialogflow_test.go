package authn_test

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"golang.org/x/crypto/x509roots/fallback/bundle"

	"github.com/intentgate/intentgate/gateway/authn"
)

// The roots are written out once more, as their CAs publish them: an update of the bundle must not change whom we trust.
func TestDialogflowRoots(t *testing.T) {
	want := map[string]struct{ chain, subject string }{
		"85666a562ee0be5ce925c1d8890a6f76a87ec16d4d7d5f29ea7419cf20123b69": {"ssl.com", "SSL.com Root Certification Authority RSA"},
		"d947432abde7b7fa90fc2e6b59101b1280e0e1c7e4e40fa3c6887fff57a7f4cf": {"gts", "GTS Root R1"},
		"8d25cd97229dbf70356bda4eb3cc734031e24cf00fafcfd32dc76eb5841c7ea8": {"gts", "GTS Root R2"},
		"34d8a73ee208d9bcdb0d956520934b4e40e69482596e8b6f73c8426b010a6f48": {"gts", "GTS Root R3"},
		"349dfa4058c5e263123b398ae795573c4e1313c83fe68f93556cd5e8031b3c7d": {"gts", "GTS Root R4"},
		"b085d70b964f191a73e4af0d54ae7a0e07aafdaf9b71dd0862138ab7325a24a2": {"gts", "GlobalSign"},
	}
	profile, err := authn.Dialogflow()
	if err != nil {
		t.Fatal(err)
	}
	got := 0
	for _, chain := range profile.Chains {
		for _, root := range chain.Roots {
			got++
			sum := sha256.Sum256(root.Raw)
			w := want[hex.EncodeToString(sum[:])]
			if w.chain != chain.Name || w.subject != root.Subject.CommonName {
				t.Errorf("chain %s trusts %x, %s", chain.Name, sum, root.Subject)
			}
		}
	}
	if got != len(want) || len(profile.Chains) != 2 {
		t.Errorf("%d chains with %d roots, want 2 with %d", len(profile.Chains), got, len(want))
	}

	const leftOut = "8d25cd97229dbf70356bda4eb3cc734031e24cf00fafcfd32dc76eb5841c7ea8"
	bundled := map[string]bool{}
	for root := range bundle.Roots() {
		sum := sha256.Sum256(root.Certificate)
		fingerprint := hex.EncodeToString(sum[:])
		bundled[fingerprint] = true
		if _, ok := want[fingerprint]; ok && root.Constraint != nil {
			t.Errorf("Mozilla trusts %s for older certificates only", fingerprint)
		}
	}
	for fingerprint := range want {
		if !bundled[fingerprint] && fingerprint != leftOut {
			t.Errorf("the bundle has no %s any more", fingerprint)
		}
	}
	if bundled[leftOut] {
		t.Error("the bundle has GTS Root R2: the embedded file can go")
	}
}
