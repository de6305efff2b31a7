package binding

import (
	"fmt"
	"slices"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// replyMessage is the type of a field that is obeyed.
var replyMessage = new(intentgatev1.Reply).ProtoReflect().Descriptor().FullName()

// answerPlan is what becomes of a message in a response. Only fields that say what becomes of them leave the house.
type answerPlan struct {
	fields []answerField // in the order of the proto
	sets   bool          // one of them, or of those within, is remembered or a Reply
}

// answerField is a field that leaves the house, or in which there are some that do.
type answerField struct {
	descriptor protoreflect.FieldDescriptor
	options    *intentgatev1.ParameterOptions
	reply      bool
	value      valuer      // that is remembered; nil: it is not
	inside     *answerPlan // of the message that it is; nil: none, or nothing in it leaves the house
}

// answerCompiler finds the fields of a response that leave the house.
type answerCompiler struct {
	*compiler

	plans   map[protoreflect.FullName]*answerPlan
	objects map[protoreflect.FullName]*objectPlan // of messages that are remembered
	around  []protoreflect.FullName               // the messages around the next field: what holds itself is not looked into
	set     map[string]string                     // by the parameter's name: the field that sets it
	reply   string                                // the field that is a Reply
}

// answer compiles the message that is a method's response, and returns the parameters that it sets, too.
func (c *compiler) answer(response protoreflect.MessageDescriptor) (plan *answerPlan, set map[string]string) {
	find := answerCompiler{
		compiler: c, plans: map[protoreflect.FullName]*answerPlan{}, objects: map[protoreflect.FullName]*objectPlan{}, set: map[string]string{},
	}
	return find.message(response, "response"), find.set
}

// message compiles one within the response. A plan is shared by all fields of its type, unless the configuration annotates
// what stands at this very path.
func (c *answerCompiler) message(message protoreflect.MessageDescriptor, path string) *answerPlan {
	plan, name, shared := new(answerPlan), message.FullName(), !c.within(path)
	if shared && slices.Contains(c.around, name) {
		return plan
	}
	if known := c.plans[name]; known != nil && shared {
		if known.sets {
			c.problem(message, "it is more than once in the response, and what its fields set can be set once",
				"annotate fields of the response itself, or use a message for each")
		}
		return known
	}
	if shared {
		c.plans[name] = plan
	}
	if !c.enter(message) {
		return plan
	}
	defer c.leave()
	c.around = append(c.around, name)
	for i := range message.Fields().Len() {
		f := message.Fields().Get(i)
		if !c.spend(f, 1) {
			break
		}
		field := c.answerField(f, path+"."+string(f.Name()))
		if field.reply || field.options.GetText() || field.value != nil || field.inside != nil {
			plan.fields = append(plan.fields, field)
			plan.sets = plan.sets || field.reply || field.options.GetSet() != "" || field.inside != nil && field.inside.sets
		}
	}
	c.around = c.around[:len(c.around)-1]
	return plan
}

func (c *answerCompiler) answerField(f protoreflect.FieldDescriptor, path string) answerField {
	options, message := c.field(f, path), f.Message()
	field := answerField{descriptor: f, options: options, reply: message != nil && message.FullName() == replyMessage}
	one := f.Kind() != protoreflect.GroupKind && !f.IsList() && !f.IsMap()
	switch {
	case field.reply && (!one || options.GetSet() != ""):
		c.problem(f, "a Reply is obeyed", "let it be neither a list nor the value of a parameter")
	case field.reply && c.reply != "":
		c.problem(f, "it is a second Reply beside "+c.reply, "one says it all")
	case options.GetText() && (f.Kind() != protoreflect.StringKind || f.IsMap()):
		c.problem(f, "it is a text, but no string", "make it a string, or a list of strings")
	case options.GetClearWhenUnset() && options.GetSet() == "":
		c.problem(f, "it has clear_when_unset, but sets nothing", "remove that, or say what it sets")
	case options.GetClearWhenUnset() && !f.HasPresence() && len(c.around) == 1:
		c.problem(f, "it has clear_when_unset, but is never unset", "remove that, or make the field optional")
	}
	if field.reply {
		if one {
			c.reply = path
		}
		return field
	}
	if set := options.GetSet(); set != "" {
		if earlier := c.set[set]; earlier != "" {
			c.problem(f, fmt.Sprintf("it sets the parameter %q, as %s does", set, earlier), "give it another name")
		}
		c.set[set] = path
	}
	if options.GetSet() != "" {
		field.value = c.value(f, path)
	}
	if message != nil && one {
		if inside := c.message(message, path); len(inside.fields) > 0 {
			field.inside = inside
		}
	}
	return field
}

// Answer reads a response. Bytes that are no message of the method's are an error, and the service's fault.
func (m *Method) Answer(response []byte) (Answer, error) {
	if m.answer == nil {
		return m.canonicalAnswer(response)
	}
	reader := answerReader{}
	room, _ := fieldsRead.Get().(*occurrences)
	reader.fields = (*room)[:0]
	defer func() {
		if *room = reader.fields[:cap(reader.fields)]; len(*room) <= maxFieldsKept {
			clear(*room) // nothing of the response stays
			fieldsRead.Put(room)
		}
	}()
	if err := reader.message(m.answer, response, true); err != nil {
		return Answer{}, fmt.Errorf("response of %d bytes: %w", len(response), err)
	}
	return Answer{Reply: reader.whole()}, nil
}

// fieldsRead are where the fields of a response are laid out, each for one at a time.
var fieldsRead = sync.Pool{New: func() any { return new(occurrences) }}

// maxFieldsKept is how many fields there is room for from one response to another.
const maxFieldsKept = 256

// answerReader collects what a response says.
type answerReader struct {
	fields     occurrences // of the messages around what is read
	texts      []string
	parameters map[string]*structpb.Value
	reply      intentgatev1.Reply
}

// message reads the fields of a message, which may be absent.
func (r *answerReader) message(plan *answerPlan, b []byte, there bool) error {
	from := len(r.fields)
	whole, err := split(r.fields, b)
	if err != nil {
		return err
	}
	r.fields = whole
	for i := range plan.fields {
		f := &plan.fields[i]
		if err := r.field(f, whole[from:].of(f.descriptor), there); err != nil {
			return fmt.Errorf("%s: %w", f.descriptor.Name(), err)
		}
	}
	r.fields = r.fields[:from]
	return nil
}

func (r *answerReader) field(f *answerField, all []occurrence, there bool) error {
	if f.options.GetText() {
		if err := r.say(f.descriptor, all); err != nil {
			return err
		}
	}
	if f.value != nil {
		var value *structpb.Value
		if there {
			var err error
			if value, err = f.value(all); err != nil {
				return err
			}
		}
		r.set(f.options, value)
	}
	if !f.reply && (f.inside == nil || len(all) == 0 && !f.inside.sets) {
		return nil
	}
	message, err := merged(all)
	switch {
	case err != nil:
		return err
	case !f.reply:
		return r.message(f.inside, message.bytes, len(all) > 0)
	default:
		return proto.Unmarshal(message.bytes, &r.reply)
	}
}

// say takes the texts of a field. One that is empty is not said.
func (r *answerReader) say(f protoreflect.FieldDescriptor, all []occurrence) error {
	if !f.IsList() && len(all) > 1 {
		all = all[len(all)-1:]
	}
	for i := range all {
		text, err := texted(all[i])
		if err != nil {
			return err
		}
		if text != "" {
			r.texts = append(r.texts, text)
		}
	}
	return nil
}

// set takes the value of a field, nil where it is absent.
func (r *answerReader) set(options *intentgatev1.ParameterOptions, value *structpb.Value) {
	if value == nil && options.GetClearWhenUnset() {
		value = structpb.NewNullValue()
	}
	if value != nil {
		r.parameter(options.GetSet(), value)
	}
}

func (r *answerReader) parameter(name string, value *structpb.Value) {
	if r.parameters == nil {
		r.parameters = map[string]*structpb.Value{}
	}
	r.parameters[name] = value
}

// whole returns the reply. Texts are said before what a Reply among the fields says, whose parameters win.
func (r *answerReader) whole() *intentgatev1.Reply {
	r.reply.Texts = append(r.texts, r.reply.GetTexts()...)
	for name, value := range r.reply.GetSessionParameters().GetFields() {
		r.parameter(name, value)
	}
	if len(r.parameters) > 0 {
		r.reply.SessionParameters = &structpb.Struct{Fields: r.parameters}
	}
	return &r.reply
}
