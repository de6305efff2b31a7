package rules

import (
	"errors"
	"fmt"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// The bounds on a request whose rules have expressions or patterns. What others cost is not to speak of.
const (
	maxBytes = 64 << 10
	maxCount = 300 // messages and elements of lists and maps; without free JSON, and without a Turn
)

const (
	maxViolations = 20  // that are told
	maxText       = 500 // bytes of what is told of one
)

// Checker checks messages of one type. It is safe for concurrent use.
type Checker struct {
	message   protoreflect.MessageDescriptor
	validator protovalidate.Validator
	bounded   bool            // what it checks
	texts     map[string]bool // that the protos give for broken rules
}

// Violation is a rule that a message breaks.
type Violation struct {
	Path    string // of the field, such as items[1].quantity, without the keys of maps; empty: the message as a whole
	Rule    string // its name, such as string.pattern; of the service's own making where it is one of its own
	Message string // what it says
	Made    bool   // the message is made by an expression, and may hold values that were checked
}

// Check returns which rules a message breaks, from its wire bytes. An error says that this could not be found out, so that
// the message is not to be trusted.
func (c *Checker) Check(wire []byte) (violations []Violation, err error) {
	defer func() {
		if panicked := recover(); panicked != nil { // of rules that come from elsewhere
			err = fmt.Errorf("the rules of %s panicked: %v", c.message.FullName(), panicked)
		}
	}()
	if c.bounded && len(wire) > maxBytes {
		return tooLarge("the request has %d bytes, and its rules are checked on at most %d", len(wire), maxBytes), nil
	}
	message := dynamicpb.NewMessage(c.message)
	if err := proto.Unmarshal(wire, message); err != nil {
		return nil, fmt.Errorf("a request is no %s: %w", c.message.FullName(), err)
	}
	if left := maxCount; c.bounded && !count(message, &left) {
		return tooLarge("the request has more than the %d messages and elements of lists on which its rules are checked", maxCount), nil
	}
	err = c.validator.Validate(message)
	if err == nil {
		return nil, nil
	}
	invalid, ok := errors.AsType[*protovalidate.ValidationError](err)
	if !ok {
		return nil, fmt.Errorf("the rules of %s cannot be applied: %w", c.message.FullName(), err)
	}
	for _, v := range invalid.Violations[:min(len(invalid.Violations), maxViolations)] {
		violations = append(violations, Violation{
			Path: Path(v.Proto.GetField()), Rule: cut(v.Proto.GetRuleId(), maxText), Message: cut(v.Proto.GetMessage(), maxText),
			Made: !standard(v.Proto.GetRule()) && !c.texts[v.Proto.GetMessage()],
		})
	}
	return violations, nil
}

func tooLarge(format string, args ...any) []Violation {
	return []Violation{{Rule: "size", Message: fmt.Sprintf(format, args...)}}
}

// standard reports whether a rule is one of buf.validate's own, which tell no value of what they are applied to.
func standard(rule *validate.FieldPath) bool {
	all := rule.GetElements()
	if len(all) == 0 {
		return false
	}
	last := all[len(all)-1].GetFieldName()
	return !strings.HasPrefix(last, "cel") && !strings.HasPrefix(last, "[")
}

// count takes what is in a message from what is left, and reports whether that was enough.
func count(m protoreflect.Message, left *int) bool {
	if uncounted(m.Descriptor()) {
		return true
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap():
			*left -= v.Map().Len()
			if f.MapValue().Message() != nil && *left >= 0 {
				v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool { return count(v.Message(), left) })
			}
		case f.IsList():
			*left -= v.List().Len()
			for i := 0; f.Message() != nil && *left >= 0 && i < v.List().Len(); i++ {
				count(v.List().Get(i).Message(), left)
			}
		case f.Message() != nil:
			*left--
			count(v.Message(), left)
		}
		return *left >= 0
	})
	return *left >= 0
}

// Path is that of a field, such as items[0].quantity, without the keys of maps: they are what the user said.
func Path(of *validate.FieldPath) string {
	var b strings.Builder
	for i, element := range of.GetElements() {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(element.GetFieldName())
		switch element.WhichSubscript() {
		case validate.FieldPathElement_Subscript_not_set_case:
		case validate.FieldPathElement_Index_case:
			fmt.Fprintf(&b, "[%d]", element.GetIndex())
		default:
			b.WriteString("[…]")
		}
	}
	return b.String()
}

// cut returns the beginning of a text.
func cut(text string, most int) string {
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
