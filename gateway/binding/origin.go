package binding

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// The places of parameters on CX, as intentgate.v1.ParameterOptions.From counts them from 1 on. On ES the intent's own
// are place 0, followed by the contexts that fields name.
const cxPlaces = int(intentgatev1.ParameterOptions_FROM_SESSION)

// origin compiles where a field comes from.
func (c *compiler) origin(plan *fieldPlan, f protoreflect.FieldDescriptor, o *intentgatev1.ParameterOptions, root *requestPlan) {
	elsewhere, placed := o.GetSource() != 0 || o.GetPayload() != "", placing(o)
	names := slices.Concat(o.GetParameter(), o.GetJoin(), o.GetFromContext())
	if o.GetPayload() != "" {
		names = strings.Split(o.GetPayload(), ".")
	}
	if slices.Contains(names, "") {
		c.problem(f, "a name is empty", "write it, or remove it")
	}
	switch given := origins(o); {
	case len(given) > 1:
		c.problem(f, strings.Join(given, " and ")+" are given", "say where it comes from in one way")
	case elsewhere && len(placed) > 0:
		c.problem(f, placed[0]+" is given for a field that is no parameter", "remove it")
	case root == nil && (elsewhere || len(placed) > 0):
		c.problem(f, append(given, placed...)[0]+" is given within a nested message", "only fields of the request itself come from elsewhere")
	}
	if elsewhere {
		plan.source = c.source(f, o)
		return
	}
	switch {
	case len(o.GetJoin()) > 0:
		plan.join = c.joining(f, o.GetJoin())
		plan.names = aliases(o.GetJoin())
	case len(o.GetParameter()) > 0:
		plan.names = aliases(o.GetParameter())
	default:
		plan.names = []alias{ownNames(f, root == nil)}
	}
	plan.places = []int{0}
	if root != nil {
		plan.places = c.places(f, o)
	}
}

// origins names the options given that say where a field comes from.
func origins(o *intentgatev1.ParameterOptions) []string {
	return given(o, "parameter", "join", "source", "payload")
}

// placing names those that say in which places of the turn.
func placing(o *intentgatev1.ParameterOptions) []string { return given(o, "from", "from_context") }

// given returns those of an option's members that are set.
func given(o *intentgatev1.ParameterOptions, members ...protoreflect.Name) (names []string) {
	m := o.ProtoReflect()
	for _, name := range members {
		if m.Has(m.Descriptor().Fields().ByName(name)) {
			names = append(names, string(name))
		}
	}
	return names
}

// places are where a field of the request looks for parameters, best first.
func (c *compiler) places(f protoreflect.FieldDescriptor, o *intentgatev1.ParameterOptions) []int {
	var cx []int
	for place := 1; place <= cxPlaces; place++ {
		if len(o.GetFrom()) == 0 || slices.Contains(o.GetFrom(), intentgatev1.ParameterOptions_From(place)) {
			cx = append(cx, place)
		}
	}
	for _, from := range o.GetFrom() {
		if from < 1 || int(from) > cxPlaces {
			c.problem(f, fmt.Sprintf("from has the value %s, which this gateway does not know", from), "say FROM_FORM, FROM_INTENT or FROM_SESSION")
		}
	}
	es := []int{0}
	for _, context := range o.GetFromContext() {
		at := slices.IndexFunc(c.contexts, func(known string) bool { return strings.EqualFold(known, context) })
		if at < 0 {
			at = len(c.contexts)
			c.contexts = append(c.contexts, context)
		}
		es = append(es, at+1)
	}
	if c.Platform == dialogflow.CX {
		return cx
	}
	return es
}

// source finds a value of the turn that is no parameter, as JSON; nil where it is not there.
type source func(b *binder, turn *dialogflow.Turn) []byte

// sources are texts of a turn; a confidence is a number in a text, which fields of numbers take as well.
var sources = map[intentgatev1.ParameterOptions_Source]func(turn *dialogflow.Turn) string{
	intentgatev1.ParameterOptions_SOURCE_LANGUAGE: func(turn *dialogflow.Turn) string { return turn.Language },
	intentgatev1.ParameterOptions_SOURCE_SESSION:  func(turn *dialogflow.Turn) string { return turn.Session.Name },
	intentgatev1.ParameterOptions_SOURCE_CHANNEL:  func(turn *dialogflow.Turn) string { return turn.Channel.Source },
	intentgatev1.ParameterOptions_SOURCE_EVENT:    func(turn *dialogflow.Turn) string { return did(turn, dialogflow.EventInput) },
	intentgatev1.ParameterOptions_SOURCE_QUERY_TEXT: func(turn *dialogflow.Turn) string {
		return did(turn, dialogflow.TextInput, dialogflow.TranscriptInput)
	},
	intentgatev1.ParameterOptions_SOURCE_CONFIDENCE: func(turn *dialogflow.Turn) string {
		if turn.Intent.Confidence == 0 {
			return "" // left out of the request
		}
		return strconv.FormatFloat(turn.Intent.Confidence, 'g', -1, 64)
	},
}

// did is what the user did, if it is of one of the kinds.
func did(turn *dialogflow.Turn, kinds ...dialogflow.InputKind) string {
	if slices.Contains(kinds, turn.Input.Kind) {
		return turn.Input.Text
	}
	return ""
}

func (c *compiler) source(f protoreflect.FieldDescriptor, o *intentgatev1.ParameterOptions) source {
	if path := o.GetPayload(); path != "" {
		names := aliases(strings.Split(path, "."))
		return func(b *binder, turn *dialogflow.Turn) []byte {
			raw := []byte(turn.Channel.Payload)
			for i := range names {
				raw = names[i].in(b.spread(raw)).value
			}
			return raw
		}
	}
	text := sources[o.GetSource()]
	if text == nil {
		c.problem(f, fmt.Sprintf("source has the value %s, which this gateway does not know", o.GetSource()), "upgrade the gateway")
	}
	return func(b *binder, turn *dialogflow.Turn) []byte {
		quoted, _ := jsontext.AppendQuote(b.kept, text(turn)) // of what is no UTF-8, as much as can be said
		return b.keep(quoted)
	}
}
