package conformance_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/intentgate/intentgate/gateway/conformance"
	"github.com/intentgate/intentgate/services/caller"
)

// tokenFaults are those of services that ask for tokens, and have a policy.
func tokenFaults(t *testing.T) map[string]row {
	t.Helper()
	// letting is a service that lets in what others refuse for a reason.
	letting := func(saw string, reason string, fails ...string) row {
		return row{broken{lenient: func(why string, _ metadata.MD) bool { return why == reason }}, fails, saw, false, false}
	}
	another := func(command string) func(*conformance.Config) {
		return func(c *conformance.Config) { c.Start.Command = command + "; true {cert} {key} {ca} {policy}" + signed }
	}
	var mu sync.Mutex
	good, seen := map[string]bool{}, map[string]bool{}
	judged := []string{
		"token_required", "token_form", "token_algorithm", "token_signature", "token_time", "token_audience", "token_stolen", "token_forwarder",
		"token_bound", "token_subject",
	}
	rows := map[string]row{
		"takes no token":    letting("no token: OK instead of TOKEN_MISSING", "TOKEN_MISSING", "token_required"),
		"takes any form":    letting("two parts: OK instead of TOKEN_MALFORMED", "TOKEN_MALFORMED", "token_form"),
		"any algorithm":     letting("none: OK instead of TOKEN_ALGORITHM", "TOKEN_ALGORITHM", "token_algorithm"),
		"any key":           letting("a key that nobody knows: OK", "TOKEN_KEY", "token_signature", "token_rotation"),
		"any signature":     letting("in ASN.1: OK instead of TOKEN_SIGNATURE", "TOKEN_SIGNATURE", "token_signature"),
		"any time":          letting("three hours: OK instead of TOKEN_EXPIRED", "TOKEN_EXPIRED", "token_time"),
		"any trust domain":  letting("for another trust domain: OK", "TOKEN_AUDIENCE", "token_audience"),
		"any issuer":        letting("by another issuer: OK", "TOKEN_ISSUER", "token_audience"),
		"any target":        letting("a longer name: OK", "TOKEN_TARGET", "token_audience", "token_forwarder"),
		"any connection":    letting("another connection: OK", "TOKEN_PEER", "token_stolen"),
		"any caller":        letting("for many turns: OK", "TOKEN_CALLER", "token_forwarder", "token_bound"),
		"any turn":          letting("in another turn: OK", "TOKEN_TURN", "token_forwarder", "token_bound"),
		"any project":       letting("a longer name: OK", "TOKEN_SUBJECT", "token_subject"),
		"a thief may claim": letting("a program that may call for itself: OK", caller.ReasonMayNotAssert, "forged_metadata", "token_stolen"),
		"any who passes on": {broken{lenient: func(why string, md metadata.MD) bool {
			return why == caller.ReasonNotAllowed && len(md[caller.MetadataToken]) > 0
		}}, []string{"token_stolen"}, "passed on by who is on no list: OK", false, false},
		"forwarders call": {broken{policy: func(p *caller.Policy) { p.Allowed = append(p.Allowed, p.Tokens.Forwarders[0].Peer) }}, []string{"token_forwarder"}, "a call for itself: CALLER_NOT_LISTED", false, false},
		"no forwarders":   {broken{policy: func(p *caller.Policy) { p.Tokens.Forwarders = nil }}, []string{"token_accepted", "token_required", "token_forwarder"}, "passes on: PermissionDenied", false, false},
		"good for ever": {broken{lenient: func(why string, md metadata.MD) bool {
			mu.Lock()
			defer mu.Unlock()
			return why == "TOKEN_EXPIRED" && good[md[caller.MetadataToken][0]]
		}, outer: func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			answer, err := next(ctx, req)
			if md, _ := metadata.FromIncomingContext(ctx); err == nil && len(md[caller.MetadataToken]) > 0 {
				mu.Lock()
				defer mu.Unlock()
				good[md[caller.MetadataToken][0]] = true
			}
			return answer, err
		}}, []string{"token_time"}, "has ended meanwhile: OK", false, true},
		"remembered is good": {broken{lenient: func(why string, md metadata.MD) bool {
			if !slices.Contains([]string{"TOKEN_CALLER", "TOKEN_TURN", "TOKEN_SUBJECT", "TOKEN_PEER"}, why) {
				return false
			}
			mu.Lock()
			defer mu.Unlock()
			before := seen[md[caller.MetadataToken][0]]
			seen[md[caller.MetadataToken][0]] = true
			return before
		}}, []string{"token_stolen", "token_forwarder", "token_bound", "token_subject"}, "another turn: OK instead of TOKEN_TURN", false, false},
		"the keys of the start": {broken{keepTokenKeys: true}, []string{"token_rotation"}, "by a key that was added", false, true},
		"ignores tokens": {broken{policy: func(p *caller.Policy) {
			p.Tokens = nil
		}}, slices.Concat([]string{"token_accepted"}, judged, []string{"token_rotation"}), "", false, true},
		"says not why": {broken{outer: func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			answer, err := next(ctx, req)
			if refusal := (*caller.Refusal)(nil); errors.As(err, &refusal) && refusal.Code == codes.PermissionDenied {
				err = status.Error(codes.PermissionDenied, "no")
			}
			return answer, err
		}}, slices.Concat(judged, []string{"policy_default", "policy_callers", "policy_proofs", "token_rotation"}), "no token: PermissionDenied instead of TOKEN_MISSING", false, true},

		"any method":    letting("IntentService/", caller.ReasonMethod, "policy_default"),
		"any program":   letting("of one that is not: OK", caller.ReasonCaller, "policy_callers"),
		"any proof":     letting("an agent that is stated: OK", caller.ReasonProof, "policy_proofs"),
		"no policy":     {broken{policy: func(p *caller.Policy) { p.Methods = nil }}, []string{"policy_default", "policy_callers", "policy_proofs"}, "", false, false},
		"any name":      {broken{config: another(command + "#")}, []string{"policy_names"}, "it has started", false, false},
		"which name":    {broken{config: another("echo no; false")}, []string{"policy_names"}, "does not tell", false, false},
		"waits for one": {broken{config: another("sleep 60")}, []string{"policy_names"}, "does not listen", false, true},
	}
	for name, row := range rows {
		if slices.Contains(row.fails, "token_rotation") && row.config == nil {
			row.config, row.slow = func(c *conformance.Config) { c.Patience = 5 * time.Second }, true // it is waited for in vain
			rows[name] = row
		}
	}
	return rows
}
