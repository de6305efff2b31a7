package token

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"errors"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// algorithms is what a token may be signed with: what is not here does not exist, `none` included.
var algorithms = []jose.SignatureAlgorithm{jose.ES256}

// Config names what a Verifier is made of; all but Issuer is required.
type Config struct {
	Keys        *Keys
	TrustDomain string // of the services: whom tokens are for
	Issuer      string // who must have issued them; empty: whoever has the keys
	Now         func() time.Time
}

// Verifier verifies tokens. It may be used by many goroutines.
type Verifier struct {
	Config

	mu   sync.RWMutex
	seen map[digest]*verdict
}

// verdict is what remains of a token whose signature held.
type verdict struct {
	keyID  string
	key    *ecdsa.PublicKey
	claims *Claims
}

type digest = [sha256.Size]byte

// maxVerdicts bounds what is remembered.
const maxVerdicts = 10_000

// NewVerifier returns a Verifier.
func NewVerifier(config Config) (*Verifier, error) {
	if config.Keys == nil || config.Now == nil || config.TrustDomain == "" {
		return nil, errors.New("token: Keys, TrustDomain and Now are needed")
	}
	return &Verifier{Config: config, seen: map[digest]*verdict{}}, nil
}

// Verify returns what a token says, or why it will not do. The signature of a token is verified once, as long as its key is known; its
// time counts each time. Where the key is not known it may wait for the keys to be read anew.
func (v *Verifier) Verify(ctx context.Context, raw string) (*Claims, *Refusal) {
	if len(raw) > MaxSize {
		return nil, Refuse(Malformed, "at most 4096", "%d bytes", len(raw))
	}
	hash := sha256.Sum256([]byte(raw))
	v.mu.RLock()
	known := v.seen[hash]
	v.mu.RUnlock()
	if known != nil && known.key == v.Keys.get(known.keyID) {
		return known.claims, v.judge(known.claims)
	}
	fresh, refusal := v.prove(ctx, raw)
	if refusal != nil {
		return nil, refusal
	}
	if refusal := v.judge(fresh.claims); refusal != nil {
		return nil, refusal
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.seen) >= maxVerdicts {
		clear(v.seen) // most have expired, and the others cost one verification more
	}
	v.seen[hash] = fresh
	return fresh.claims, nil
}

// prove verifies the signature.
func (v *Verifier) prove(ctx context.Context, raw string) (*verdict, *Refusal) {
	h, refusal := parseHeader(raw)
	if refusal != nil {
		return nil, refusal
	}
	key := v.Keys.find(ctx, h.KeyID)
	if key == nil {
		return nil, Refuse(Key, "one of the gateway's keys", "kid %.64q", h.KeyID)
	}
	var payload []byte
	signed, err := jose.ParseSignedCompact(raw, algorithms)
	if err == nil {
		payload, err = signed.Verify(key)
	}
	if err != nil {
		return nil, Refuse(Signature, "one by that key", "a signature that does not hold, by key %.64q", h.KeyID)
	}
	claims, refusal := parseClaims(payload)
	return &verdict{h.KeyID, key, claims}, refusal
}

// judge compares claims with what is wanted, and with the clock.
func (v *Verifier) judge(c *Claims) *Refusal {
	now, issued, expires := v.Now(), time.Unix(c.IssuedAt, 0), time.Unix(c.Expires, 0)
	switch {
	case issued.After(now.Add(Skew)) || now.After(expires.Add(Skew)) || expires.Sub(issued) > maxLife:
		return Refuse(Expired, "a token of now, "+now.UTC().Format(time.RFC3339)+", that lasts 3h at most",
			"one from %s until %s", issued.UTC().Format(time.RFC3339), expires.UTC().Format(time.RFC3339))
	case c.Audience != v.TrustDomain:
		return Refuse(Audience, v.TrustDomain, "aud %.256q", c.Audience)
	case v.Issuer != "" && c.Issuer != v.Issuer:
		return Refuse(Issuer, v.Issuer, "iss %.256q", c.Issuer)
	}
	return nil
}
