package binding

import (
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

const replyName protoreflect.FullName = "intentgate.v1.Reply"

// answer is how a response's bytes become a reply: only fields that say what becomes of them leave the house.
type answer struct {
	expression

	fields []answerField // in the order of their numbers
}

// answerField is a field of a message, or nothing but the way to fields inside it.
type answerField struct {
	descriptor protoreflect.FieldDescriptor
	text       bool
	reply      bool
	set        string // the parameter's name, or ""
	clear      bool   // an absent value is null
	inside     []answerField
}

// answerCompiler finds the fields of a response that leave the house.
type answerCompiler struct {
	*compiler

	around []protoreflect.FullName // the messages around the next field: what holds itself is not looked into
	set    map[string]string       // by the parameter's name: the field that sets it
	reply  string                  // the field that is a Reply
}

func compileAnswer(c *compiler, response protoreflect.MessageDescriptor) *answer {
	find := answerCompiler{compiler: c, set: map[string]string{}}
	return &answer{expression{c.Platform, c.TimeZone}, find.message("response", response)}
}

func (c *answerCompiler) message(path string, message protoreflect.MessageDescriptor) []answerField {
	if slices.Contains(c.around, message.FullName()) {
		return nil
	}
	c.around = append(c.around, message.FullName())
	defer func() { c.around = c.around[:len(c.around)-1] }()
	var fields []answerField
	for i := range message.Fields().Len() {
		descriptor := message.Fields().Get(i)
		if field := c.leaves(path+"."+string(descriptor.Name()), descriptor); field != nil {
			fields = append(fields, *field)
		}
	}
	slices.SortFunc(fields, func(a, b answerField) int { return int(a.descriptor.Number() - b.descriptor.Number()) })
	return fields
}

// leaves returns nil for a field that stays in the house.
func (c *answerCompiler) leaves(path string, descriptor protoreflect.FieldDescriptor) *answerField {
	options := c.field(descriptor, path)
	message := descriptor.Message()
	field := &answerField{
		descriptor: descriptor, text: options.GetText(), set: options.GetSet(), clear: options.GetClearWhenUnset(),
		reply: message != nil && message.FullName() == replyName && !descriptor.IsList(),
	}
	if field.text && descriptor.Kind() != protoreflect.StringKind || field.text && descriptor.IsMap() {
		c.problem(descriptor, "is a text, but no string", "make it a string, or a list of strings")
	}
	if field.reply {
		if c.reply != "" {
			c.problem(descriptor, "is a second Reply beside "+c.reply, "one says it all")
		}
		c.reply = path
	}
	c.sets(path, field)
	if field.set == "" && !field.reply && message != nil && !descriptor.IsList() && !descriptor.IsMap() {
		field.inside = c.message(path, message)
	}
	if !field.text && !field.reply && field.set == "" && len(field.inside) == 0 {
		return nil
	}
	return field
}

// sets checks that what a field sets can be set.
func (c *answerCompiler) sets(path string, field *answerField) {
	switch {
	case field.clear && field.set == "":
		c.problem(field.descriptor, "has clear_when_unset, but sets nothing", "remove it, or say what it sets")
	case field.clear && !field.descriptor.HasPresence():
		c.problem(field.descriptor, "has clear_when_unset, but is never unset", "remove it, or make the field optional")
	}
	if field.set == "" {
		return
	}
	if earlier := c.set[field.set]; earlier != "" {
		c.problem(field.descriptor, fmt.Sprintf("sets the parameter %q, as %s does", field.set, earlier), "give it another name")
	}
	c.set[field.set] = path
	if problem := inexpressible(field.descriptor, nil); problem != "" {
		c.problem(field.descriptor, "cannot be a parameter: it holds "+problem, "set another field, or write a Reply")
	}
}

// read makes the reply of a response. Texts are said first, then what a Reply among the fields says, whose parameters win.
func (a *answer) read(response []byte) (*intentgatev1.Reply, error) {
	r := answerReader{expression: a.expression, reply: &intentgatev1.Reply{}}
	if err := r.message(a.fields, response); err != nil {
		return nil, err
	}
	reply := r.reply
	reply.Texts = append(r.texts, reply.GetTexts()...)
	if len(r.parameters) > 0 {
		if reply.GetSessionParameters() == nil {
			reply.SessionParameters = &structpb.Struct{Fields: r.parameters}
			return reply, nil
		}
		own := reply.GetSessionParameters().GetFields()
		for name, value := range r.parameters {
			if own[name] == nil {
				own[name] = value
			}
		}
	}
	return reply, nil
}

// answerReader collects what a response says.
type answerReader struct {
	expression

	texts      []string
	parameters map[string]*structpb.Value
	reply      *intentgatev1.Reply
}

// message reads the fields of a message's bytes.
func (r *answerReader) message(fields []answerField, b []byte) error {
	occurrences, err := split(b)
	if err != nil {
		return err
	}
	for i := range fields {
		if err := r.take(&fields[i], occurrences.of(fields[i].descriptor.Number())); err != nil {
			return fmt.Errorf("%s: %w", fields[i].descriptor.FullName(), err)
		}
	}
	return nil
}

func (r *answerReader) take(field *answerField, all []occurrence) error {
	descriptor := field.descriptor
	if field.reply || len(field.inside) > 0 {
		b, there, err := merged(all)
		if err != nil || !there {
			return err
		}
		if !field.reply {
			return r.message(field.inside, b)
		}
		if err := proto.Unmarshal(b, r.reply); err != nil {
			return fmt.Errorf("no Reply: %w", err)
		}
		return nil
	}
	value, err := r.expression.field(descriptor, all)
	if err != nil {
		return err
	}
	if field.text {
		r.say(value)
	}
	if field.set == "" || value == nil && !field.clear {
		return nil
	}
	if value == nil {
		value = structpb.NewNullValue()
	}
	if r.parameters == nil {
		r.parameters = map[string]*structpb.Value{}
	}
	r.parameters[field.set] = value
	return nil
}

// say adds a text, or a list of them. What is empty is not said.
func (r *answerReader) say(value *structpb.Value) {
	for _, one := range append(value.GetListValue().GetValues(), value) {
		if text := one.GetStringValue(); text != "" {
			r.texts = append(r.texts, text)
		}
	}
}

// occurrence is a field as it stands on the wire.
type occurrence struct {
	number protowire.Number
	kind   protowire.Type
	varint uint64 // of a varint, a fixed32 or a fixed64
	bytes  []byte
}

type occurrences []occurrence

// split reads the fields of a message, in their order.
func split(b []byte) (occurrences, error) {
	var all occurrences
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		b = b[n:]
		o := occurrence{number: number, kind: kind}
		switch kind {
		case protowire.VarintType:
			o.varint, n = protowire.ConsumeVarint(b)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(b)
			o.varint = uint64(v)
		case protowire.Fixed64Type:
			o.varint, n = protowire.ConsumeFixed64(b)
		case protowire.BytesType:
			o.bytes, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(number, kind, b) // a group, which no annotated field is
		}
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		b = b[n:]
		all = append(all, o)
	}
	return all, nil
}

// of returns the occurrences of a field.
func (all occurrences) of(number protowire.Number) (found []occurrence) {
	for i := range all {
		if all[i].number == number {
			found = append(found, all[i])
		}
	}
	return found
}

// merged returns the bytes of a message: that of several is what stands in all of them, one after the other.
func merged(all []occurrence) (b []byte, there bool, err error) {
	for i := range all {
		if all[i].kind != protowire.BytesType {
			return nil, false, errWireType
		}
		if i == 0 {
			b = all[i].bytes
			continue
		}
		b = append(slices.Clone(b), all[i].bytes...)
	}
	return b, len(all) > 0, nil
}

var errWireType = errors.New("the bytes are of another type of field: does the service run another version of its proto?")

// Answer reads a response. Bytes that are no message of the method's are an error, and the service's fault.
func (m *Method) Answer(response []byte) (Answer, error) {
	if m.answer == nil {
		return m.canonicalAnswer(response)
	}
	reply, err := m.answer.read(response)
	if err != nil {
		return Answer{}, fmt.Errorf("response of %d bytes: %w", len(response), err)
	}
	return Answer{Reply: reply}, nil
}
