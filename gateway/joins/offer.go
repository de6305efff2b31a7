package joins

import (
	"context"
	"crypto/rand"
	"slices"
)

// Owner is whom a call is offered to: nobody else may fetch it.
type Owner struct {
	By

	Session string
	// ProjectID and ProjectNumber are as far as they are known.
	ProjectID, ProjectNumber string
}

// offer is a call that may be fetched once.
type offer struct {
	call   *Call
	owner  Owner
	origin any
	used   bool
	by     string // the id of the turn that fetched it
}

// Refusal is why a nonce will not do; empty: it does.
type Refusal string

// The reasons.
const (
	Unknown Refusal = "continuation_unknown" // never given, by this gateway at least, or too long ago
	Foreign Refusal = "continuation_foreign" // given to another session, or project
	Used    Refusal = "continuation_used"    // by another turn before
)

// Offer returns a nonce under which a later turn of the owner's may fetch a pending call, and get back the origin; or what the call
// came to if it has ended meanwhile. Until it is used the same nonce is offered again: so a retry of Dialogflow's gets the answer
// that the first try got.
func (c *Calls) Offer(call *Call, owner Owner, origin any) (nonce string, ended *Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if call.over {
		result := call.result()
		return "", &result
	}
	if i := slices.IndexFunc(call.offered, func(nonce string) bool { return !c.offers[nonce].used && c.offers[nonce].owner == owner }); i >= 0 {
		return call.offered[i], nil
	}
	nonce = rand.Text() // 128 bits at least
	call.offered = append(call.offered, nonce)
	c.offers[nonce] = &offer{call: call, owner: owner, origin: origin}
	return nonce, nil
}

// Redeem returns the call of a nonce and its origin, once; and again to the turn that has it already, by its id, or to any where
// ids of turns do not tell retries.
func (c *Calls) Redeem(nonce string, owner Owner, turn string) (*Call, any, Refusal) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(now)
	offer := c.offers[nonce]
	switch {
	case offer == nil, offer.call.over && now >= offer.call.until:
		return nil, nil, Unknown
	case offer.owner != owner:
		return nil, nil, Foreign
	case offer.used && turn != "" && offer.by != turn:
		return nil, nil, Used
	}
	offer.used, offer.by = true, turn
	return offer.call, offer.origin, ""
}

// Fetch returns what a call comes to that another turn began.
func (c *Calls) Fetch(ctx, caller context.Context, call *Call) Result {
	result := c.wait(ctx, caller, call)
	result.Joined = Continuation
	return result
}
