package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/simulator"
)

// talker is a stretch of Dialogflow that has one turn at a time. It is for one goroutine.
type talker struct {
	*soak

	random *rand.Rand
	line   line
	turns  int
}

func (s *soak) newTalker(i int) *talker {
	random := rand.New(rand.NewPCG(s.options.seed, uint64(i))) //nolint:gosec // to be repeated
	config := &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: "localhost", RootCAs: s.pki.EdgeCA.Pool(), Certificates: []tls.Certificate{s.pki.SSLCom.TLS()},
	}
	if i%2 == 0 {
		config.Certificates = []tls.Certificate{s.pki.GTS.TLS()}
	}
	if i%4 < 2 {
		config.ClientSessionCache = tls.NewLRUClientSessionCache(4)
	}
	if i%8 == 0 {
		config.MaxVersion = tls.VersionTLS12
	}
	return &talker{soak: s, random: random, line: line{balancer: s.balancer, tls: config}}
}

// talk has turns until the context ends, and while there is load; in between it hangs up.
func (t *talker) talk(ctx context.Context, every time.Duration) {
	defer t.line.close()
	next := time.Now().Add(time.Duration(t.random.Int64N(int64(every))))
	for ctx.Err() == nil {
		select {
		case <-time.After(time.Until(next)):
		case <-ctx.Done():
			return
		}
		// Now and then there is more at once, or less.
		next = later(time.Now(), next).Add(time.Duration(float64(every) * (0.5 + t.random.Float64())))
		if !t.load.Load() {
			t.line.close()
			continue
		}
		t.busy.Add(1)
		t.turn(ctx)
		t.busy.Add(-1)
		if t.turns++; t.random.IntN(50) == 0 {
			t.line.close()
		}
	}
}

// later keeps the pace, but does not make up for what was lost.
func later(now, next time.Time) time.Time {
	if now.After(next) {
		return now
	}
	return next
}

// plan is what a turn asks, of which method, and how it is tried.
type plan struct {
	ask    ask
	method string
	hasty  time.Duration // gives the first try up after that time; 0: waits for the whole clock
}

// plan chooses. Most turns are ordinary.
func (t *talker) plan() plan {
	p := plan{ask: ask{number: t.numbers.Add(1)}, method: track}
	if kind := t.random.IntN(100); kind >= 80 {
		p.method = plain
	} else if kind >= 50 {
		p.method = book
	}
	short := func() time.Duration { return time.Duration(t.random.IntN(400)) * time.Millisecond }
	odd := 100
	if t.spoil.Load() {
		odd = 20
	}
	switch kind := t.random.IntN(odd); {
	case kind < 3:
		p.ask.large, p.method = true, track
	case kind < 6:
		p.ask.garbage = 1 + t.random.IntN(len(garbage))
	case kind < 9:
		p.ask.refuse = true
	case kind < 11, kind > 90 && p.method == plain:
		p.ask.after = clock + 500*time.Millisecond
	case kind < 19: // Dialogflow tries again, while the call is in flight or after it was answered
		p.ask.before, p.ask.after = short(), short()
		p.hasty = 20*time.Millisecond + 2*short()
	}
	return p
}

// turn has one turn: one try and, as Dialogflow does after a time-out or a broken connection, another one.
func (t *talker) turn(ctx context.Context) {
	p := t.plan()
	web := t.webhooks[t.random.IntN(len(t.webhooks))]
	conversation := simulator.NewConversation(nil, simulator.Agent{API: web.api, Name: web.agent, Language: "en", Undocumented: true})
	body, err := conversation.Request(utterance(p))
	if err != nil {
		t.broken(ruleProcess, err.Error())
		return
	}
	late := p.ask.before+p.ask.after > clock
	fetched := late && p.method == plain && web.api != dialogflow.V3
	q := question{api: web.api, request: body, words: p.ask.words(p.method), spoilt: p.ask.large || p.ask.garbage > 0 || late && !fetched}
	for tries := 1; ; tries++ {
		began := t.phase()
		patience := clock
		if tries == 1 && p.hasty > 0 {
			patience = p.hasty
		}
		got := t.line.send(ctx, web.path, t.token(web), q.request, patience)
		if ctx.Err() != nil {
			return
		}
		got.left = patience < clock
		ended := t.phase()
		fair := began == ended && began.fair
		if fetched && got.gateway != nil { // from the replica that has it, and that offered it because it stays
			fair = fair && (q.home == nil || q.home == got.gateway) && !got.gateway.asked.Load()
		}
		v := judge(q, got, fair, t.machine.stalled(got.began, time.Now()))
		if !ended.fair || v.kind == "cut" {
			began = ended // whose fault it is
		}
		if v.kind == "continues" {
			t.count(began, q, got, v, tries)
			if q.request, err = followed(conversation, v); err != nil {
				t.broken(ruleForm, err.Error())
				return
			}
			q.home, tries = got.gateway, 0
			continue
		}
		last := v.answered() || tries == 2
		t.count(began, q, got, v, tries)
		if last {
			if v.kind == "service" && p.method != track && !p.ask.refuse {
				t.claim(p.ask.number)
			}
			return
		}
		if web.newIDs {
			q.request = withNewID(q.request)
		}
	}
}

// utterance is what the user says so that the method is asked.
func utterance(p plan) simulator.Utterance {
	switch asked := p.ask.String(); p.method {
	case track:
		return simulator.Utterance{Text: "where is it", Intent: "order.track", Tag: "track-order", Parameters: map[string]any{"order_id": asked}}
	case book:
		return simulator.Utterance{
			Text: "yes", Intent: "order.cancel.confirm", Tag: "confirm-cancel", Parameters: map[string]any{"order_to_cancel": asked},
		}
	default:
		return simulator.Utterance{Text: "do it", Intent: "soak.plain", Tag: "soak-plain", Parameters: map[string]any{"ask": asked}}
	}
}

// followed is the request that Dialogflow makes of an event in an answer.
func followed(conversation *simulator.Conversation, v verdict) ([]byte, error) {
	return conversation.Request(simulator.Utterance{Event: v.event, Intent: "soak.continue", Parameters: v.parameters})
}

// withNewID gives a request another turn id.
func withNewID(request []byte) []byte {
	var members map[string]json.RawMessage
	if json.Unmarshal(request, &members) != nil {
		return request
	}
	for _, name := range []string{"responseId", "detectIntentResponseId"} {
		if _, ok := members[name]; ok {
			members[name] = fmt.Appendf(nil, `"again-%016x"`, rand.Uint64()) //nolint:gosec // no secret
		}
	}
	changed, err := json.Marshal(members)
	if err != nil {
		return request
	}
	return changed
}

// webhook is a path of the gateway's.
type webhook struct {
	path   string
	api    dialogflow.API
	agent  string
	newIDs bool // Dialogflow's second try has a turn id of its own
}

func webhooks() []webhook {
	const es, cx = "projects/shop/agent", "projects/shop/locations/europe-west1/agents/1234"
	return []webhook{
		{"/es", dialogflow.V2, es, false},
		{"/cx", dialogflow.V3, cx, false},
		{"/es-new-ids", dialogflow.V2, es, true},
		{"/cx-new-ids", dialogflow.V3, cx, true},
	}
}
