// Package callertoken signs for whom the gateway calls: JWTs that services verify by its public keys, as package
// services/caller/token does.
//
// A signature costs more than all else that a call has to do, so that a token is used for a while for all calls of a service for a
// project. Those that could do harm if they were replayed have one of their own, which is bound to the turn and to the caller.
package callertoken

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller/token"
)

// PerTurn says which calls have a token of their own.
type PerTurn int

// The choices.
const (
	SideEffects PerTurn = iota // those of methods that must not be called twice
	Always
	Never
)

// ErrNobody is a gateway that has no certificate yet, for whose connection a token could be.
var ErrNobody = errors.New("the gateway has been issued no certificate for the service")

// ErrTooLong is a token that no service would take: that of a session with an enormous name.
var ErrTooLong = errors.New("the token is longer than services take")

// Config names what a Signer is made of. All of it is required, but for Keys, Before and PerTurn.
type Config struct {
	Issuer, TrustDomain string
	Keys                []string      // PEM files of EC P-256 private keys; the first one signs. None: one is made
	Before              *Signer       // whose key is kept, if it was made; nil: there was none
	Reuse               time.Duration // how long a token is used that is not a turn's own
	Longest             time.Duration // that a call may take
	PerTurn             PerTurn
	Now                 func() time.Time
}

// Signer makes tokens. It is safe for concurrent use.
type Signer struct {
	Config

	current atomic.Pointer[keys]
}

// keys are those of a time, with the tokens that were made by the first one.
type keys struct {
	signer jose.Signer
	jwks   []byte
	ids    string // of all, in their order

	mu   sync.Mutex
	made map[use]made
}

// use is what a token may be used for more than once.
type use struct{ workload, subject, target string }

type made struct {
	token string
	until int64 // Unix time in seconds
}

// maxMade bounds the tokens that are kept for use.
const maxMade = 10_000

// New returns a Signer. Key files must be good.
func New(config Config) (*Signer, error) {
	if config.Issuer == "" || config.TrustDomain == "" || config.Reuse <= 0 || config.Longest <= 0 || config.Now == nil {
		return nil, errors.New("callertoken: Issuer, TrustDomain, Reuse, Longest and Now are all needed")
	}
	s := &Signer{Config: config}
	s.Before = nil // which knows the one before it, and so on
	if len(config.Keys) > 0 {
		if _, err := s.Reload(); err != nil {
			return nil, err
		}
		return s, nil
	}
	if config.Before != nil && len(config.Before.Keys) == 0 {
		old := config.Before.current.Load()
		s.current.Store(&keys{signer: old.signer, jwks: old.jwks, ids: old.ids, made: map[use]made{}})
		return s, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	first, err := newKeys(key)
	s.current.Store(first)
	return s, err
}

// Reload reads the key files, and tells whether they hold other keys now. Where it returns an error the old ones stay.
func (s *Signer) Reload() (changed bool, err error) {
	var private []*ecdsa.PrivateKey
	for _, path := range s.Keys {
		key, err := ReadKey(path)
		if err != nil {
			return false, err
		}
		private = append(private, key)
	}
	next, err := newKeys(private...)
	if err != nil {
		return false, err
	}
	if old := s.current.Load(); old != nil && old.ids == next.ids {
		return false, nil
	}
	s.current.Store(next)
	return true, nil
}

func newKeys(private ...*ecdsa.PrivateKey) (_ *keys, err error) {
	k, set := &keys{made: map[use]made{}}, jose.JSONWebKeySet{}
	for i, key := range private {
		jwk, err := published(key)
		if err != nil {
			return nil, err
		}
		if strings.Contains(k.ids, jwk.KeyID) {
			return nil, fmt.Errorf("two files hold the same key %s; want each once", jwk.KeyID)
		}
		k.ids += jwk.KeyID + " "
		set.Keys = append(set.Keys, jwk)
		if i == 0 {
			signing := jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: jwk.KeyID}}
			if k.signer, err = jose.NewSigner(signing, (&jose.SignerOptions{}).WithType(token.Type)); err != nil {
				return nil, err
			}
		}
	}
	k.jwks, err = json.Marshal(set)
	return k, err
}

// JWKS returns the public keys as a JWK set (RFC 7517), which must not be changed.
func (s *Signer) JWKS() []byte { return s.current.Load().jwks }

// Call is a call that a token is for.
type Call struct {
	Caller     *intentgatev1.Caller
	CallerBin  string // the same, as it is sent
	Ref        *intentgatev1.CallRef
	Workload   string // a name in the client certificate that the call is made with, `dns:…` in lower case or `uri:…`
	Method     string // the full method, such as /shop.orders.v1.OrderService/TrackOrder
	Idempotent bool   // it may be called more than once
}

// Token returns a token for a call, perhaps one that was used before.
func (s *Signer) Token(call *Call) (string, error) {
	target, _, _ := strings.Cut(strings.TrimPrefix(call.Method, "/"), "/")
	of, k := use{call.Workload, subject(call.Caller), target}, s.current.Load()
	if s.PerTurn == Always || s.PerTurn == SideEffects && !call.Idempotent {
		return s.sign(k, of, call)
	}
	now := s.Now().Unix()
	k.mu.Lock()
	defer k.mu.Unlock() // who waits gets the token that is made meanwhile
	if kept := k.made[of]; now < kept.until {
		return kept.token, nil
	}
	fresh, err := s.sign(k, of, nil)
	if err != nil {
		return "", err
	}
	if len(k.made) >= maxMade {
		clear(k.made)
	}
	k.made[of] = made{fresh, now + int64(s.Reuse/time.Second)}
	return fresh, nil
}

// sign makes a token; call is nil for one that is not a turn's own.
func (s *Signer) sign(k *keys, of use, call *Call) (string, error) {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	now := s.Now()
	claims := token.Claims{
		Issuer: s.Issuer, Audience: s.TrustDomain, ID: base64.RawURLEncoding.EncodeToString(id[:]),
		IssuedAt: now.Unix(), Expires: now.Add(s.Reuse + s.Longest + token.Skew).Unix(),
		Subject: of.subject, Workload: of.workload, Target: of.target,
	}
	if call != nil {
		claims.RequestID, claims.Session = call.Ref.GetRequestId(), call.Ref.GetSession()
		claims.CallerHash = token.HashCaller(call.CallerBin)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signed, err := k.signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign for whom the gateway calls: %w", err)
	}
	text, err := signed.CompactSerialize()
	if err == nil && len(text) > token.MaxSize {
		err = ErrTooLong
	}
	return text, err
}

// subject is the project, where anything proves it.
func subject(who *intentgatev1.Caller) string {
	for _, value := range []*intentgatev1.Caller_Value{who.GetProjectNumber(), who.GetProjectId()} {
		if value.GetProof() > intentgatev1.Caller_PROOF_STATED {
			return "projects/" + value.GetValue()
		}
	}
	return ""
}
