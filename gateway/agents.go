package gateway

import (
	"hash/maphash"
	"strings"
	"sync/atomic"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller"
)

// agents remembers whose agents called last: on one connection, with one proof, they are the same turn after turn.
type agents struct {
	seed maphash.Seed
	last [64]atomic.Pointer[agent] // each at the place that its peer's address says, until another takes it
}

// agent is who calls, and all that this was found out from.
type agent struct {
	evidence

	who *intentgatev1.Caller // shared by turns, and so never changed
	bin string               // the same, as services are told
}

// evidence is what says who calls.
type evidence struct {
	verdict *authn.Verdict
	proof   authn.Proof        // nil: none is asked for
	session dialogflow.Session // what names the agent, and no more of it
}

// join finds out whose agent calls: the certificate, the proof and the session must agree. The certificate is judged once
// more, since a body can take its time, and trust in it may have ended meanwhile.
func (t *turn) join(session *dialogflow.Session, proof authn.Proof) (*agent, *authn.Refusal) {
	verdict, refusal := t.peer.Verdict()
	if refusal != nil {
		return nil, refusal
	}
	of := evidence{verdict, proof, dialogflow.Session{
		Project: session.Project, Location: session.Location, Agent: session.Agent, Environment: session.Environment,
	}}
	place := &t.agents.last[maphash.String(t.agents.seed, t.peer.Addr)%uint64(len(t.agents.last))]
	if known := place.Load(); known != nil && known.evidence == of {
		return known, nil
	}
	for _, name := range []*string{&of.session.Project, &of.session.Location, &of.session.Agent, &of.session.Environment} {
		*name = strings.Clone(*name) // they are parts of all the texts of a turn
	}
	who, refusal := t.Webhook.Caller(verdict, &of.session)
	if refusal == nil && proof != nil {
		refusal = proof.Prove(who)
	}
	if refusal != nil {
		return nil, refusal
	}
	found := &agent{evidence: of, who: who, bin: caller.Marshal(who)}
	place.Store(found)
	return found, nil
}
