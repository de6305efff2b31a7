package caller

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller/token"
	"github.com/intentgate/intentgate/services/mtls"
)

// Tokens say when a caller counts: with a token that the gateway has signed, from the connection that it was made for, or from a
// service that may pass callers on.
type Tokens struct {
	Verifier *token.Verifier
	// Forwarders may pass on a caller with the token that came with it. They need stand in no other list.
	Forwarders []Forwarder
}

// Forwarder is a service that passes callers on.
type Forwarder struct {
	Peer   mtls.SAN // in its client certificate
	Target string   // the full name of the gRPC service that the gateway calls it by: tokens for it are taken from the peer
}

// ParseForwarder reads `dns:orders.internal=shop.orders.v1.OrderService`.
func ParseForwarder(text string) (Forwarder, error) {
	at := strings.LastIndexByte(text, '=')
	if at < 0 || at == len(text)-1 || strings.Contains(text[at+1:], "/") {
		return Forwarder{}, fmt.Errorf("forwarder %q: want the name of a peer and the gRPC service that the gateway calls it by, "+
			"such as dns:orders.internal=shop.orders.v1.OrderService", text)
	}
	peer, err := mtls.ParseSAN(text[:at])
	if err != nil {
		return Forwarder{}, fmt.Errorf("forwarder %q: %w", text, err)
	}
	return Forwarder{Peer: peer, Target: text[at+1:]}, nil
}

// forwards tells whether a peer passes a caller on, and may as far as lists go. Tokens may be nil.
func (t *Tokens) forwards(cert *x509.Certificate, md metadata.MD) bool {
	return t != nil && len(md[MetadataCaller]) > 0 &&
		slices.ContainsFunc(t.Forwarders, func(f Forwarder) bool { return f.Peer.Matches(cert) })
}

// presented is a call with what came with it.
type presented struct {
	md        metadata.MD // each key of ours once
	cert      *x509.Certificate
	asserting bool // the peer is on that list
	service   string
	call      *Call
}

// judge refuses a caller that no token vouches for.
func (t *Tokens) judge(ctx context.Context, p presented) *Refusal {
	values := p.md[MetadataToken]
	switch {
	case p.call.Direct() && len(values) == 0:
		return nil
	case p.call.Direct():
		return malformed(ReasonIncomplete, "a caller that it is for", "%q alone", MetadataToken)
	case len(values) == 0:
		return denied(token.Refuse(token.Missing, "one that the gateway has signed: caller_tokens in its configuration", "no %q", MetadataToken))
	}
	claims, refusal := t.Verifier.Verify(ctx, values[0])
	for _, fits := range []func(presented, *token.Claims) *token.Refusal{t.peer, bound, subject} {
		if refusal == nil {
			refusal = fits(p, claims)
		}
	}
	if refusal != nil {
		return denied(refusal)
	}
	return nil
}

// peer wants the token from whom it was made for, or from a forwarder.
func (t *Tokens) peer(p presented, claims *token.Claims) *token.Refusal {
	workload, err := mtls.ParseSAN(claims.Workload)
	if err == nil && p.asserting && workload.Matches(p.cert) {
		if claims.Target != p.service {
			return token.Refuse(token.Target, p.service, "target %.256q", claims.Target)
		}
		return nil
	}
	var targets []string
	for _, forwarder := range t.Forwarders {
		if forwarder.Peer.Matches(p.cert) {
			targets = append(targets, forwarder.Target)
		}
	}
	switch {
	case targets == nil:
		return token.Refuse(token.Peer, "it from that peer, or from a forwarder", "a token that was made for %.256q", claims.Workload)
	case !slices.Contains(targets, claims.Target):
		return token.Refuse(token.Target, fmt.Sprintf("one of %q, from this forwarder", targets), "target %.256q", claims.Target)
	case claims.CallerHash == "":
		return token.Refuse(token.Caller, "one that is bound to a caller, from a forwarder: per_turn: ALWAYS in the gateway's configuration", "a token for many turns")
	}
	return nil
}

// bound wants the caller and the turn that the token was made for, where it says so.
func bound(p presented, claims *token.Claims) *token.Refusal {
	hash := token.HashCaller(p.md[MetadataCaller][0])
	switch {
	case claims.CallerHash != "" && claims.CallerHash != hash:
		return token.Refuse(token.Caller, claims.CallerHash, "a caller with the hash %s", hash)
	case claims.RequestID != "" && claims.RequestID != p.call.RequestID:
		return token.Refuse(token.Turn, fmt.Sprintf("%.256q", claims.RequestID), "request id %.256q", p.call.RequestID)
	case claims.Session != "" && claims.Session != p.call.Ref.GetSession():
		return token.Refuse(token.Turn, "that of the token", "another session")
	}
	return nil
}

// subject wants the caller's project in the token, where anything proves it.
func subject(p presented, claims *token.Claims) *token.Refusal {
	proven := false
	var names []string
	for _, value := range []*intentgatev1.Caller_Value{p.call.Caller.GetProjectNumber(), p.call.Caller.GetProjectId()} {
		if value != nil {
			names, proven = append(names, "projects/"+value.GetValue()), proven || value.GetProof() != intentgatev1.Caller_PROOF_STATED
		}
	}
	if claims.Subject == "" && !proven || slices.Contains(names, claims.Subject) {
		return nil
	}
	return token.Refuse(token.Subject, fmt.Sprintf("one of %.256q", names), "sub %.256q", claims.Subject)
}

func denied(r *token.Refusal) *Refusal {
	return &Refusal{Code: codes.PermissionDenied, Reason: string(r.Reason), Saw: r.Saw, Wanted: r.Wanted}
}
