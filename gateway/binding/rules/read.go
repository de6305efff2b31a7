package rules

import (
	"fmt"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// What rules that are no expressions cost.
const (
	costField  = 50   // of one
	costValues = 0.05 // of a byte of its values, which may be a long list
)

// problem notes an Error.
func (c *Compiler) problem(at protoreflect.Descriptor, problem, remedy string) {
	c.problems = append(c.problems, &Error{at, problem, remedy})
}

// read returns the rules of a message, without those of messages in it.
func (c *Compiler) read(message protoreflect.MessageDescriptor) *typeRules {
	if t, ok := c.types[message.FullName()]; ok {
		return t
	}
	t := &typeRules{message: message}
	c.types[message.FullName()], c.problems = t, nil
	c.find(message.ParentFile())
	rules, err := protovalidate.ResolveMessageRules(message)
	c.known(message, rules, err)
	for _, oneof := range rules.GetOneof() {
		t.ruled = true
		fields := strings.Join(oneof.GetFields(), ", ")
		c.texts["only one of "+fields+" can be set"], c.texts["one of "+fields+" must be set"] = true, true
	}
	cost := c.expressions(t, message, rules.GetCelExpression(), rules.GetCel(), input(messageShape(message), size{this: 1}))
	t.each, t.perByte = cost[fixed], cost[this]
	for i := range message.Oneofs().Len() {
		oneof := message.Oneofs().Get(i)
		rules, err := protovalidate.ResolveOneofRules(oneof)
		c.known(oneof, rules, err)
		t.ruled = t.ruled || rules.GetRequired()
	}
	for i := range message.Fields().Len() {
		f := message.Fields().Get(i)
		rules, err := protovalidate.ResolveFieldRules(f)
		c.known(f, rules, err)
		if rules.GetIgnore() == validate.Ignore_IGNORE_ALWAYS {
			continue
		}
		one := fieldRules{nested: f.Message(), many: f.IsList() || f.IsMap()}
		if f.IsMap() {
			one.nested = f.MapValue().Message()
		}
		if rules != nil {
			cost := c.field(t, f, rules, false)
			t.each, one.perByte = t.each+cost[fixed], cost[this]
		}
		if one.nested != nil || rules != nil {
			t.fields = append(t.fields, one)
		}
	}
	t.problems = c.problems
	return t
}

// known refuses rules that cannot be read, or are newer than the gateway: it must not take what they forbid.
func (c *Compiler) known(at protoreflect.Descriptor, rules proto.Message, err error) {
	switch {
	case err != nil:
		c.problem(at, "its rules cannot be read: "+oneLine(err), "build the descriptor anew")
	case len(rules.ProtoReflect().GetUnknown()) > 0:
		c.problem(at, fmt.Sprintf("its rules have a member of %s that this gateway does not know", rules.ProtoReflect().Descriptor().FullName()),
			"upgrade the gateway, or remove the rule")
	}
}

// field returns what the rules of a field cost, or those of its elements: fixed, and for each byte.
func (c *Compiler) field(t *typeRules, f protoreflect.FieldDescriptor, rules *validate.FieldRules, element bool) size {
	t.ruled = true
	c.another(f, 1)
	on := input(shapeOf(f, element), size{this: 1})
	cost := c.expressions(t, f, rules.GetCelExpression(), rules.GetCel(), on).plus(exactly(costField))
	chosen := rules.ProtoReflect().WhichOneof(rules.ProtoReflect().Descriptor().Oneofs().ByName("type"))
	if chosen == nil {
		return cost
	}
	typed := c.reparsed(f, rules.ProtoReflect().Get(chosen).Message())
	values := float64(proto.Size(typed.Interface()))
	cost = cost.plus(exactly(costValues * values)).plus(on.times(costParsing))
	typed.Range(func(member protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		pattern := ""
		if member.Kind() == protoreflect.StringKind && !member.IsList() {
			pattern = v.String()
		}
		switch {
		case member.IsExtension():
			predefined, err := protovalidate.ResolvePredefinedRules(member)
			c.known(member, predefined, err)
			value := value{shape: shape{kind: anything}, size: exactly(values), count: values}
			for _, rule := range predefined.GetCel() {
				cost = cost.plus(c.expression(t, f, rule, on, value, pattern))
			}
		case member.Name() == "pattern":
			t.bounded = true
			n, err := states(pattern)
			if err != nil {
				c.problem(f, err.Error(), "correct it")
			}
			cost = cost.plus(on.times(costState * n))
		}
		return true
	})
	for _, inner := range []struct {
		of    protoreflect.FieldDescriptor
		rules *validate.FieldRules
	}{{f, rules.GetRepeated().GetItems()}, {f.MapKey(), rules.GetMap().GetKeys()}, {f.MapValue(), rules.GetMap().GetValues()}} {
		if inner.rules != nil && inner.of != nil && inner.rules.GetIgnore() != validate.Ignore_IGNORE_ALWAYS {
			c.known(f, inner.rules, nil)
			all := c.field(t, inner.of, inner.rules, true)
			t.elements += all[fixed]
			cost[this] += all[this]
		}
	}
	return cost
}

// another counts a field with rules, or an expression, by the time that it takes to compile.
func (c *Compiler) another(at protoreflect.Descriptor, n int) {
	if c.rules += n; c.rules > maxRules {
		c.problem(at, fmt.Sprintf("the service has more rules than %d fields would have", maxRules), "write fewer, and shorter expressions")
	}
}

// reparsed returns the rules for a type with those in it that the service has made itself.
func (c *Compiler) reparsed(at protoreflect.Descriptor, typed protoreflect.Message) protoreflect.Message {
	wire, err := proto.Marshal(typed.Interface())
	again := typed.New()
	if err == nil {
		err = proto.UnmarshalOptions{Resolver: c.own}.Unmarshal(wire, again.Interface())
	}
	c.known(at, again.Interface(), err)
	return again
}

// find looks in a file, and in those that it imports, for rules of the service's own making.
func (c *Compiler) find(file protoreflect.FileDescriptor) {
	if c.files[file.Path()] || file.IsPlaceholder() {
		return
	}
	c.files[file.Path()] = true
	c.extensions(file)
	for i := range file.Imports().Len() {
		c.find(file.Imports().Get(i).FileDescriptor)
	}
}

// extensions finds those in a file or a message.
func (c *Compiler) extensions(in interface {
	Extensions() protoreflect.ExtensionDescriptors
	Messages() protoreflect.MessageDescriptors
},
) {
	for i := range in.Extensions().Len() {
		extension := in.Extensions().Get(i)
		if extension.ContainingMessage().FullName().Parent() != "buf.validate" {
			continue
		}
		if err := c.own.RegisterExtension(dynamicpb.NewExtensionType(extension)); err != nil {
			c.problem(extension, "it cannot be told from another rule: "+oneLine(err), "give it a name and a number of its own")
		}
	}
	for i := range in.Messages().Len() {
		c.extensions(in.Messages().Get(i))
	}
}
