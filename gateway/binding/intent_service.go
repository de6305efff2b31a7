package binding

import (
	"fmt"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// Call is one call of a method, ready to be sent.
type Call struct {
	Method  string // full, such as /intentgate.v1.IntentService/Fulfill
	Request []byte // the request message in protobuf's wire format
	// Hashed is Request without what differs between two tries of one turn, or only repeats it: the turn's id and the
	// webhook's JSON. It goes into the request id.
	Hashed []byte
	// Idempotent says that the method may be called again with the same request: so says its idempotency_level.
	Idempotent bool
	// Lost names what of the webhook's JSON the request has no place for; only where that is Dialogflow's own message.
	Lost []string
}

// Answer is what a method answers: a reply to be written, perhaps nil, or else Dialogflow's JSON already.
type Answer struct {
	Reply *intentgatev1.Reply
	JSON  []byte
}

// IntentService binds turns to IntentService.Fulfill. It is safe for concurrent use.
type IntentService struct {
	options IntentServiceOptions
	scratch sync.Pool // of *binder
}

// IntentServiceOptions say how turns are put to IntentService.
type IntentServiceOptions struct {
	Context          string // the name of the ES context that holds the service's session parameters
	WebhookJSON      bool   // is in each request, too
	AfterSlotFilling bool   // it is not called while an ES agent still collects required parameters
	// ContinueFor is how long a call may take where its answer is fetched later; 0: it never is.
	ContinueFor time.Duration
}

// NewIntentService returns the binding of one service.
func NewIntentService(options IntentServiceOptions) *IntentService {
	return &IntentService{options: options, scratch: sync.Pool{New: func() any { return new(binder) }}}
}

// SlotFilling reports whether the service is to be called while an ES agent still collects required parameters, too.
func (s *IntentService) SlotFilling() bool { return !s.options.AfterSlotFilling }

// Sensitive reports that nothing is known to be.
func (s *IntentService) Sensitive() bool { return false }

// ContinueFor is how long a call may take where its answer is fetched later; 0: it never is.
func (s *IntentService) ContinueFor() time.Duration { return s.options.ContinueFor }

// Context returns the name of the ES context that keeps what the service remembers. Its lifespan is Dialogflow's choice.
func (s *IntentService) Context() (name string, lifespan int32) { return s.options.Context, 0 }

// The fields of FulfillRequest.
const (
	requestTurn        field = 1
	requestParameters  field = 2
	requestWebhookJSON field = 3
)

// Call makes the request for a turn. Equal turns give equal bytes.
// The error names the value that cannot be converted, which a turn from dialogflow.Read never has.
//
// The turn is written once, without its id. Fields of a message may come in any order, so that the id is put after the rest of the
// turn and the JSON after the rest of the request, and Hashed is what stands there without them.
func (s *IntentService) Call(turn *dialogflow.Turn) (Call, error) {
	b, _ := s.scratch.Get().(*binder)
	defer s.scratch.Put(b)
	c := &b.values
	c.reset()
	c.turn(turn, s.options.Context)
	fields := len(c.b)
	c.parameters(requestParameters, Parameters(turn))
	if c.err != nil {
		return Call{}, c.err
	}
	inner, parameters := c.b[:fields], c.b[fields:]
	call := Call{
		Method: intentgatev1.IntentService_Fulfill_FullMethodName,
		Hashed: request(inner, "", parameters, 0),
	}
	if !s.options.WebhookJSON {
		call.Request = request(inner, turn.ID, parameters, 0)
		return call, nil
	}
	call.Request = request(inner, turn.ID, parameters, maxHeader+len(turn.Body))
	call.Request = protowire.AppendTag(call.Request, requestWebhookJSON, protowire.BytesType)
	call.Request = protowire.AppendBytes(call.Request, turn.Body)
	return call, nil
}

// maxHeader is how long a field's number and length are at most, for the fields here.
const maxHeader = 8

// request returns a FulfillRequest of a turn and its parameters, the field and all, with room for more.
func request(turn []byte, id string, parameters []byte, more int) []byte {
	b := make([]byte, 0, 2*maxHeader+len(turn)+len(id)+len(parameters)+more)
	return append(appendTurn(b, requestTurn, turn, id), parameters...)
}

// Answer reads a FulfillResponse. The reply is nil if the service gave none; bytes that are no FulfillResponse are an
// error, and the service's fault.
func (s *IntentService) Answer(response []byte) (Answer, error) {
	message := new(intentgatev1.FulfillResponse)
	if err := proto.Unmarshal(response, message); err != nil {
		return Answer{}, fmt.Errorf("response of %d bytes is no %s: %w", len(response), message.ProtoReflect().Descriptor().FullName(), err)
	}
	return Answer{Reply: message.GetReply()}, nil
}
