package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// Outcome is what Dialogflow makes of the answer to one turn. What is not documented is judged strictly: an answer that is
// accepted here holds nothing that Dialogflow is known, or can be expected, to refuse.
type Outcome struct {
	// Accepted says that Dialogflow uses the answer. If not, it does what it does when a webhook fails.
	Accepted bool `json:"accepted"`
	// Problems are why it is not accepted or, if it is, what in it has no effect.
	Problems []string `json:"problems,omitempty"`
	// Heard is what the user hears or reads of the webhook's words, in order.
	Heard []string `json:"heard,omitempty"`
	// Effects are the other things that Dialogflow would do, each beginning with a verb.
	Effects []string `json:"effects,omitempty"`
	// Event is the event that CX raises for a failure, which the agent's designer may handle; empty if there is none.
	Event string `json:"event,omitempty"`

	// What a conversation takes over. A lifespan of 0 ends a context, a nil value deletes a parameter.
	contexts   []esContext
	parameters map[string]any
	followup   *followup    // ES; nil: none
	silent     bool         // ES: the agent says its own words instead
	form       []formChange // CX
	target     string       // CX: a page or flow, without the agent's name
	replaces   bool         // CX: the agent's own words are not said
}

// followup is an event that ES goes on with.
type followup struct {
	name, language string
	parameters     map[string]any
}

// Judge tells what an agent of an API makes of what came back for a request: of an answer, or of the error that
// [Client.Call] returned instead.
func Judge(api dialogflow.API, request []byte, answer Answer, err error) Outcome {
	v := verdict{api: api}
	_ = json.Unmarshal(request, &v.asked) // of one that cannot be read nothing is known, and nothing is held against the answer
	switch {
	case err != nil:
		v.refuse("no answer: %s", explain(err))
	case answer.Status != http.StatusOK:
		v.refuse("the HTTP status is %d, 200 is wanted", answer.Status)
	case len(answer.Body) > MaxAnswer:
		v.refuse("the answer is larger than the %d bytes that Dialogflow reads", MaxAnswer)
	case api == dialogflow.V3:
		v.cx(answer.Body)
	default:
		v.es(answer.Body)
	}
	if v.refused {
		v.fail(answer.Status, err)
	}
	v.Accepted = !v.refused
	return v.Outcome
}

// verdict is an Outcome in the making.
type verdict struct {
	Outcome

	api     dialogflow.API
	asked   asked
	refused bool
}

// asked is what a request says of the conversation that its answer may change.
type asked struct {
	Session     string `json:"session"` // ES, as what follows
	QueryResult struct {
		Contexts []esContext `json:"outputContexts"`
	} `json:"queryResult"`
	SessionInfo struct {
		Session    string         `json:"session"`
		Parameters map[string]any `json:"parameters"`
	} `json:"sessionInfo"` // CX, as the rest
	PageInfo struct {
		CurrentPage string `json:"currentPage"`
		FormInfo    struct {
			Parameters []struct {
				Name     string `json:"displayName"`
				State    string `json:"state"`
				Required bool   `json:"required"`
			} `json:"parameterInfo"`
		} `json:"formInfo"`
	} `json:"pageInfo"`
}

func (v *verdict) refuse(format string, args ...any) {
	v.refused = true
	v.note(format, args...)
}

func (v *verdict) note(format string, args ...any) {
	v.Problems = append(v.Problems, fmt.Sprintf(format, args...))
}

func (v *verdict) effect(format string, args ...any) {
	v.Effects = append(v.Effects, fmt.Sprintf(format, args...))
}

// fail makes the outcome that of a webhook that failed: nothing of the answer counts.
func (v *verdict) fail(status int, err error) {
	v.Outcome = Outcome{Problems: v.Problems}
	if v.silent = v.api != dialogflow.V3; v.silent {
		v.effect("say the intent's own responses")
		v.effect(`tell the API's caller "Webhook call failed", status 206`)
		return
	}
	switch {
	case timedOut(err):
		v.Event = "webhook.error.timeout"
	case err != nil:
		v.Event = "webhook.error.not-found"
	default:
		v.Event = binding.CXEvent(status)
	}
	v.effect("raise the event %s", v.Event)
}

func timedOut(err error) bool {
	var network net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout()
}

// decode reads an answer as Dialogflow does: a field that it does not know, or of another type, spoils all of it.
func (v *verdict) decode(body []byte, into proto.Message) bool {
	err := protojson.Unmarshal(body, into)
	if err != nil {
		// protobuf varies its own prefix on purpose.
		text := strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\u00a0", " "), "proto: ")
		v.refuse("it is no %s in JSON: %s", into.ProtoReflect().Descriptor().FullName(), text)
	}
	return err == nil
}

// kind is which of its kinds a message is, by its name in JSON; empty if it is none.
func kind(message proto.Message) string {
	m := message.ProtoReflect()
	if field := m.WhichOneof(m.Descriptor().Oneofs().ByName("message")); field != nil {
		return field.JSONName()
	}
	return ""
}

// names lists the keys of a map.
func names[V any](m map[string]V) string {
	if len(m) == 0 {
		return "nothing"
	}
	return strings.Join(slices.Sorted(maps.Keys(m)), ", ")
}

// compactJSON is a value in one line.
func compactJSON(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
