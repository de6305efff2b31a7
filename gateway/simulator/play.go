package simulator

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/words"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// Turn is what became of a turn.
type Turn struct {
	Exchanges []Exchange // with the webhook, in order, retries left out; none where the agent calls none
	Heard     []string   // what the user hears, of the webhook's and the agent's own words
	Event     string     // the last one that was raised: by an answer on ES, by a failure on CX
	Target    string     // CX: the page or flow that the last answer led to, without the agent's name
	// Unhandled says that the design has nothing for the Event.
	Unhandled bool
	// Failed says that Dialogflow would not use an answer. Problems say why or, if it would, what in one has no effect.
	Failed   bool
	Problems []string
}

// maxFollowed is how many more times Dialogflow calls the webhook in one turn because of events.
const maxFollowed = 3

const webhookError = "webhook.error"

// Play plays one turn to its end: on ES slots are filled and follow-up events followed, on CX forms are filled, and what
// the design does when they are complete or a webhook failed is done. It returns an error only where a request could not be made.
func (c *Conversation) Play(ctx context.Context, line *gatewayv1.ConversationTurn) (Turn, error) {
	language := c.agent.Language
	defer func() { c.agent.Language = language }()
	c.agent.Language = cmp.Or(line.GetLanguage(), language)
	p := play{Conversation: c, line: line, own: line.GetAgent(), said: Utterance{
		Text: line.GetSay(), Event: line.GetEvent(), Intent: line.GetIntent(), Action: line.GetAction(), Tag: line.GetTag(),
		Parameters: line.GetParameters().AsMap(),
	}}
	var err error
	if c.agent.API == dialogflow.V3 {
		err = p.cx(ctx)
	} else {
		err = p.es(ctx)
	}
	return p.turn, err
}

// play is a turn on its way.
type play struct {
	*Conversation

	line     *gatewayv1.ConversationTurn
	said     Utterance
	own      string // what the agent says by itself, in place of what the design says
	turn     Turn
	replaced bool // CX: the agent's own words, by the webhook's
}

// call calls the webhook, and again where a retry is wanted.
func (p *play) call(ctx context.Context, u Utterance) (*Outcome, error) {
	request, err := p.Request(u)
	if err != nil {
		return nil, err
	}
	exchange, _ := p.send(ctx, request)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	p.turn.Problems = append(p.turn.Problems, exchange.Outcome.Problems...)
	p.turn.Failed = !exchange.Outcome.Accepted
	if retry := p.line.GetRetry(); retry != "" {
		if retry == "NEW_ID" {
			request = withNewID(request)
		}
		again, err := p.client.Call(ctx, request)
		if err != nil || again.Status != exchange.Answer.Status || !sameJSON(again.Body, exchange.Answer.Body) {
			p.problem("the second try is answered differently: %s", describe(again, err))
		}
		exchange.Calls = append(exchange.Calls, p.calls()...)
	}
	p.turn.Exchanges = append(p.turn.Exchanges, exchange)
	return &exchange.Outcome, nil
}

func describe(answer Answer, err error) string {
	if err != nil {
		return explain(err)
	}
	var compact bytes.Buffer
	if json.Compact(&compact, answer.Body) != nil {
		return fmt.Sprintf("HTTP %d, no JSON", answer.Status)
	}
	return fmt.Sprintf("HTTP %d %s", answer.Status, compact.String())
}

// sameJSON compares answers of which a failure's is any text.
func sameJSON(a, b []byte) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return bytes.Equal(a, b)
	}
	return reflect.DeepEqual(x, y)
}

// express gives what is said the form that the agent gives it.
func (p *play) express(u *Utterance) {
	for name, value := range u.Parameters {
		if p.agent.Express != nil {
			u.Parameters[name] = p.agent.Express(*u, name, value)
		}
	}
}

// ownWords are what the agent says by itself: the turn's before those of the design.
func (p *play) ownWords(designed map[string]string) []string {
	if p.own != "" {
		return []string{p.own}
	}
	return p.inLanguage(designed)
}

// inLanguage is what the design says, in the user's language.
func (p *play) inLanguage(designed map[string]string) []string {
	texts, err := words.New(designed)
	if text, ok := texts.In(p.agent.Language); ok && err == nil {
		return []string{text}
	}
	return nil
}

// es plays a turn of ES.
func (p *play) es(ctx context.Context) error {
	u := p.said
	if u.Event != "" && u.Intent == "" {
		u.Intent, _ = p.intentOf(u.Event)
	}
	if u.Intent == "" && !p.slots.done {
		u.Intent = p.slots.intent
	}
	p.express(&u)
	for followed := 0; ; followed++ {
		p.fill(&u)
		designed := p.agent.Design.GetIntents()[u.Intent].GetText()
		if missing := p.missing(); missing != nil {
			designed = missing.GetPrompt()
		}
		p.words = p.ownWords(designed)
		outcome, err := p.call(ctx, u)
		if err != nil {
			return err
		}
		p.reopen(outcome.contexts)
		if p.turn.Heard = outcome.Heard; outcome.silent {
			p.turn.Heard = p.words
		}
		if outcome.followup == nil {
			return nil
		}
		p.turn.Event = outcome.followup.name
		intent, known := p.intentOf(p.turn.Event)
		if !known {
			p.turn.Unhandled = true
			return nil
		}
		if followed == maxFollowed {
			p.problem("the event %s is one more than the %d that Dialogflow follows in a turn", p.turn.Event, maxFollowed)
			return nil
		}
		p.own = ""
		p.agent.Language = cmp.Or(outcome.followup.language, p.agent.Language)
		u = Utterance{Event: p.turn.Event, Intent: intent, Parameters: p.hand(intent, outcome.followup)}
	}
}

