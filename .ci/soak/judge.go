package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/simulator"
)

// The rules. A soak that sees one of them broken fails.
const (
	ruleAnswer   = "each try is answered with HTTP 200"
	ruleForm     = "each answer is one that the platform takes"
	ruleWords    = "each user hears the words of their own turn, or the fallback"
	ruleClock    = "each answer comes within the clock"
	ruleHangUp   = "no connection breaks, unless its gateway is killed"
	ruleFair     = "without a fault each turn is answered by the service"
	ruleKey      = "one side effect per idempotency key"
	ruleTurn     = "one side effect per turn, however often it is tried"
	ruleClaim    = "what an answer claims is in the service's journal"
	ruleWell     = "all is well again soon after a fault"
	ruleLeak     = "no goroutine and no descriptor is leaked"
	ruleMemory   = "memory is flat"
	ruleProcess  = "no process ends by itself, or panics"
	ruleStop     = "a gateway that is told to stop ends well"
	ruleReload   = "a reload does as it should"
	ruleCoverage = "the soak has tried what it is for"
)

// question is one call of the webhook: what was sent, and what is to come back.
type question struct {
	api     dialogflow.API
	request []byte
	words   string // what the service says
	// spoilt says that the service's answer is not to be used, or comes too late, so that a fallback is due.
	spoilt bool
	home   *gateway // who has what a turn that continues wants to fetch: no other replica has it; nil: it continues none
}

// verdict is what a try was.
type verdict struct {
	// kind is `service`, `fallback <cause>`, `left`, `cut`, `continues` or `broken`.
	kind string
	rule string // the one that is broken; empty: none
	what string
	// event and parameters of the turn that follows, where it continues.
	event      string
	parameters map[string]any
}

// answered reports whether the agent has something to say.
func (v verdict) answered() bool {
	return v.kind == "service" || v.kind == "continues" || strings.HasPrefix(v.kind, "fallback")
}

const fallbackPrefix = "Fallback: " // of all words of the configuration

// judge tells what came of a try. fair says that no fault was going on, stalled that the machine gave this very program no time
// meanwhile, so that nothing can be said of the clock, and the service may have had none either.
func judge(q question, t try, fair, stalled bool) verdict {
	broken := func(rule, format string, args ...any) verdict {
		return verdict{kind: "broken", rule: rule, what: fmt.Sprintf(format, args...)}
	}
	switch late := errors.Is(t.err, os.ErrDeadlineExceeded) || timedOut(t.err) || t.err == nil && t.took > t.patience; {
	case t.err != nil && t.gateway != nil && t.gateway.killed.Load():
		return verdict{kind: "cut"}
	case t.left && late:
		return verdict{kind: "left"}
	case late && stalled:
		return verdict{kind: "stalled"}
	case late:
		return broken(ruleClock, "no answer within %s: %v", t.patience, t.err)
	case t.err != nil:
		return broken(ruleHangUp, "%v after %s", t.err, t.took)
	case t.status != http.StatusOK:
		return broken(ruleAnswer, "HTTP %d: %.200s", t.status, t.body)
	}
	outcome := simulator.Judge(q.api, q.request, simulator.Answer{Status: t.status, Body: t.body}, nil)
	if !outcome.Accepted || len(outcome.Problems) > 0 {
		return broken(ruleForm, "%v: %.200s", outcome.Problems, t.body)
	}
	if event, parameters := followup(t.body); event != "" {
		if event != continueEvent {
			return broken(ruleWords, "the event %s", event)
		}
		return verdict{kind: "continues", event: event, parameters: parameters}
	}
	heard := strings.Join(outcome.Heard, " ")
	cause, isFallback := strings.CutPrefix(heard, fallbackPrefix)
	switch {
	case heard == q.words && !q.spoilt:
		return verdict{kind: "service"}
	case isFallback && slices.Contains(causes, cause):
		v := verdict{kind: "fallback " + cause}
		if fair && !q.spoilt && !stalled {
			v.rule, v.what = ruleFair, fmt.Sprintf("%s after %s", heard, t.took)
		}
		return v
	default:
		return broken(ruleWords, "heard %.200q, want %q", heard, q.words)
	}
}

func timedOut(err error) bool {
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}

// continueEvent is the event by which a turn of ES goes on, once its clock has run out.
const continueEvent = "intentgate-continue"

func followup(body []byte) (event string, parameters map[string]any) {
	var answer struct {
		Followup struct {
			Name       string         `json:"name"`
			Parameters map[string]any `json:"parameters"`
		} `json:"followupEventInput"`
	}
	_ = json.Unmarshal(body, &answer) // it was accepted
	return answer.Followup.Name, answer.Followup.Parameters
}
