package binding

import (
	"fmt"
	"slices"
	"strings"

	"github.com/intentgate/intentgate/gateway/binding/rules"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/words"
)

// InvalidError says what of a turn does not fit the request of a method, so that nothing is sent.
type InvalidError struct {
	Violations []Violation // from 1 to maxViolations
}

// maxViolations is how many violations are told of a turn.
const maxViolations = 20

// Error returns all of it in one line. It is for who wrote the request.
func (e *InvalidError) Error() string {
	all := make([]string, len(e.Violations))
	for i := range e.Violations {
		all[i] = e.Violations[i].String()
	}
	return strings.Join(all, "; ")
}

// Violation is a field of a request whose value will not do, or is missing.
type Violation struct {
	Field string // its path in the request, such as items[1].quantity; empty: the request as a whole
	// Parameters are those of the turn that the value came from, best first, as the turn calls them; where one is missing,
	// those that it would come from. Empty: it comes from no parameter.
	Parameters []string
	Rule       string // of buf.validate, that the value breaks; empty: it cannot be converted, or none is known
	// Problem is what was seen and what was wanted. It holds no value of a field that is sensitive; of others it may
	// hold what the user said.
	Problem  string
	Reprompt *words.Texts // what the user hears; nil: nothing is known
}

// String returns field, parameters and problem in one line.
func (v *Violation) String() string {
	var from strings.Builder
	for i, parameter := range v.Parameters {
		switch i {
		case 0:
			from.WriteString(", from parameter ")
		default:
			from.WriteString(" and ")
		}
		fmt.Fprintf(&from, "%q", parameter)
	}
	return fmt.Sprintf("field %s%s: %s", v.Field, &from, v.Problem)
}

// Field returns which parameters of a turn a field of the request is made of, and what the user hears where its value will not
// do, for the path that a service names in its status: of names as the proto or JSON has them, such as order_id, orderId,
// items[0].quantity or period.start. What is not known of it is left out.
func (m *Method) Field(turn *dialogflow.Turn, path string) Violation {
	v, _ := m.field(turn, path)
	return v
}

// invalid tells of rules that a request breaks. What they say themselves may hold values.
func (m *Method) invalid(turn *dialogflow.Turn, broken []rules.Violation) *InvalidError {
	all := make([]Violation, len(broken))
	for i := range broken {
		rule := &broken[i]
		v, sensitive := m.field(turn, rule.Path)
		all[i] = v
		all[i].Rule, all[i].Problem = rule.Rule, rule.Message
		if rule.Made && sensitive || rule.Message == "" {
			all[i].Problem = "breaks the rule " + rule.Rule
		}
	}
	return &InvalidError{all}
}

// field is Field, and reports whether the value is sensitive, or something in it may be.
func (m *Method) field(turn *dialogflow.Turn, path string) (v Violation, sensitive bool) {
	v = Violation{Field: path}
	if m.request == nil {
		return v, false
	}
	b, _ := m.scratch.Get().(*binder)
	defer m.scratch.Put(b)
	b.reset()
	b.load(turn, m.request.platform, m.request.contexts)
	message := &m.request.messagePlan
	for depth := 0; path != "" && message != nil; depth++ {
		var name string
		name, path = nextName(path)
		var inside *messagePlan
		for i := range message.fields {
			f := &message.fields[i]
			called := name == f.name || name == f.descriptor.JSONName()
			if depth == 0 && (called || name != "" && name == string(f.oneof)) {
				v.Parameters = append(v.Parameters, f.asked(b, turn, f.names)...)
			}
			if called {
				inside, sensitive = f.nested, sensitive || f.sensitive
				if f.reprompt != nil {
					v.Reprompt = f.reprompt
				}
			}
		}
		message = inside
	}
	return v, sensitive || message != nil && message.sensitive(map[*messagePlan]bool{})
}

// sensitive reports whether anything in a message is.
func (p *messagePlan) sensitive(seen map[*messagePlan]bool) bool {
	seen[p] = true
	return slices.ContainsFunc(p.fields, func(f fieldPlan) bool {
		return f.sensitive || f.nested != nil && !seen[f.nested] && f.nested.sensitive(seen)
	})
}

// Field returns likewise which parameter a path begins with, or the path behind `parameters`, where FulfillRequest has them.
func (s *IntentService) Field(turn *dialogflow.Turn, path string) Violation {
	whole := strings.TrimPrefix(path, "parameters.")
	name, _ := nextName(whole)
	if name == "" {
		return Violation{Field: path}
	}
	for _, called := range aliases([]string{whole, name}) { // a parameter's name may hold points
		if known, ok := slot(turn, &called); ok {
			name = known
			break
		}
	}
	return Violation{Field: path, Parameters: []string{name}}
}

// asked returns the names of the turn's parameters, of those given, that a field is made of; where there is none with a value, or one of those
// that make a value together only, the names of those that are missing.
func (f *fieldPlan) asked(b *binder, turn *dialogflow.Turn, of []alias) []string {
	var filled, missing []string
	for i := range of {
		found := f.find(&of[i], b.places)
		if value, one := only(found.value); one && unset(value) {
			name, _ := slot(turn, &of[i])
			missing = append(missing, name)
		} else {
			filled = append(filled, string(found.name))
		}
	}
	if len(filled) == 0 || f.join != nil && f.join.all && len(missing) > 0 {
		return missing
	}
	return filled
}

// slot returns how a turn calls a parameter, be it with or without a value; not ok, and the best of its names, if it does not.
func slot(turn *dialogflow.Turn, called *alias) (name string, ok bool) {
	var all []argument
	for _, p := range turn.Page.Form {
		all = append(all, argument{name: []byte(p.Name)})
	}
	for _, p := range turn.Intent.Parameters {
		all = append(all, argument{name: []byte(p.Name)})
	}
	for _, p := range slices.Concat(turn.Parameters, turn.SessionParameters) {
		all = append(all, argument{name: []byte(p.Name)})
	}
	if known := called.in(all); known.name != nil {
		return string(known.name), true
	}
	return called.exact[0], false
}

// nextName splits a path behind its first name, and the index or key that follows it.
func nextName(path string) (name, rest string) {
	end := strings.IndexAny(path, ".[")
	if end < 0 {
		return path, ""
	}
	name, rest = path[:end], path[end:]
	for strings.HasPrefix(rest, "[") {
		_, after, found := strings.Cut(rest, "]")
		if !found {
			return name, ""
		}
		rest = after
	}
	return name, strings.TrimPrefix(rest, ".")
}
