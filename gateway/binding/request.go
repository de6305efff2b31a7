package binding

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/words"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// requestPlan is how the request of a method is written.
type requestPlan struct {
	messagePlan

	platform dialogflow.Platform
	contexts []string                     // ES: that parameters are looked for in, as places from 1 on
	turn     protoreflect.FieldDescriptor // the field that is the whole turn; nil: none is
}

// messagePlan is how a message is written. The fields of a oneof stand side by side.
type messagePlan struct {
	fields []fieldPlan
}

// fieldPlan is where the value of a field comes from, and how it is written.
type fieldPlan struct {
	descriptor protoreflect.FieldDescriptor
	options    *intentgatev1.ParameterOptions
	nested     *messagePlan // of a message, or of each in a list or map; nil: it is no message, or written in its own way

	name      string
	oneof     protoreflect.Name // empty: none
	required  bool
	sensitive bool
	names     []alias   // whose values must agree, or are joined
	join      *joinPlan // how; nil: they are not
	places    []int     // of the turn, in which names are looked up, best first
	source    source    // instead of names; nil: none
	write     convert   // with its number
	reprompt  *words.Texts
}

// request compiles the message that is a method's request.
func (c *compiler) request(message protoreflect.MessageDescriptor) *requestPlan {
	r := &requestPlan{platform: c.Platform}
	r.messagePlan = messagePlan{fields: c.fields(message, "request", r)}
	r.contexts = c.contexts
	return r
}

// secrets are the names of the parameters that make something sensitive.
func (r *requestPlan) secrets() (names []string) {
	for i := range r.fields {
		if f := &r.fields[i]; f.sensitive || f.nested != nil && f.nested.sensitive(map[*messagePlan]bool{}) {
			for _, name := range f.names {
				names = append(append(names, name.exact...), name.normal...)
			}
		}
	}
	return names
}

// nested compiles a message within the request. A plan is shared by all fields of its type, so that a message may hold
// itself, unless the configuration annotates what stands at this very path.
func (c *compiler) nested(message protoreflect.MessageDescriptor, path string) *messagePlan {
	shared := !c.within(path)
	if plan, ok := c.plans[message.FullName()]; ok && shared {
		return plan
	}
	plan := new(messagePlan)
	if shared {
		c.plans[message.FullName()] = plan
	}
	if c.enter(message) {
		plan.fields = c.fields(message, path, nil)
		c.leave()
	}
	return plan
}

// fields compiles those of a message. The root is nil for a nested one.
func (c *compiler) fields(message protoreflect.MessageDescriptor, path string, root *requestPlan) []fieldPlan {
	var plans []fieldPlan
	all := message.Fields()
	for i := range all.Len() {
		f := all.Get(i)
		if !c.spend(f, 1) {
			break
		}
		at := path + "." + string(f.Name())
		options := c.field(f, at)
		if m := f.Message(); root != nil && m != nil && m.FullName() == turnMessage {
			c.turnField(f, options, root)
			continue
		}
		plan := fieldPlan{
			descriptor: f,
			options:    options,
			name:       string(f.Name()),
			required:   f.Cardinality() == protoreflect.Required,
			sensitive:  options.GetSensitive(),
			reprompt:   c.reprompt(f, options),
		}
		if oneof := f.ContainingOneof(); oneof != nil && !oneof.IsSynthetic() {
			plan.oneof = oneof.Name()
		}
		c.origin(&plan, f, options, root)
		if plan.write, plan.nested = c.convert(f, at); plan.write != nil {
			plans = append(plans, plan)
		}
	}
	slices.SortStableFunc(plans, func(a, b fieldPlan) int { return strings.Compare(string(a.oneof), string(b.oneof)) })
	return plans
}

// turnMessage is the type of a field that is the whole turn.
var turnMessage = new(intentgatev1.Turn).ProtoReflect().Descriptor().FullName()

func (c *compiler) turnField(f protoreflect.FieldDescriptor, options *intentgatev1.ParameterOptions, root *requestPlan) {
	switch {
	case f.IsList() || f.IsMap() || f.ContainingOneof() != nil && !f.ContainingOneof().IsSynthetic():
		c.problem(f, "the whole turn is one, and always there", "let the field be neither repeated nor of a oneof")
	case root.turn != nil:
		c.problem(f, fmt.Sprintf("the field %s is the whole turn already", root.turn.Name()), "remove one of them")
	case len(origins(options))+len(placing(options)) > 0:
		c.problem(f, "a field of type Turn is the whole turn, and comes from nowhere else", "remove its options")
	}
	root.turn = f
}
