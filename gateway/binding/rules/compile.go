package rules

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"buf.build/go/protovalidate"
	"cel.dev/cel-go/cel"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// The bounds on what is compiled.
const (
	maxCost       = 5e6          // of all rules of a method, for the largest request: some half a second
	maxCompiling  = 10 * maxCost // of a service, as to what is computed before there is a request
	maxRules      = 10_000       // fields with rules of a service; an expression counts for more: each is some 0.2 ms
	maxExpression = 2000         // bytes
	maxDepth      = 32           // of messages in a request: its parameters are less deep
)

// Compiler compiles the rules of one service's messages. It is to be used by one goroutine, and dropped then: the Checkers live
// on without it.
type Compiler struct {
	now       func() time.Time
	parser    *cel.Env                // nil: not needed yet
	validator protovalidate.Validator // likewise
	own       *protoregistry.Types    // the rules that the service itself has made
	files     map[string]bool         // that own was looked for in
	types     map[protoreflect.FullName]*typeRules
	texts     map[string]bool // that are given for broken rules
	problems  Errors          // of the type that is being read
	rules     int             // how many there were
	computed  float64         // what has been, for maxCompiling
}

// NewCompiler returns the compiler of a service. Rules that ask for the time are told it by now.
func NewCompiler(now func() time.Time) *Compiler {
	return &Compiler{now: now, own: new(protoregistry.Types), files: map[string]bool{}, types: map[protoreflect.FullName]*typeRules{}, texts: map[string]bool{}}
}

// Error is one reason for which the rules of a message cannot be used.
type Error struct {
	At              protoreflect.Descriptor // the message, the field or the oneof
	Problem, Remedy string
}

// Errors are all reasons; none: they can.
type Errors []*Error

// Error returns a line for each.
func (e Errors) Error() string {
	var lines []string
	for _, one := range e {
		lines = append(lines, fmt.Sprintf("%s: %s: %s", one.At.FullName(), one.Problem, one.Remedy))
	}
	return strings.Join(lines, "\n")
}

// Compile returns what checks messages of a type, nil if neither it nor any message within has rules.
func (c *Compiler) Compile(message protoreflect.MessageDescriptor) (*Checker, Errors) {
	all := []*typeRules{c.read(message)}
	queued := map[protoreflect.FullName]bool{message.FullName(): true}
	var problems Errors
	ruled, bounded := false, false
	for i := 0; i < len(all); i++ {
		t := all[i]
		problems = append(problems, t.problems...)
		ruled, bounded = ruled || t.ruled, bounded || t.bounded
		for _, f := range t.fields {
			if f.nested != nil && !queued[f.nested.FullName()] {
				queued[f.nested.FullName()] = true
				all = append(all, c.read(f.nested))
			}
		}
	}
	if len(problems) > 0 || !ruled {
		return nil, problems
	}
	if cost := c.cost(all); cost > maxCost {
		return nil, Errors{{message, fmt.Sprintf("its rules together may take too long: %.1f times as long as they may", cost/maxCost), simpler}}
	}
	if c.validator == nil {
		var err error
		c.validator, err = protovalidate.New(protovalidate.WithExtensionTypeResolver(c.own),
			protovalidate.WithNowFunc(func() *timestamppb.Timestamp { return timestamppb.New(c.now()) }))
		if err != nil {
			return nil, Errors{{message, "its rules cannot be used: " + oneLine(err), "remove them"}}
		}
	}
	for _, t := range all {
		c.verify(t)
		problems = append(problems, t.problems...)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return &Checker{message: message, validator: c.validator, bounded: bounded, texts: c.texts}, nil
}

const simpler = "write simpler ones: fewer loops in each other, shorter patterns, max_len in place of {1,1000}"

// verify has the rules of a type compiled, and notes what is wrong. They are asked for one by one, since one that fails hides
// what comes after it.
func (c *Compiler) verify(t *typeRules) {
	if t.verified {
		return
	}
	t.verified = true
	empty := dynamicpb.NewMessage(t.message)
	ask := func(at protoreflect.Descriptor) {
		only := protovalidate.FilterFunc(func(_ protoreflect.Message, d protoreflect.Descriptor) bool { return d == at })
		err := c.validator.Validate(empty, protovalidate.WithFilter(only))
		if failed, ok := errors.AsType[*protovalidate.CompilationError](err); ok {
			t.problems = append(t.problems, &Error{at, "its rules do not compile: " + oneLine(failed), "correct them; buf lint checks them, too"})
		}
	}
	ask(t.message)
	for i := 0; t.ruled && i < t.message.Fields().Len(); i++ {
		ask(t.message.Fields().Get(i))
	}
}

// oneLine is an error in one line, and not a long one.
func oneLine(err error) string { return cut(strings.Join(strings.Fields(err.Error()), " "), maxText) }
