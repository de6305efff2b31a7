package conformance

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"github.com/intentgate/intentgate/gateway/callertoken"
	conformancev1 "github.com/intentgate/intentgate/gen/go/intentgate/conformance/v1"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller"
	"github.com/intentgate/intentgate/services/caller/token"
)

const noTokens = skip("the service asks for no tokens: see {jwks} of --start")

// by is a draft that comes by the forwarder.
func (d *draft) by() { d.from, d.claims.Target = d.Forwarder, passedFrom }

// project replaces that of the call.
func (d *draft) project(number, id string, proof intentgatev1.Caller_Proof) {
	d.turn.Caller.ProjectId = &intentgatev1.Caller_Value{Value: id, Proof: proof}
	if number != "" {
		d.turn.Caller.ProjectNumber = &intentgatev1.Caller_Value{Value: number, Proof: proof}
	}
	d.bind()
}

// otherCaller and otherTurn make the call another one than the token's.
func (d *draft) otherCaller() { d.turn.Caller = turn().Caller }
func (d *draft) otherTurn()   { d.turn.Ref.RequestId = turn().Ref.GetRequestId() }

// parts changes the three parts of a token.
func (d *draft) parts(change func(parts []string) []string) {
	d.finish = func(token string) []string { return []string{strings.Join(change(strings.Split(token, ".")), ".")} }
}

var tokensAccepted = forged(
	forgery{"one for many turns", "", (*draft).free},
	forgery{"one for this turn", "", func(*draft) {}},
	forgery{"one of a gateway whose clock is 20 s ahead", "", func(d *draft) { d.claims.IssuedAt += 20 }},
	forgery{"one that ended 20 s ago", "", func(d *draft) { d.claims.Expires -= 80; d.claims.IssuedAt -= 80 }},
	forgery{"one with a claim of a newer gateway's", "", func(d *draft) { d.payload = d.with(`"newer":{"claim":[1]}`) }},
	forgery{"a project by its number", "", func(d *draft) {
		d.project("415104041262", "conformance", intentgatev1.Caller_PROOF_SECRET)
		d.claims.Subject = "projects/415104041262"
	}},
	forgery{"a project that nothing proves", "", func(d *draft) {
		d.project("", "conformance", intentgatev1.Caller_PROOF_STATED)
		d.claims.Subject = ""
	}},
	forgery{"one that a forwarder passes on", "", (*draft).by},
)

var tokenRequired = forged(
	forgery{"no token", string(token.Missing), func(d *draft) { d.finish = nothing }},
	forgery{"no token, from a forwarder", string(token.Missing), func(d *draft) { d.by(); d.finish = nothing }},
	forgery{"two tokens", codes.InvalidArgument.String(), func(d *draft) { d.finish = func(token string) []string { return []string{token, token} } }},
	forgery{"a token and no caller", codes.InvalidArgument.String(), func(d *draft) {
		d.last = func(md metadata.MD) {
			for _, key := range []string{caller.MetadataCaller, caller.MetadataCall, caller.MetadataRequestID} {
				delete(md, key)
			}
		}
	}},
)

func nothing(string) []string { return []string{} }

var tokenForm = forged(ending(token.Malformed,
	forgery{what: "two parts", spoil: func(d *draft) { d.parts(func(p []string) []string { return p[:2] }) }},
	forgery{what: "four parts", spoil: func(d *draft) { d.parts(func(p []string) []string { return append(p, "AAAA") }) }},
	forgery{what: "padding", spoil: func(d *draft) { d.finish = func(token string) []string { return []string{token + "=="} } }},
	forgery{what: "more than 4 KiB", spoil: func(d *draft) { d.payload = d.with(`"more":"` + strings.Repeat("x", token.MaxSize) + `"`) }},
	forgery{what: "a header with a key of its own", spoil: func(d *draft) { d.header = strings.Replace(d.header, "{", `{"jwk":{"kty":"EC"},`, 1) }},
	forgery{what: "a header with the place of a key", spoil: func(d *draft) { d.header = strings.Replace(d.header, "{", `{"jku":"https://evil.example/",`, 1) }},
	forgery{what: "a claim twice", spoil: func(d *draft) { d.payload = d.with(`"aud":"` + TrustDomain + `"`) }},
	forgery{what: "an end that is text", spoil: func(d *draft) { d.payload = d.with(`"exp":"1"`) }},
	forgery{what: "no end", spoil: func(d *draft) { d.claims.Expires = 0 }},
)...)

