package binding

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/intentgate/intentgate/gateway/binding/rules"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// Description says, for people and for tools, what a method takes of a turn and what becomes of its response.
type Description struct {
	Request  []RequestField  // in the order of the proto, each message before what is in it; the whole turn last
	Response []ResponseField // in the order of the proto, those that leave the house
}

// RequestField is where one field of a request comes from.
type RequestField struct {
	Path string `json:"path"` // such as order_id or items.quantity
	Type string `json:"type"` // as the proto has it, such as string, repeated shop.orders.v1.Item or google.type.Date
	// From is the kind of its origin: parameter, join, payload, turn; or a source, such as language or query_text. Within a
	// message, parameters are members of its object.
	From string `json:"from"`
	// Names are of its parameters: alternatives, or those that are joined; of payload, the path.
	Names []string `json:"names,omitempty"`
	// ES and CX are where parameters are looked for, best first: form, intent, session, or `context NAME`. One is empty, as a
	// method is compiled for the other.
	ES        []string `json:"es,omitempty"`
	CX        []string `json:"cx,omitempty"`
	Words     []string `json:"words,omitempty"`    // that an enum takes, synonyms last
	Rules     []string `json:"rules,omitempty"`    // the names of its rules of buf.validate, which are checked before the call
	Reprompt  bool     `json:"reprompt,omitempty"` // the user hears a text of its own where its value will not do
	Required  bool     `json:"required,omitempty"`
	Sensitive bool     `json:"sensitive,omitempty"`
}

// ResponseField is what becomes of one field of a response.
type ResponseField struct {
	Path      string `json:"path"`                       // such as status or order.status
	Type      string `json:"type"`                       // as the proto has it
	Text      bool   `json:"text,omitempty"`             // it is said
	Set       string `json:"set,omitempty"`              // the parameter that remembers it
	Clear     bool   `json:"clear_when_unset,omitempty"` // where it is absent, the parameter is forgotten
	Reply     bool   `json:"reply,omitempty"`            // it is obeyed
	Sensitive bool   `json:"sensitive,omitempty"`
}

// maxDescribed is how many fields a description has at most before it leaves out what is in messages: messages of
// messages are more than anybody reads.
const maxDescribed = 500

// Describe returns what a method takes of a turn, nothing where that is Dialogflow's own request; and what becomes of its
// response, nothing where that is Dialogflow's own.
func (m *Method) Describe() Description {
	var d Description
	if m.request != nil {
		m.request.describe(&d, &m.request.messagePlan, nil, RequestField{})
		if turn := m.request.turn; turn != nil {
			d.Request = append(d.Request, RequestField{Path: string(turn.Name()), Type: string(turnMessage), From: "turn"})
		}
	}
	if m.answer != nil {
		m.answer.describe(&d, ResponseField{})
	}
	return d
}

// describe adds the fields of a message within a field, which is none for the response itself.
func (p *answerPlan) describe(all *Description, in ResponseField) {
	for i := range p.fields {
		f := &p.fields[i]
		d := ResponseField{
			Path: strings.TrimPrefix(in.Path+"."+string(f.descriptor.Name()), "."), Type: typeOf(f.descriptor), Reply: f.reply, Text: f.options.GetText(),
			Set: f.options.GetSet(), Clear: f.options.GetClearWhenUnset(), Sensitive: f.options.GetSensitive() || in.Sensitive,
		}
		if f.reply || f.options.GetText() || f.value != nil {
			all.Response = append(all.Response, d)
		}
		if f.inside != nil && len(all.Response) < maxDescribed {
			f.inside.describe(all, d)
		}
	}
}

// describe adds the fields of a message, which is the request or that of a field within the messages around it.
func (r *requestPlan) describe(all *Description, message *messagePlan, around []*messagePlan, in RequestField) {
	fields := slices.Clone(message.fields)
	slices.SortFunc(fields, func(a, b fieldPlan) int { return a.descriptor.Index() - b.descriptor.Index() })
	around = append(slices.Clip(around), message)
	for i := range fields {
		f := &fields[i]
		d := RequestField{
			Path: strings.TrimPrefix(in.Path+"."+f.name, "."), Type: typeOf(f.descriptor), From: "parameter", Names: f.parameters(),
			Rules: rules.Names(f.descriptor), Reprompt: f.reprompt != nil, Required: f.required, Sensitive: f.sensitive || in.Sensitive,
		}
		d.Required = d.Required || slices.Contains(d.Rules, rules.Required)
		switch {
		case f.join != nil:
			d.From = "join"
		case f.options.GetPayload() != "":
			d.From, d.Names = "payload", []string{f.options.GetPayload()}
		case f.source != nil:
			d.From = strings.ToLower(strings.TrimPrefix(f.options.GetSource().String(), "SOURCE_"))
		}
		if in.Path == "" && f.source == nil {
			places := map[dialogflow.Platform]*[]string{dialogflow.ES: &d.ES, dialogflow.CX: &d.CX}[r.platform]
			for _, place := range f.places {
				*places = append(*places, r.placeName(place))
			}
		}
		if enum := f.descriptor.Enum(); enum != nil {
			d.Words = append(offered(enum), synonyms(enum)...)
		}
		all.Request = append(all.Request, d)
		if f.nested != nil && !slices.Contains(around, f.nested) && len(all.Request) < maxDescribed {
			r.describe(all, f.nested, around, d)
		}
	}
}

// placeName names a place of the turn.
func (r *requestPlan) placeName(place int) string {
	switch {
	case r.platform == dialogflow.CX:
		return strings.ToLower(strings.TrimPrefix(intentgatev1.ParameterOptions_From(place).String(), "FROM_")) //nolint:gosec // at most 3
	case place == 0:
		return "intent"
	default:
		return "context " + r.contexts[place-1]
	}
}

// typeOf names the type of a field as a proto writes it.
func typeOf(f protoreflect.FieldDescriptor) string {
	single := func(f protoreflect.FieldDescriptor) string {
		switch {
		case f.Enum() != nil:
			return string(f.Enum().FullName())
		case f.Message() != nil:
			return string(f.Message().FullName())
		default:
			return f.Kind().String()
		}
	}
	switch {
	case f.IsMap():
		return fmt.Sprintf("map<%s, %s>", f.MapKey().Kind(), single(f.MapValue()))
	case f.IsList():
		return "repeated " + single(f)
	default:
		return single(f)
	}
}
