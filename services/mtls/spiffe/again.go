package spiffe

import (
	"net"
	"strings"
	"time"

	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

// strategy is how soon a Workload API is asked again.
type strategy struct{}

// NewBackoff begins with the first pause.
func (strategy) NewBackoff() workloadapi.Backoff { return &pause{} }

type pause struct{ last time.Duration }

// Next is twice as long as the one before.
func (p *pause) Next() time.Duration {
	p.last = min(max(2*p.last, askFirst), askLast)
	return p.last
}

// Reset begins anew: there was an answer.
func (p *pause) Reset() { p.last = 0 }

// onThisMachine says whether a target is a unix socket or a loopback address.
func onThisMachine(target string) bool {
	if strings.HasPrefix(target, "unix:") {
		return true
	}
	host, _, err := net.SplitHostPort(target)
	return err == nil && net.ParseIP(host).IsLoopback()
}
