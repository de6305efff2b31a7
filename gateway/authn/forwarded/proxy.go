package forwarded

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
)

// Config says who hands certificates on, and how.
type Config struct {
	Name    string // as the Caller and the log call it
	Profile string // the trust profile of the proxy's own certificate; empty on a unix socket
	Header  string // GOOGLE, XFCC or CLIENT_CERT
	// TrustChainVerified believes the proxy that it has verified the chain, where it hands on none.
	TrustChainVerified bool
}

// Proxy is a load balancer that hands client certificates on. It is safe for concurrent use.
type Proxy struct {
	Config

	kind *kind

	mu    sync.RWMutex
	known map[digest]*authn.Verdict
}

type digest = [sha256.Size]byte

// maxKnown bounds the verdicts that are remembered of a proxy. Dialogflow presents a handful of certificates.
const maxKnown = 1024

// New returns a Proxy.
func New(config Config) (*Proxy, error) {
	kind := kinds[config.Header]
	if config.Name == "" || kind == nil {
		return nil, fmt.Errorf("proxy %q: header %q; want a name, and GOOGLE, XFCC or CLIENT_CERT", config.Name, config.Header)
	}
	return &Proxy{Config: config, kind: kind, known: map[digest]*authn.Verdict{}}, nil
}

// Fields are what a request says in the header fields of all kinds, by their canonical names.
type Fields map[string][]string

// Take takes the fields of all kinds out of a header, whoever sent it. It returns nil where there are none.
func Take(header http.Header) Fields {
	var taken Fields
	for _, name := range allNames {
		if values, ok := header[name]; ok {
			if taken == nil {
				taken = Fields{}
			}
			taken[name] = values
			delete(header, name)
		}
	}
	return taken
}

// Verdict judges the certificate that the proxy hands on, as of now. Verdicts are remembered by the hash of what was said, and
// still go by the trust and the time of now. fresh says that it was judged, not remembered.
func (p *Proxy) Verdict(fields Fields, trust *authn.Trust, now time.Time) (verdict *authn.Verdict, fresh bool, refusal *authn.Refusal) {
	said, refusal := p.kind.read(fields)
	if refusal != nil {
		return nil, false, refusal
	}
	key := said.digest()
	p.mu.RLock()
	before := p.known[key]
	p.mu.RUnlock()
	if before != nil {
		verdict, refusal = trust.Current(before, now)
	} else {
		verdict, refusal = p.judge(said, trust, now)
	}
	switch {
	case refusal != nil && before != nil:
		p.mu.Lock()
		delete(p.known, key)
		p.mu.Unlock()
	case refusal == nil && verdict != before:
		p.remember(key, verdict)
	}
	return verdict, verdict != before, refusal
}

func (p *Proxy) judge(said *said, trust *authn.Trust, now time.Time) (*authn.Verdict, *authn.Refusal) {
	certs, refusal := said.certificates(p.kind.decode)
	if refusal != nil {
		return nil, refusal
	}
	presented := authn.Presented{Certs: certs, ForwardedBy: p.Name, Believed: p.TrustChainVerified && len(certs) == 1}
	if presented.Believed && !said.verified {
		return nil, &authn.Refusal{Reason: authn.ForwardedUnverified, Saw: authn.Printable("no chain, and " + said.problem), Wanted: "a chain, or " + googleVerified + ": true"}
	}
	return trust.JudgePresented(presented, now)
}

// remember starts again when there are too many: it costs one verification for each certificate that is still in use.
func (p *Proxy) remember(key digest, verdict *authn.Verdict) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.known) >= maxKnown {
		clear(p.known)
	}
	p.known[key] = verdict
}

// Of returns the one of the proxies that a verdict on a connection's certificate is of, or nil where it is none's.
func Of(proxies []*Proxy, verdict *authn.Verdict) (found *Proxy, refusal *authn.Refusal) {
	for _, proxy := range proxies {
		if !slices.ContainsFunc(verdict.Accepted, func(a authn.Acceptance) bool { return a.Profile.Name == proxy.Profile }) {
			continue
		}
		if found != nil {
			return nil, &authn.Refusal{
				Reason: authn.ProxyAmbiguous, Saw: "a certificate that is both " + found.Name + "'s and " + proxy.Name + "'s", Wanted: "one of a single proxy's profile",
			}
		}
		found = proxy
	}
	return found, nil
}