var tokenAlgorithm = forged(ending(token.Algorithm,
	forgery{what: "none", spoil: func(d *draft) { d.algorithm("none"); d.sign = func(string) ([]byte, error) { return nil, nil } }},
	forgery{what: "HS256 by the public key", spoil: func(d *draft) { d.algorithm("HS256"); d.sign = d.hs256 }},
	forgery{what: "RS256", spoil: func(d *draft) { d.algorithm("RS256") }},
	forgery{what: "another type", spoil: func(d *draft) { d.header = strings.Replace(d.header, token.Type, "JWT", 1) }},
)...)

var tokenSignature = forged(
	forgery{"a stranger's, by a key that nobody knows", string(token.Key), func(d *draft) { d.strange(); d.header = strings.Replace(d.header, "KID", "stranger", 1) }},
	forgery{"a stranger's, by the name of the gateway's key", string(token.Signature), (*draft).strange},
	forgery{"that of other claims", string(token.Signature), func(d *draft) {
		sign := d.sign
		d.sign = func(input string) ([]byte, error) { return sign(input + "x") }
	}},
	forgery{"none", string(token.Signature), func(d *draft) { d.sign = func(string) ([]byte, error) { return nil, nil } }},
	forgery{"one with a byte more", string(token.Signature), func(d *draft) {
		d.sign = func(input string) ([]byte, error) {
			signature, err := d.es256(input)
			return append(signature, 0), err
		}
	}},
	forgery{"in ASN.1", string(token.Signature), func(d *draft) {
		d.sign = func(input string) ([]byte, error) {
			digest := sha256.Sum256([]byte(input))
			return d.key.Sign(rand.Reader, digest[:], crypto.SHA256)
		}
	}},
)

var tokenTimes = forged(ending(token.Expired,
	forgery{what: "an end 40 s ago", spoil: func(d *draft) { d.claims.Expires -= 100; d.claims.IssuedAt -= 100 }},
	forgery{what: "a beginning in 60 s", spoil: func(d *draft) { d.claims.IssuedAt += 60; d.claims.Expires += 60 }},
	forgery{what: "more than three hours", spoil: func(d *draft) { d.claims.Expires = d.claims.IssuedAt + 3*3600 + 1 }},
)...)

// tokenTime judges besides whether the time of a token that was good once counts later on.
func tokenTime(ctx context.Context, b *bench) (string, error) {
	saw, err := tokenTimes(ctx, b)
	if err != nil {
		return saw, err
	}
	d := b.draft()
	d.claims.IssuedAt -= 90
	d.claims.Expires = d.claims.IssuedAt + 62 // it is good for a second or two yet
	md, err := d.metadata()
	if err != nil {
		return "", err
	}
	ctx = metadata.NewOutgoingContext(ctx, md)
	for range 50 {
		_, err = b.probe.Echo(ctx, &conformancev1.EchoRequest{})
		if reason(err) == string(token.Expired) {
			return saw, nil
		}
		pause(ctx, 100*time.Millisecond)
	}
	return "", fmt.Errorf("a token that has ended meanwhile: %s instead of %s", orOK(reason(err)), token.Expired)
}

var tokenAudience = forged(
	forgery{"for another trust domain", string(token.Audience), func(d *draft) { d.claims.Audience = "other.internal" }},
	forgery{"for no trust domain", string(token.Audience), func(d *draft) { d.claims.Audience = "" }},
	forgery{"by another issuer", string(token.Issuer), func(d *draft) { d.claims.Issuer = "https://other.internal" }},
	forgery{"for another service", string(token.Target), func(d *draft) { d.claims.Target = passedFrom }},
	forgery{"for a service of a longer name", string(token.Target), func(d *draft) { d.claims.Target += "s" }},
)

var tokenStolen = forged(
	forgery{"made for another connection", string(token.Peer), func(d *draft) { d.claims.Workload = "dns:another.internal" }},
	forgery{"made for nobody's connection", string(token.Peer), func(d *draft) { d.claims.Workload = "" }},
	forgery{"stolen by a program that may call for itself", codes.PermissionDenied.String(), func(d *draft) { d.from = d.Caller }},
	forgery{"passed on by who is on no list", codes.PermissionDenied.String(), func(d *draft) { d.by(); d.from = d.Unlisted }},
)

