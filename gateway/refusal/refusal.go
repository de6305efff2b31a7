package refusal

import (
	"cmp"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/words"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// Fields tells what the fields of a request are in a turn.
type Fields interface {
	// Field returns what is known of the field that a service calls by a path such as items[0].quantity.
	Field(turn *dialogflow.Turn, path string) binding.Violation
}

// OfStatus returns the answer that the details of a status are, nil where they say nothing for the user; whether the agent asks for
// what was refused by itself, so that it is an answer even if nothing is left of it; and what of the details was ignored, in stable
// sentences. Reopen has ES ask again for what was refused.
func OfStatus(turn *dialogflow.Turn, status []*anypb.Any, fields Fields, reopen bool) (reply *intentgatev1.Reply, asks bool, ignored []string) {
	d := read(status)
	a := answer{turn: turn, words: choose(d.words, turn.Language), reply: d.reply}
	for _, f := range d.fields {
		v := fields.Field(turn, f.path)
		if len(f.words) == 0 {
			a.faults = append(a.faults, reprompted(turn, &v))
			continue
		}
		a.faults = append(a.faults, fault{v.Parameters, choose(f.words, turn.Language)})
	}
	reply, asks = a.whole(reopen)
	return reply, asks, d.ignored
}

// OfViolations returns likewise the answer that values are which do not fit the request.
func OfViolations(turn *dialogflow.Turn, violations []binding.Violation, reopen bool) *intentgatev1.Reply {
	a := answer{turn: turn}
	for i := range violations {
		a.faults = append(a.faults, reprompted(turn, &violations[i]))
	}
	reply, _ := a.whole(reopen) // of which nothing is dropped
	return reply
}

func reprompted(turn *dialogflow.Turn, v *binding.Violation) fault {
	text, _ := v.Reprompt.In(turn.Language)
	return fault{v.Parameters, text}
}

// choose returns the text in a language. If there is none, it is the first: the service chose to say it.
func choose(all []*errdetails.LocalizedMessage, language string) string {
	switch len(all) {
	case 0:
		return ""
	case 1:
		return all[0].GetMessage()
	}
	texts := map[string]string{}
	for _, w := range all {
		name := cmp.Or(w.GetLocale(), words.Default)
		if _, err := words.New(map[string]string{name: w.GetMessage()}); err == nil && texts[name] == "" {
			texts[name] = w.GetMessage()
		}
	}
	known, _ := words.New(texts) // each by itself is good
	if text, ok := known.In(language); ok {
		return text
	}
	return all[0].GetMessage()
}

// fault is what is wrong with a value of the turn.
type fault struct {
	parameters []string // that it came from; empty: none is known
	words      string   // for the user; empty: none
}

// answer is put together of what was said.
type answer struct {
	turn   *dialogflow.Turn
	words  string              // of the status as a whole
	faults []fault             // in order
	reply  *intentgatev1.Reply // of the service; nil: none
}

// whole returns the answer, or nil if the user would neither hear anything nor be asked anything; and whether the agent asks for one
// of the parameters by itself.
//
// The agent asks for what it misses in its own words, and nothing is said of that. What it has is asked for again.
func (a *answer) whole(reopen bool) (reply *intentgatev1.Reply, asks bool) {
	obeyed := a.reply != nil
	if !obeyed {
		a.reply = new(intentgatev1.Reply)
	}
	var texts, refused []string
	asked := 0 // by the agent itself
	for _, f := range a.faults {
		if a.agentAsks(f.parameters) {
			asked++
			continue
		}
		texts = append(texts, f.words)
		refused = append(refused, f.parameters...)
	}
	if obeyed || asked == 0 || asked < len(a.faults) {
		texts = slices.Insert(texts, 0, a.words)
	}
	marked := a.mark(refused)
	a.speak(texts)
	if !obeyed && len(a.reply.GetTexts()) == 0 && !marked && asked == 0 {
		return nil, false
	}
	if reopen && a.turn.Platform == dialogflow.ES {
		a.reply.Contexts = append(a.reply.Contexts, reopened(a.turn, refused)...)
	}
	return a.reply, asked > 0
}

// speak has texts said before those of the service's Reply, and nothing twice.
func (a *answer) speak(texts []string) {
	var heard []string
	for _, m := range a.reply.GetMessages() {
		if variants := m.GetText().GetVariants(); len(variants) == 1 && m.GetChannel() == "" &&
			(m.GetPlatform() == intentgatev1.Platform_PLATFORM_UNSPECIFIED || m.GetPlatform() == a.turn.Platform.Proto()) {
			heard = append(heard, strings.TrimSpace(variants[0]))
		}
	}
	var said []string
	for _, text := range slices.Concat(texts, a.reply.GetTexts()) {
		if plain := strings.TrimSpace(text); plain != "" && !slices.Contains(heard, plain) {
			heard = append(heard, plain)
			said = append(said, text)
		}
	}
	a.reply.Texts = said
}

// mark marks those parameters as invalid that the form of a CX page has a value of, unless the service's Reply tells what
// becomes of them. It reports whether there was one.
func (a *answer) mark(parameters []string) (marked bool) {
	for i := range a.turn.Page.Form {
		p := &a.turn.Page.Form[i]
		if !slices.Contains(parameters, p.Name) || !p.Filled() {
			continue
		}
		marked = true
		if !slices.ContainsFunc(a.reply.GetFormParameters(), func(own *intentgatev1.Reply_FormParameter) bool { return own.GetName() == p.Name }) {
			a.reply.FormParameters = append(a.reply.FormParameters, &intentgatev1.Reply_FormParameter{Name: p.Name, Invalid: true})
		}
	}
	return marked
}

// agentAsks reports whether the agent asks for one of the parameters next, or soon, since it has no value yet: for those that a
// CX form requires, and on ES while slots are being filled. One with a value will not be asked for.
func (a *answer) agentAsks(parameters []string) bool {
	asks := false
	for i := range a.turn.Page.Form {
		p := &a.turn.Page.Form[i]
		switch {
		case !slices.Contains(parameters, p.Name):
		case p.Filled():
			return false
		default:
			asks = asks || p.Required
		}
	}
	if a.turn.FillingSlots {
		for _, name := range parameters {
			switch value := a.turn.Parameters.Get(name); {
			case value == nil:
			case dialogflow.Unset(value):
				asks = true
			default:
				return false
			}
		}
	}
	return asks
}
