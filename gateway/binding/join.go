package binding

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// joinPlan is how the parameters of a field are made one value: an object, or a list for a repeated field.
type joinPlan struct {
	members [][]byte // the names of the object's members, as JSON; nil: a list
	all     bool     // there is no value before all parts are there, such as a day and a time
}

func (c *compiler) joining(f protoreflect.FieldDescriptor, parameters []string) *joinPlan {
	if len(parameters) < 2 {
		c.problem(f, "join names one parameter", "name several, or say parameter")
	}
	if f.IsList() {
		return new(joinPlan)
	}
	var known knownMessage
	if f.Message() != nil && !f.IsMap() {
		known = knownMessages[f.Message().FullName()]
	}
	if f.Message() == nil || known.write != nil && known.parts == nil {
		c.problem(f, "its type is not made of several parameters", "join google.type.DateTime or another message, or a repeated field")
		return new(joinPlan)
	}
	join, members := new(joinPlan), parameters
	if parts := known.parts; len(parts) > 0 {
		if len(parameters) > len(parts) {
			c.problem(f, fmt.Sprintf("join names %d parameters", len(parameters)), "name two: "+strings.Join(parts, ", "))
			return join
		}
		members, join.all = slices.Clone(parts), parts[0] != "start"
		for i, parameter := range parameters {
			// A start-date is a day, even where Dialogflow writes it with an hour.
			if parts[0] == "start" && strings.HasSuffix(normal(parameter), "date") {
				members[i] += "Date"
			}
		}
	}
	for _, member := range members {
		quoted, _ := jsontext.AppendQuote(nil, member)
		join.members = append(join.members, append(quoted, ':'))
	}
	return join
}

// joined makes one value of those of a field, as JSON, and reports whether there was any.
func (f *fieldPlan) joined(b *binder, places [][]argument) (raw []byte, found bool) {
	brackets, count := "{}", 0
	if f.join.members == nil {
		brackets = "[]"
	}
	joined := append(b.kept, brackets[0])
	for i := range f.names {
		value := f.find(&f.names[i], places).value
		if element, one := only(value); one && unset(element) {
			continue
		}
		if count++; count > 1 {
			joined = append(joined, ',')
		}
		if f.join.members != nil {
			joined = append(joined, f.join.members[i]...)
		}
		joined = append(joined, value...)
	}
	if count == 0 || f.join.all && count < len(f.names) {
		return nil, count > 0
	}
	return b.keep(append(joined, brackets[1])), true
}
