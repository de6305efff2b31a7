package binding

import (
	"bytes"
	"fmt"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

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
	input, output protoreflect.MessageDescriptor
	request       *requestPlan // nil: it takes Dialogflow's own request
	answer        *answerPlan  // nil: it answers with Dialogflow's own response
	scratch       sync.Pool    // of *binder
}

// Context returns the name of the ES context that keeps what the service remembers, and for how many turns.
func (m *Method) Context() (name string, lifespan int32) { return m.context, m.lifespan }

// ArgumentError says which field of a request cannot be made of a turn.
type ArgumentError struct {
	Field     string // its path in the request, such as items[1].quantity
	Parameter string // of Dialogflow's, whose value it was to be; empty: none
	// Problem is what was seen and what was wanted. It holds no value of a field that is sensitive; of others it may
	// hold what the user said.
	Problem string
}

// Error returns all of it in one line.
func (e *ArgumentError) Error() string {
	if e.Parameter == "" {
		return fmt.Sprintf("field %s: %s", e.Field, e.Problem)
	}
	return fmt.Sprintf("field %s, from parameter %q: %s", e.Field, e.Parameter, e.Problem)
}

// Call makes the request for a turn. Equal turns give equal bytes. The error is an *ArgumentError.
//
// A Turn among the request's fields goes last, and its id last in it, so that Hashed is what there is without them.
func (m *Method) Call(turn *dialogflow.Turn) (Call, error) {
	if m.request == nil {
		return m.canonicalCall(turn)
	}
	b, _ := m.scratch.Get().(*binder)
	defer m.scratch.Put(b)
	b.reset()
	if err := m.request.write(b, turn); err != nil {
		return Call{}, err
	}
	whole := m.request.turn
	if whole == nil {
		request := bytes.Clone(b.b)
		return Call{Method: m.Name, Request: request, Hashed: request}, nil
	}
	fields := len(b.b)
	message := b.turn(turn, m.context)
	if b.err != nil {
		return Call{}, &ArgumentError{Field: string(whole.Name()), Problem: b.err.Error()}
	}
	inner, err := proto.MarshalOptions{Deterministic: true}.MarshalAppend(b.inner[:0], message)
	if err != nil {
		return Call{}, fmt.Errorf("marshalling a turn: %w", err)
	}
	call := Call{Method: m.Name, Hashed: withTurn(b.b[:fields], whole.Number(), inner)}
	inner = appendTurnID(inner, turn)
	call.Request = withTurn(b.b[:fields], whole.Number(), inner)
	b.inner = inner
	return call, nil
}

// withTurn returns a request of its fields and a turn.
func withTurn(fields []byte, n field, turn []byte) []byte {
	b := make([]byte, 0, maxHeader+len(fields)+len(turn))
	b = append(b, fields...)
	b = protowire.AppendTag(b, n, protowire.BytesType)
	return protowire.AppendBytes(b, turn)
}
