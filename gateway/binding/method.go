package binding

import (
	"bytes"
	"fmt"
	"sync"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/intentgate/intentgate/gateway/binding/rules"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// Method binds turns to one unary RPC of a service's own. It is safe for concurrent use, and not to be changed.
type Method struct {
	Name   string                      // full, such as /shop.orders.v1.OrderService/TrackOrder
	Intent *intentgatev1.IntentOptions // which turns it answers; nil: it does not say

	context       string // of ES, that keeps what the service remembers
	lifespan      int32  // of that context, in turns
	platform      dialogflow.Platform
	idempotent    bool
	input, output protoreflect.MessageDescriptor
	request       *requestPlan // nil: it takes Dialogflow's own request
	answer        *answerPlan  // nil: it answers with Dialogflow's own response
	sensitive     bool
	secrets       []string // parameters that sensitive fields are made of, or that they set
	rules         *rules.Checker
	scratch       sync.Pool // of *binder
}

// Context returns the name of the ES context that keeps what the service remembers, and for how many turns.
func (m *Method) Context() (name string, lifespan int32) { return m.context, m.lifespan }

// SlotFilling reports whether the method is to be called while an ES agent still collects required parameters, too.
func (m *Method) SlotFilling() bool { return m.Intent.GetSlotFilling() }

// ContinueFor is how long a call may take where its answer is fetched later; 0: it never is.
func (m *Method) ContinueFor() time.Duration { return m.Intent.GetContinueFor().AsDuration() }

// Sensitive reports whether a field of the request or of the response is sensitive, or one within.
func (m *Method) Sensitive() bool { return m.sensitive }

// Secrets are the names of the parameters that sensitive fields are made of, or that they set. Names that are normally equal are
// meant as well.
func (m *Method) Secrets() []string { return m.secrets }

// Call makes the request for a turn. Equal turns give equal bytes. The error is an *InvalidError where the turn does not
// fit, or breaks rules of the request; nothing is to be sent then.
func (m *Method) Call(turn *dialogflow.Turn) (Call, error) {
	call, err := m.call(turn)
	if err != nil || m.rules == nil {
		return call, err
	}
	broken, err := m.rules.Check(call.Request)
	switch {
	case err != nil:
		return Call{}, fmt.Errorf("checking the request of %s: %w", m.Name, err)
	case len(broken) > 0:
		return Call{}, m.invalid(turn, broken)
	}
	return call, nil
}

// call makes the request, whatever rules it has.
//
// A Turn among the request's fields goes last, and its id last in it, so that Hashed is what there is without them.
func (m *Method) call(turn *dialogflow.Turn) (Call, error) {
	if m.request == nil {
		return m.canonicalCall(turn)
	}
	b, _ := m.scratch.Get().(*binder)
	defer m.scratch.Put(b)
	b.reset()
	if violations := m.request.write(b, turn); len(violations) > 0 {
		return Call{}, &InvalidError{violations}
	}
	whole := m.request.turn
	if whole == nil {
		request := bytes.Clone(b.b)
		return Call{Method: m.Name, Idempotent: m.idempotent, Request: request, Hashed: request}, nil
	}
	fields := len(b.b)
	b.turn(turn, m.context)
	if b.err != nil {
		return Call{}, &InvalidError{[]Violation{{Field: string(whole.Name()), Problem: b.err.Error()}}}
	}
	return Call{
		Method: m.Name, Idempotent: m.idempotent,
		Hashed: withTurn(b.b[:fields], whole.Number(), b.b[fields:], ""), Request: withTurn(b.b[:fields], whole.Number(), b.b[fields:], turn.ID),
	}, nil
}

// withTurn returns a request of its fields and a turn.
func withTurn(fields []byte, n field, turn []byte, id string) []byte {
	b := make([]byte, 0, 2*maxHeader+len(fields)+len(turn)+len(id))
	return appendTurn(append(b, fields...), n, turn, id)
}
