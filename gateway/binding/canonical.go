package binding

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// maxLost is how many fields that got lost are named, maxName how much of each name.
const (
	maxLost = 100
	maxName = 64
)

// canonicalPlatform returns which edition of Dialogflow has a message as its own webhook request, or response; 0: none.
func canonicalPlatform(message protoreflect.MessageDescriptor, kind string) dialogflow.Platform {
	switch name, _ := strings.CutPrefix(string(message.FullName()), "google.cloud.dialogflow."); name {
	case "v2.Webhook" + kind, "v2beta1.Webhook" + kind:
		return dialogflow.ES
	case "cx.v3.Webhook" + kind:
		return dialogflow.CX
	default:
		return 0
	}
}

// canonical reports whether a method takes, or answers with, Dialogflow's own message.
func (c *compiler) canonical(message protoreflect.MessageDescriptor, kind string) bool {
	platform := canonicalPlatform(message, kind)
	if platform != 0 && platform != c.Platform {
		c.problem(message, fmt.Sprintf("is the message of %s, and the method answers turns of %s", platform, c.Platform),
			"take the names of the other platform out of the annotation, or bind a method for each")
	}
	return platform != 0
}

// canonicalCall makes the request of a method that takes Dialogflow's own: the body, as the service's descriptor reads it.
func (m *Method) canonicalCall(turn *dialogflow.Turn) (Call, error) {
	request := dynamicpb.NewMessage(m.input)
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(turn.Body, request); err != nil {
		return Call{}, &InvalidError{[]Violation{{Field: string(m.input.FullName()), Problem: "the body is none: " + err.Error()}}}
	}
	marshal := proto.MarshalOptions{Deterministic: true}
	call := Call{Method: m.Name, Idempotent: m.idempotent, Lost: lost(turn.Body, m.input)}
	var err error
	if call.Request, err = marshal.Marshal(request); err != nil {
		return Call{}, fmt.Errorf("marshalling a %s: %w", m.input.FullName(), err)
	}
	for _, id := range []protoreflect.Name{"response_id", "detect_intent_response_id"} {
		if field := m.input.Fields().ByName(id); field != nil {
			request.Clear(field)
		}
	}
	if call.Hashed, err = marshal.Marshal(request); err != nil {
		return Call{}, fmt.Errorf("marshalling a %s: %w", m.input.FullName(), err)
	}
	return call, nil
}

// canonicalAnswer makes Dialogflow's JSON of a response that is Dialogflow's own. It costs what protojson costs.
func (m *Method) canonicalAnswer(response []byte) (Answer, error) {
	message, err := dynamic(m.output, response)
	if err != nil {
		return Answer{}, fmt.Errorf("response of %d bytes is no %s: %w", len(response), m.output.FullName(), err)
	}
	text, err := protojson.Marshal(message)
	if err != nil {
		return Answer{}, fmt.Errorf("response cannot be written as JSON: %w", err)
	}
	body := jsontext.Value(text)
	if err := body.Compact(); err != nil { // protojson varies its white space on purpose
		return Answer{}, fmt.Errorf("response is no JSON: %w", err)
	}
	if len(body) > dialogflow.MaxAnswer {
		return Answer{}, &dialogflow.TooLargeError{Size: len(body)}
	}
	return Answer{JSON: body}, nil
}

// dynamic reads a message by its descriptor. The library panics over bytes that no encoder writes, such as an entry of a map
// with a second key of another type: they are an error like any other.
func dynamic(of protoreflect.MessageDescriptor, b []byte) (message *dynamicpb.Message, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("the parser panicked: %v", panicked)
		}
	}()
	message = dynamicpb.NewMessage(of)
	return message, proto.Unmarshal(b, message)
}

// lost names what of a body a message has no place for: fields and enum values that its proto does not know, as paths
// such as messages[].source, each once.
func lost(body []byte, message protoreflect.MessageDescriptor) []string {
	var l losses
	l.message(&cursor{b: body}, message, "")
	return l.paths
}

type losses struct{ paths []string }

// short cuts a stranger's name.
func short(name string) string {
	if len(name) > maxName {
		return strings.ToValidUTF8(name[:maxName], "")
	}
	return name
}

func (l *losses) add(path string) {
	if len(l.paths) < maxLost && !slices.Contains(l.paths, path) {
		l.paths = append(l.paths, path)
	}
}

func (l *losses) message(c *cursor, message protoreflect.MessageDescriptor, path string) {
	if strings.HasPrefix(string(message.FullName()), "google.protobuf.") || c.next() != '{' {
		c.value() // a form of its own: Struct, Timestamp, Any
		return
	}
	for c.enter(); c.more(); {
		name, _, _ := unquoted(nil, c.value())
		field := message.Fields().ByJSONName(string(name))
		if field == nil {
			field = message.Fields().ByName(protoreflect.Name(name))
		}
		at := strings.TrimPrefix(path+"."+short(string(name)), ".")
		if field == nil {
			l.add(at)
			c.value()
			continue
		}
		l.field(c, field, at)
	}
}

func (l *losses) field(c *cursor, field protoreflect.FieldDescriptor, path string) {
	switch first := c.next(); {
	case first == '[' && field.IsList():
		for c.enter(); c.more(); {
			l.element(c, field, path+"[]")
		}
	case first == '{' && field.IsMap():
		for c.enter(); c.more(); {
			c.value()
			l.element(c, field.MapValue(), path+"[]")
		}
	default:
		l.element(c, field, path)
	}
}

func (l *losses) element(c *cursor, field protoreflect.FieldDescriptor, path string) {
	switch {
	case field.Message() != nil:
		l.message(c, field.Message(), path)
	case field.Enum() != nil && c.next() == '"':
		if name, _, _ := unquoted(nil, c.value()); field.Enum().Values().ByName(protoreflect.Name(name)) == nil {
			l.add(path)
		}
	default:
		c.value()
	}
}
