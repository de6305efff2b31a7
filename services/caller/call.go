package caller

import (
	"context"
	"crypto/x509"

	"google.golang.org/grpc/metadata"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// Call is a call that a [Policy] accepted. It belongs to all who see its context and must not be changed.
type Call struct {
	// Peer is the program at the other end of the connection.
	Peer Peer
	// Caller is the Dialogflow agent that the call is made for; nil in a direct call of the peer. Its getters work on
	// nil too.
	Caller *intentgatev1.Caller
	// Ref is the turn that the call belongs to, as the agent states it; nil in a direct call.
	Ref *intentgatev1.CallRef
	// RequestID is the idempotency key, equal in each try of one call; empty in a direct call.
	RequestID string

	received metadata.MD // what Forward passes on
}

// Peer is a program that proved its identity with a client certificate.
type Peer struct {
	Certificate *x509.Certificate
	// SANs are the certificate's names as `dns:…`, `uri:…`, `email:…`, `ip:…`.
	SANs []string
}

// Direct tells whether the peer calls on its own account, and not for a Dialogflow agent.
func (c *Call) Direct() bool { return c.Caller == nil }

type contextKey struct{}

// NewContext returns a context in which [FromContext] finds the call. A server has a [Policy] for that; this is for
// testing handlers without one.
func NewContext(ctx context.Context, c *Call) context.Context {
	return context.WithValue(ctx, contextKey{}, c)
}

// FromContext returns the call that a [Policy] accepted. It finds none only where no policy stands before the handler,
// which is a mistake: treat it as a refusal.
func FromContext(ctx context.Context) (*Call, bool) {
	c, ok := ctx.Value(contextKey{}).(*Call)
	return c, ok && c != nil
}