var tokenForwarder = forged(
	forgery{"not by the service that it is", string(token.Target), func(d *draft) { d.by(); d.claims.Target = "other.v1.OtherService" }},
	forgery{"what the gateway sends here itself", string(token.Target), func(d *draft) { d.from = d.Forwarder }},
	forgery{"for many turns", string(token.Caller), func(d *draft) { d.by(); d.free() }},
	forgery{"for another caller", string(token.Caller), func(d *draft) { d.by(); d.otherCaller() }},
	forgery{"in another turn", string(token.Turn), func(d *draft) { d.by(); d.otherTurn() }},
	forgery{"nobody, and a call for itself", codes.PermissionDenied.String(), func(d *draft) { d.by(); d.last = func(md metadata.MD) { clear(md) } }},
)

var tokenBound = forged(
	forgery{"another caller", string(token.Caller), (*draft).otherCaller},
	forgery{"another turn", string(token.Turn), (*draft).otherTurn},
	forgery{"another session", string(token.Turn), func(d *draft) { d.turn.Ref.Session += "2" }},
)

var tokenSubject = forged(ending(token.Subject,
	forgery{what: "another project", spoil: func(d *draft) { d.claims.Subject = "projects/another" }},
	forgery{what: "another project than one that is stated", spoil: func(d *draft) {
		d.project("", "conformance", intentgatev1.Caller_PROOF_STATED)
		d.claims.Subject = "projects/another"
	}},
	forgery{what: "a project of a longer name", spoil: func(d *draft) { d.claims.Subject += "2" }},
	forgery{what: "no word of a project that is proven", spoil: func(d *draft) { d.claims.Subject = "" }},
)...)

// tokenRotation replaces the file of the keys, as an operator does who changes them.
func tokenRotation(ctx context.Context, b *bench) (string, error) {
	if !b.Start.uses("jwks") {
		return "", noTokens
	}
	say := func() error {
		ctx, err := caller.NewOutgoingContext(ctx, turn())
		if err == nil {
			_, err = b.probe.Echo(ctx, &conformancev1.EchoRequest{})
		}
		return err
	}
	before, err := b.draft().metadata()
	if err != nil {
		return "", err
	}
	stale := func() error {
		_, err := b.probe.Echo(metadata.NewOutgoingContext(ctx, before), &conformancev1.EchoRequest{})
		return err
	}
	if err := stale(); err != nil {
		return "", fmt.Errorf("by the key of the start: %w", err)
	}
	start := time.Now()
	if err := b.Keys.sign(b.Keys.second.Key, b.Keys.first.Key); err != nil {
		return "", err
	}
	if err := b.until(ctx, say); err != nil {
		return "", fmt.Errorf("by a key that was added %s ago: %w", time.Since(start).Round(time.Second), err)
	}
	added := time.Since(start).Round(10 * time.Millisecond)
	if err := stale(); err != nil {
		return "", fmt.Errorf("by the old key, beside the new one: %w", err)
	}
	start = time.Now()
	if err := b.Keys.sign(b.Keys.second.Key); err != nil {
		return "", err
	}
	err = b.until(ctx, func() error {
		if told := reason(stale()); told != string(token.Key) {
			return fmt.Errorf("a token by a key that was removed %s ago: %s instead of %s", time.Since(start).Round(time.Second), orOK(told), token.Key)
		}
		return nil
	})
	return fmt.Sprintf("a new key counts after %s, an old one until %s after its removal", added, time.Since(start).Round(10*time.Millisecond)), errors.Join(err, say())
}

// ending has all end alike.
func ending(reason token.Reason, forgeries ...forgery) []forgery {
	for i := range forgeries {
		forgeries[i].want = string(reason)
	}
	return forgeries
}

// with returns the claims and one more.
func (d *draft) with(claim string) string {
	text, _ := json.Marshal(d.claims) // of texts and numbers
	return strings.TrimSuffix(string(text), "}") + "," + claim + "}"
}

func (d *draft) algorithm(name string) { d.header = strings.Replace(d.header, "ES256", name, 1) }

// hs256 is how a verifier is taken in that lets a token choose the algorithm: the public key is then a password that all know.
func (d *draft) hs256(input string) ([]byte, error) {
	public, err := d.key.PublicKey.Bytes()
	h := hmac.New(sha256.New, public)
	h.Write([]byte(input))
	return h.Sum(nil), err
}

// strange signs by a key that is not the gateway's for tokens.
func (d *draft) strange() {
	d.key, d.err = callertoken.ReadKey(d.Gateway.Key)
}