// cx plays a turn of CX: the route, event or tag of the utterance first, then what follows from it.
func (p *play) cx(ctx context.Context) error {
	u := p.said
	if page := p.line.GetPage(); page != "" {
		p.move(page)
	}
	intent := p.agent.Design.GetIntents()[u.Intent]
	next := &gatewayv1.ConversationAgent_Handler{Tag: intent.GetTag(), Text: intent.GetText()}
	if handler, ok := p.handler(u.Event); ok {
		next = handler
	}
	first := cmp.Or(u.Tag, next.GetTag())
	u.Tag = cmp.Or(first, p.designed().GetTag())
	p.express(&u)
	p.collect(&u)
	p.change(nil, u.Parameters)
	p.intent = cmp.Or(u.Intent, p.intent)
	for called := 0; ; called++ {
		if next.GetPage() != "" {
			p.move(next.GetPage())
		}
		p.turn.Heard = append(p.turn.Heard, p.inLanguage(next.GetText())...)
		if u.Tag = next.GetTag(); called == 0 {
			u.Tag = first
		}
		if form := p.designed().GetTag(); p.finish() && (u.Tag == "" || u.Tag == form) {
			u.Tag, p.collected = form, false
		}
		if u.Tag == "" {
			break
		}
		if called > maxFollowed {
			p.problem("the webhook is called more than %d times in a turn", called)
			break
		}
		outcome, err := p.call(ctx, u)
		if err != nil {
			return err
		}
		u.Parameters = nil // they are the session's by now
		next = p.take(outcome)
	}
	p.prompt()
	return nil
}

// take takes over what an answer changes, and returns what is done next.
func (p *play) take(outcome *Outcome) *gatewayv1.ConversationAgent_Handler {
	if outcome.replaces {
		p.turn.Heard, p.replaced = nil, true
	}
	p.turn.Heard = append(p.turn.Heard, outcome.Heard...)
	if outcome.Event != "" {
		handler, ok := p.handler(outcome.Event)
		p.turn.Event, p.turn.Unhandled = outcome.Event, !ok
		return handler
	}
	p.alter(outcome.form)
	if outcome.target != "" {
		p.turn.Target = outcome.target
		p.move(outcome.target)
	}
	return nil
}

// move goes to a page, which may say something on entry.
func (p *play) move(page string) {
	p.enter(page)
	p.turn.Heard = append(p.turn.Heard, p.inLanguage(p.designed().GetText())...)
}

// prompt has the form ask for what is missing. The turn's own words are its prompt or, if it asks for nothing, the response.
func (p *play) prompt() {
	asked, again := p.asked()
	switch {
	case asked != nil && again && len(asked.GetReprompt()) > 0:
		p.turn.Heard = append(p.turn.Heard, p.ownWords(asked.GetReprompt())...)
	case asked != nil:
		p.turn.Heard = append(p.turn.Heard, p.ownWords(asked.GetPrompt())...)
	case p.own != "" && !p.replaced:
		p.turn.Heard = slices.Insert(p.turn.Heard, 0, p.own)
	}
}

func (p *play) problem(format string, args ...any) {
	p.turn.Problems = append(p.turn.Problems, fmt.Sprintf(format, args...))
}

// State is what a conversation remembers.
type State struct {
	// Parameters are the session's on CX, and on ES those of all active contexts.
	Parameters map[string]any
	// Contexts are the active ones of ES, by ID.
	Contexts map[string]Context
	// Form holds the states of the current form's parameters on CX, and of the last intent's on ES, where none is INVALID.
	Form map[string]string
	// Page is the current one on CX, without the agent's name.
	Page string
}

// Context is an active context of ES.
type Context struct {
	Lifespan   int            `json:"lifespan"` // turns
	Parameters map[string]any `json:"parameters"`
}

// State returns what the conversation remembers after the last turn.
func (c *Conversation) State() State {
	s := State{Parameters: maps.Clone(c.parameters), Contexts: map[string]Context{}, Form: map[string]string{}, Page: c.page}
	for _, name := range slices.Sorted(maps.Keys(c.contexts)) {
		active := c.contexts[name]
		if active.Lifespan == 0 || strings.Contains(name, "_dialog_") {
			continue
		}
		maps.Copy(s.Parameters, active.Parameters)
		s.Contexts[name[strings.LastIndexByte(name, '/')+1:]] = Context{active.Lifespan, active.Parameters}
	}
	for _, p := range c.form {
		s.Form[p.Name] = p.State
	}
	for _, p := range c.slotted() {
		if s.Form[p.GetName()] = stateFilled; empty(c.slots.values[p.GetName()]) {
			s.Form[p.GetName()] = stateEmpty
		}
	}
	return s
}
