package idtoken

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
)

// algorithm is what a token is signed with, PKCS #1 v1.5 of SHA-256: another does not exist, `none` included.
const algorithm = "RS256"

// Config names what a Verifier is made of. All is required.
type Config struct {
	Keys *Keys
	Now  func() time.Time
}

// Verifier verifies tokens for any number of webhooks. It may be used by many goroutines.
type Verifier struct {
	keys *Keys
	now  func() time.Time
	seen proofs
}

// New returns a Verifier.
func New(config Config) (*Verifier, error) {
	if config.Keys == nil || config.Now == nil {
		return nil, errors.New("idtoken: Keys and Now are needed")
	}
	return &Verifier{keys: config.Keys, now: config.Now, seen: proofs{byHash: map[digest]*proof{}}}, nil
}

// Verify judges the values of a request's Authorization header. Where the keys are missing, or lack the token's, it may
// wait for them, as long as ctx lives.
//
// That a signature is good is remembered as long as its key is; all else is judged each time.
func (v *Verifier) Verify(ctx context.Context, authorization []string, rules *Rules) (*Token, *authn.Refusal) {
	raw, refusal := bearer(authorization)
	if refusal != nil {
		return nil, refusal
	}
	now := v.now()
	hash := hashOf(raw)
	p := v.seen.get(hash)
	if p == nil || v.keys.get(p.keyID) != p.key {
		if p, refusal = v.prove(ctx, raw, rules, now); refusal != nil {
			return nil, refusal
		}
		v.seen.put(hash, p)
		return &p.claims.token, nil
	}
	if refusal := p.claims.judge(rules, now); refusal != nil {
		return nil, refusal
	}
	return &p.claims.token, nil
}

// prove verifies a token that would do.
func (v *Verifier) prove(ctx context.Context, raw string, rules *Rules, now time.Time) (*proof, *authn.Refusal) {
	header, claims, signature, refusal := parse(raw)
	if refusal != nil {
		return nil, refusal
	}
	if refusal := header.judge(); refusal != nil {
		return nil, refusal
	}
	if refusal := claims.judge(rules, now); refusal != nil {
		return nil, refusal
	}
	key, refusal := v.keys.find(ctx, header.KeyID)
	if refusal != nil {
		return nil, refusal
	}
	// Not by go-jose, which would read all of it once more for this one operation of crypto/rsa.
	signed := hashOf(raw[:strings.LastIndexByte(raw, '.')])
	if rsa.VerifyPKCS1v15(key, crypto.SHA256, signed[:], signature) != nil {
		return nil, refuse(Signature, "a signature that does not hold", "one by key "+authn.Printable(header.KeyID))
	}
	return &proof{keyID: header.KeyID, key: key, claims: claims}, nil
}

// proof is what remains of a token whose signature was good.
type proof struct {
	keyID  string
	key    *rsa.PublicKey
	claims *claims
}

type digest = [sha256.Size]byte

// hashOf works in a buffer on the stack, where a conversion would allocate: one that Google's tokens fit into, and no larger, for it is
// cleared each time.
func hashOf(raw string) digest {
	var buffer [1536]byte
	if len(raw) > len(buffer) {
		return sha256.Sum256([]byte(raw))
	}
	return sha256.Sum256(buffer[:copy(buffer[:], raw)])
}

// maxProofs bounds what is remembered. An agent's project uses one token for up to an hour.
const maxProofs = 4096

// proofs are remembered by their token's hash, so that no token stays in memory.
type proofs struct {
	mu     sync.RWMutex
	byHash map[digest]*proof
}

func (s *proofs) get(hash digest) *proof {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byHash[hash]
}

// put starts again when there are too many: most of them have expired then, and each of the others costs one RSA
// operation more.
func (s *proofs) put(hash digest, p *proof) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.byHash) >= maxProofs {
		clear(s.byHash)
	}
	s.byHash[hash] = p
}
