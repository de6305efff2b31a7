package dialogflow_test

import (
	"math"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// The turns that the replies answer, as Dialogflow writes them. The replies name what is in them: contexts, the form, the agent.
const (
	answerableES = `{
  "responseId": "r-1",
  "session": "projects/shop/agent/sessions/s-1",
  "queryResult": {
    "queryText": "hello", "languageCode": "en", "intent": {"displayName": "order.track"},
    "outputContexts": [
      {"name": "projects/shop/agent/sessions/s-1/contexts/shop-orders", "lifespanCount": 3, "parameters": {
        "size": "M", "size.original": "medium", "big": 9007199254740993, "price": {"amount": 24795.0}, "note\u0027s": [1.616583749E9]}},
      {"name": "projects/shop/agent/sessions/s-1/contexts/checkout", "lifespanCount": 1}
    ]
  }
}`
	answerableCX = `{
  "detectIntentResponseId": "r-1", "text": "hello", "languageCode": "en", "fulfillmentInfo": {"tag": "track-order"},
  "pageInfo": {
    "currentPage": "projects/shop/locations/global/agents/a/flows/f/pages/p",
    "formInfo": {"parameterInfo": [
      {"displayName": "size", "required": true, "state": "FILLED", "value": "M"},
      {"displayName": "note's", "state": "FILLED", "value": {"amount": 9007199254740993.0}},
      {"displayName": "colour", "required": true, "state": "EMPTY"},
      {"displayName": "count", "required": true, "state": "INVALID", "value": 7.0}]}},
  "sessionInfo": {"session": "projects/shop/locations/global/agents/a/sessions/s-1", "parameters": {"size": "M"}}
}`
	// answerableContext is the name of the context that holds the session parameters on ES.
	answerableContext = "shop-orders"
)

// replyWords are what texts, names and URIs are made of.
var replyWords = strings.Split(`Hello|size|size.original|colour|note's|weight|shop-orders|Shop-Orders|checkout|a b|ü|`+
	`pages/p2|flows/f2|flows/f2/pages/p2|pages/END_SESSION|pages/|flows/f2/pages/|pages/p2/pages/p3|projects/shop/locations/global/agents/a/flows/f2/pages/p2|`+
	`projects/shop/locations/global/agents/a/flows/f2|projects/shop/locations/global/agents/b/flows/f2|`+
	`projects/shop/agent/sessions/s-1/contexts/checkout|projects/shop/agent/sessions/s-2/contexts/checkout|projects/shop/agent/sessions/s-1/entityTypes/order|`+
	`SLACK|TELEPHONY|telephony|PLATFORM_UNSPECIFIED|GOOGLE_HANGOUTS|en|EN|de|+15550100|https://shop.example/a.png|gs://shop/a.wav|`+
	`<speak>Hello</speak>|"}|\|%|@type|null|7.0|`+"\x00|\u2028|\U0001f600|__system_counters__|"+strings.Repeat("x", 251)+`|`, "|")

// madeReply is a reply out of data, in which any field may be, with a value that is usual, odd or wrong: the same of the same. Data
// that end early make a small one.
func madeReply(data []byte) *intentgatev1.Reply {
	reply := new(intentgatev1.Reply)
	(&source{data}).message(reply.ProtoReflect())
	return reply
}

// source is what is left of the data.
type source struct{ data []byte }

// pick returns a number below n; 0 when the data have ended.
func (s *source) pick(n int) int {
	if len(s.data) == 0 {
		return 0
	}
	b := s.data[0]
	s.data = s.data[1:]
	return int(b) % n
}

func (s *source) word() string { return replyWords[s.pick(len(replyWords))] }

func (s *source) message(m protoreflect.Message) {
	switch known := m.Interface().(type) {
	case *structpb.Struct:
		s.object(known)
		return
	case *structpb.Value:
		known.Kind = s.value(0).GetKind()
		return
	}
	fields := m.Descriptor().Fields()
	for range s.pick(8) {
		f := fields.Get(s.pick(fields.Len()))
		if !f.IsList() {
			m.Set(f, s.scalar(f, m.NewField(f)))
			continue
		}
		list := m.Mutable(f).List()
		for range 1 + s.pick(3) {
			list.Append(s.scalar(f, list.NewElement()))
		}
	}
	if s.pick(50) == 49 {
		m.SetUnknown(protoreflect.RawFields{0xa0, 0x3f, 0x01}) // field 1012
	}
}

// scalar returns a value for a field, or for an element of it; fresh is an empty one.
func (s *source) scalar(f protoreflect.FieldDescriptor, fresh protoreflect.Value) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(s.word())
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32([]int32{5, 0, -1, 1, math.MaxInt32, math.MinInt32}[s.pick(6)])
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum([]protoreflect.EnumNumber{1, 2, 1, 2, 0, 7, -1}[s.pick(7)])
	case protoreflect.MessageKind:
		s.message(fresh.Message())
		return fresh
	default:
		panic("a Reply has a field of kind " + f.Kind().String() + " now: make values for it")
	}
}

func (s *source) object(o *structpb.Struct) {
	for range s.pick(4) {
		if o.Fields == nil {
			o.Fields = map[string]*structpb.Value{}
		}
		o.Fields[s.word()] = s.value(0)
	}
}

func (s *source) value(depth int) *structpb.Value {
	switch kind := s.pick(64); {
	case kind < 24:
		return structpb.NewStringValue(s.word())
	case kind < 36:
		return structpb.NewNumberValue([]float64{7, 0, 1.5, -1, 1e21, 1e-7, 1 << 53, math.MaxFloat64, math.Copysign(0, -1)}[s.pick(9)])
	case kind < 40:
		return structpb.NewBoolValue(s.pick(2) == 1)
	case kind < 46:
		return structpb.NewNullValue()
	case kind < 54 && depth < 40:
		o := new(structpb.Struct)
		s.object(o)
		return structpb.NewStructValue(o)
	case kind < 62 && depth < 40:
		list := new(structpb.ListValue)
		for range s.pick(4) {
			list.Values = append(list.Values, s.value(depth+1))
		}
		return structpb.NewListValue(list)
	case kind == 62: // too deep, perhaps
		v := structpb.NewNumberValue(1)
		for range 26 + s.pick(8) {
			v = structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{v}})
		}
		return v
	default:
		return []*structpb.Value{{}, structpb.NewNumberValue(math.NaN()), structpb.NewNumberValue(math.Inf(1)), structpb.NewStringValue("")}[s.pick(4)]
	}
}
