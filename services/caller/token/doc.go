// Package token verifies the tokens in which the gateway signs for whom it calls: JWTs of type txntoken+jwt, by ES256, in the metadata
// key intentgate-token.
//
// A [Verifier] says whether a token is one that the gateway has signed, for these services, and at its time. Whether it fits the call
// that it came with, package caller judges. Nothing that a token says of itself is read before its signature holds, but the name of
// the key, and nothing of a token is ever logged.
package token

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"
)

const (
	// MaxSize is that of the largest token in bytes. Real ones have a fifth of it.
	MaxSize = 4 << 10
	// Type is what a token says of its kind.
	Type = "txntoken+jwt"
	// Skew is how far the clocks of a gateway and a service may be apart.
	Skew = 30 * time.Second
	// maxLife bounds what a token says of its end: a mistake in it is not to last for years.
	maxLife = 3 * time.Hour
)

// Claims is what a token says.
type Claims struct {
	Issuer   string `json:"iss"`
	IssuedAt int64  `json:"iat"` // seconds of Unix time, as Expires
	Expires  int64  `json:"exp"`
	ID       string `json:"jti"`
	Audience string `json:"aud"` // the trust domain
	// Subject is the project, `projects/<number>`, or `projects/<ID>` where no number is known; empty where nothing proves it.
	Subject string `json:"sub,omitempty"`
	// Workload is a name in the gateway's certificate, `dns:…` in lower case or `uri:…`.
	Workload string `json:"req_wl"`
	Target   string `json:"target"` // the full name of the gRPC service
	// These bind a token to one turn, and are empty in others.
	RequestID  string `json:"txn,omitempty"`
	Session    string `json:"session,omitempty"`
	CallerHash string `json:"caller_hash,omitempty"` // HashCaller
}

// HashCaller is how a token names the bytes of a caller.
func HashCaller(callerBin string) string {
	sum := sha256.Sum256([]byte(callerBin))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Reason is why a token will not do. They are stable, and told to the peer.
type Reason string

// The reasons, in the order in which a token is judged.
const (
	Missing   Reason = "TOKEN_MISSING"   // a caller came without one
	Malformed Reason = "TOKEN_MALFORMED" // it is no JWT, too long, or holds what it must not
	Algorithm Reason = "TOKEN_ALGORITHM" // it is signed otherwise, or of another type
	Key       Reason = "TOKEN_KEY"       // nobody knows the key that it names
	Signature Reason = "TOKEN_SIGNATURE" // its signature does not hold
	Expired   Reason = "TOKEN_EXPIRED"   // its time is over, has not begun, or is too long
	Audience  Reason = "TOKEN_AUDIENCE"  // it is for another trust domain
	Issuer    Reason = "TOKEN_ISSUER"    // somebody else issued it
	Target    Reason = "TOKEN_TARGET"    // it is for another service, or the forwarder is not listed for that
	Peer      Reason = "TOKEN_PEER"      // it was made for a connection of somebody else's
	Caller    Reason = "TOKEN_CALLER"    // it was made for another caller, or a forwarder's is made for none
	Turn      Reason = "TOKEN_TURN"      // it was made for another turn
	Subject   Reason = "TOKEN_SUBJECT"   // it does not say the caller's project
)

// Refusal says why a token is refused, in words for the service's log.
type Refusal struct {
	Reason      Reason
	Saw, Wanted string
}

// Refuse returns a refusal.
func Refuse(reason Reason, wanted, saw string, args ...any) *Refusal {
	return &Refusal{Reason: reason, Saw: fmt.Sprintf(saw, args...), Wanted: wanted}
}
