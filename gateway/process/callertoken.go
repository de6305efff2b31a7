package process

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/callertoken"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// callerTokens begins to sign for whom the gateway calls, where the settings say so.
func (g *generation) callerTokens(context.Context) (err error) {
	settings := g.settings.GetCallerTokens()
	if settings == nil {
		return nil
	}
	var before *callertoken.Signer
	if old := g.current.Load(); old != nil {
		before = old.signer
	}
	if g.signer, err = CallerTokens(g.settings, before, g.now); err != nil {
		return fmt.Errorf("caller_tokens: %w", err)
	}
	for service, identity := range g.identities {
		if _, err := workload(identity()); err != nil && !errors.Is(err, callertoken.ErrNobody) {
			return fmt.Errorf("services.%s.tls: %w", service, err)
		}
	}
	if len(settings.GetKeys()) > 0 {
		g.watch("caller_tokens.keys", settings.GetKeys(), g.signer.Reload)
	} else {
		g.logger.Warn("The key of callers' tokens is this process's own: other replicas have others, and services trust one")
	}
	return nil
}

// CallerTokens returns what signs for whom the gateway calls, by settings that have caller_tokens. A key that before made is kept; it
// may be nil.
func CallerTokens(settings *gatewayv1.Config, before *callertoken.Signer, now func() time.Time) (*callertoken.Signer, error) {
	tokens := settings.GetCallerTokens()
	return callertoken.New(callertoken.Config{
		Issuer: tokens.GetIssuer(), TrustDomain: tokens.GetTrustDomain(), Keys: tokens.GetKeys(), Before: before, Now: now,
		Reuse: tokens.GetReuse().AsDuration(), Longest: longestCall(settings),
		PerTurn: map[string]callertoken.PerTurn{"ALWAYS": callertoken.Always, "NEVER": callertoken.Never}[tokens.GetPerTurn()],
	})
}

// longestCall is how long a call may take at most.
func longestCall(settings *gatewayv1.Config) (longest time.Duration) {
	for _, webhook := range settings.GetWebhooks() {
		longest = max(longest, webhook.GetTimeout().AsDuration())
	}
	for _, route := range settings.GetRoutes() {
		longest = max(longest, route.GetContinueFor().AsDuration())
	}
	for _, service := range settings.GetServices() {
		if service.GetIntents() != nil { // its methods may say so themselves, and later
			longest = max(longest, binding.MaxContinue)
		}
	}
	return longest
}

// sign returns the token of a call.
func (g *generation) sign(service string, call *callertoken.Call) (_ string, err error) {
	if call.Workload, err = workload(g.identities[service]()); err != nil {
		return "", err
	}
	return g.signer.Token(call)
}

// workload is the gateway's name in a certificate, as services list it.
func workload(certificate *tls.Certificate) (string, error) {
	if certificate == nil {
		return "", callertoken.ErrNobody
	}
	return Workload(certificate.Leaf)
}

// Workload is the gateway's name in a certificate of its own, as tokens have it.
func Workload(cert *x509.Certificate) (string, error) {
	if len(cert.URIs) > 0 {
		return "uri:" + cert.URIs[0].String(), nil
	}
	for _, name := range cert.DNSNames {
		if !strings.Contains(name, "*") {
			return "dns:" + strings.ToLower(name), nil
		}
	}
	return "", errors.New("the gateway's certificate names nobody, and tokens say whose connection they are for; want a DNS name or a URI in it")
}

// jwks are the public keys that are in force; nil where there are none.
func (p *Process) jwks() []byte {
	if signer := p.current.Load().signer; signer != nil {
		return signer.JWKS()
	}
	return nil
}
