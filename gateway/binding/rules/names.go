package rules

import (
	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Names returns what the rules of a field are called, such as required, string.pattern or the service's own name of one: for
// people. Those of messages, and of elements of lists and maps, are told as there being some.
func Names(f protoreflect.FieldDescriptor) (names []string) {
	rules, err := protovalidate.ResolveFieldRules(f)
	if err != nil || rules.GetIgnore() == validate.Ignore_IGNORE_ALWAYS {
		return nil
	}
	if rules.GetRequired() {
		names = append(names, Required)
	}
	for _, rule := range rules.GetCel() {
		names = append(names, cut(rule.GetId(), maxShown))
	}
	for _, rule := range rules.GetCelExpression() {
		names = append(names, cut(rule, maxShown))
	}
	if chosen := rules.ProtoReflect().WhichOneof(rules.ProtoReflect().Descriptor().Oneofs().ByName("type")); chosen != nil {
		typed := rules.ProtoReflect().Get(chosen).Message()
		for i := range typed.Descriptor().Fields().Len() {
			if member := typed.Descriptor().Fields().Get(i); typed.Has(member) {
				names = append(names, string(chosen.Name()+"."+member.Name()))
			}
		}
		if len(typed.GetUnknown()) > 0 {
			names = append(names, string(chosen.Name()+".…"))
		}
	}
	return names
}

// Required is the name of the rule that there must be a value.
const Required = "required"
