package dialogflow

import (
	"cmp"
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// MaxAnswer is the size in bytes of the largest answer that Dialogflow takes.
const MaxAnswer = 64 << 10

// API is the version of Dialogflow's API that an agent speaks. It decides what an answer may hold.
type API uint8

// The versions of the API.
const (
	V2      API = iota + 1 // ES
	V2Beta1                // ES with its beta switch on: telephony, hand-off and the end of a conversation
	V3                     // CX
)

// String returns V2, V2BETA1 or V3.
func (a API) String() string {
	switch a {
	case V2:
		return "V2"
	case V2Beta1:
		return "V2BETA1"
	case V3:
		return "V3"
	default:
		return "unknown"
	}
}

// WriteOptions are what an answer depends on beside the turn and the reply.
type WriteOptions struct {
	// API of the agent. On ES everything but V2Beta1 means V2; CX has but one.
	API API
	// Context is the name of the ES context that holds the service's session parameters, usually the service's own.
	Context string
	// ContextLifespan is how many turns that context lives; 0 means 5, which is Dialogflow's own choice.
	ContextLifespan int32
}

const defaultLifespan = 5

// TooLargeError says that an answer is larger than Dialogflow takes.
type TooLargeError struct {
	Size int // bytes
}

// Error tells the size and the limit.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("answer of %d bytes exceeds Dialogflow's %d: say less, or keep the data and send a reference", e.Size, MaxAnswer)
}

// Write turns a reply into the JSON that answers the turn: a WebhookResponse of v2, v2beta1 or CX v3, in its shortest
// form. Only documented fields are written, and none that is empty, so that an empty or nil reply is `{}`.
//
// dropped names, in stable sentences that begin with the field's path in the reply, what the platform or the API version
// cannot express and was left out. What is meant for the other platform, and what is empty, is left out without a word. The
// error is a *TooLargeError, or names
// the part of the reply that JSON cannot hold: NaN, an infinity, a Value of no kind, text that is not UTF-8, nesting
// beyond what a later turn could bring back.
//
// Write keeps neither the turn nor the reply, and is safe for concurrent use.
func Write(turn *Turn, reply *intentgatev1.Reply, opt WriteOptions) (body []byte, dropped []string, err error) {
	w := &writer{turn: turn, reply: reply, opt: opt, b: make([]byte, 0, 768)}
	w.b = append(w.b, '{')
	w.dropUnknown("", reply.ProtoReflect(), replyFields)
	switch turn.Platform {
	case ES:
		if opt.API != V2Beta1 {
			w.opt.API = V2
		}
		w.writeES()
	case CX:
		w.opt.API = V3
		w.writeCX()
	default:
		return nil, nil, fmt.Errorf("turn of platform %d: want ES or CX", turn.Platform)
	}
	w.b = append(w.b, '}')
	if w.err != nil {
		return nil, w.dropped, fmt.Errorf("reply: %w", w.err)
	}
	if len(w.b) > MaxAnswer {
		return nil, w.dropped, &TooLargeError{Size: len(w.b)}
	}
	return w.b, w.dropped, nil
}

// writer builds one answer.
type writer struct {
	turn    *Turn
	reply   *intentgatev1.Reply
	opt     WriteOptions
	b       []byte
	dropped []string
	err     error // the first one
}

// maxDropped is how many sentences tell of what is left out; a reply may have a hundred thousand cards.
const maxDropped = 50

// drop tells of something that is left out.
func (w *writer) drop(format string, args ...any) {
	switch len(w.dropped) {
	case maxDropped:
	case maxDropped - 1:
		w.dropped = append(w.dropped, "reply: more than can be named here")
	default:
		w.dropped = append(w.dropped, fmt.Sprintf(format, args...))
	}
}

// ownField is a field of the contract's whose value a newer contract may have more of: an enum, or a message with its own such fields.
type ownField struct {
	field protoreflect.FieldDescriptor
	inner []ownField
}

// replyFields are those of a Reply.
var replyFields = ownFields((*intentgatev1.Reply)(nil).ProtoReflect().Descriptor())

func ownFields(message protoreflect.MessageDescriptor) []ownField {
	var own []ownField
	for i, fields := 0, message.Fields(); i < fields.Len(); i++ {
		f := fields.Get(i)
		switch {
		case f.Enum() != nil:
			own = append(own, ownField{f, nil})
		case f.Message() != nil && f.Message().ParentFile() == message.ParentFile():
			own = append(own, ownField{f, ownFields(f.Message())})
		}
	}
	return own
}

// dropUnknown tells of what only a newer contract has: fields, and values of enums.
func (w *writer) dropUnknown(path string, m protoreflect.Message, own []ownField) {
	if len(m.GetUnknown()) > 0 {
		w.drop("%s: it has fields that this gateway does not know; its contract is older than the service's", cmp.Or(path, "reply"))
	}
	for _, of := range own {
		f := of.field
		if !m.Has(f) {
			continue
		}
		at, value := strings.TrimPrefix(path+"."+string(f.Name()), "."), m.Get(f)
		switch {
		case f.Enum() != nil:
			if f.Enum().Values().ByNumber(value.Enum()) == nil {
				w.drop("%s: this gateway does not know %d", at, value.Enum())
			}
		case f.IsList():
			for j := range value.List().Len() {
				w.dropUnknown(fmt.Sprintf("%s[%d]", at, j), value.List().Get(j).Message(), of.inner)
			}
		default:
			w.dropUnknown(at, value.Message(), of.inner)
		}
	}
}

// payload writes the payload of the platform or, where there is none, that of both.
func (w *writer) payload(place string, own *structpb.Struct) {
	if own == nil {
		place, own = "payload", w.reply.GetPayload()
	}
	w.object("payload", place, own)
}

// isFor reports whether a message is meant for the platform of the turn.
func (w *writer) isFor(m *intentgatev1.Reply_Message) bool {
	p := m.GetPlatform()
	return p == intentgatev1.Platform_PLATFORM_UNSPECIFIED || p == w.turn.Platform.Proto()
}
