package binding

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/intentgate/intentgate/gateway/binding/rules"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/words"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// Options says for which webhook a method is compiled, and how it is annotated.
type Options struct {
	Platform dialogflow.Platform
	// TimeZone is where the days and times are that carry no zone. Nil: nobody knows, so that no instant can be made of them.
	TimeZone *time.Location
	// Annotations stand in for those of the method and of its fields. Nil: the descriptor's own.
	Annotations *Annotations
	// Reprompts are heard instead of what annotations say.
	Reprompts map[protoreflect.FullName]*Reprompt
	// Rules compiles the rules of the service's requests. Nil: one for this method alone, which costs as much as a hundred methods.
	Rules *rules.Compiler
	// Budget is how many fields and words of enums may still be compiled: Compile takes from it what it needs, and refuses
	// what needs more. Nil: MaxBudget.
	Budget *int
}

// MaxBudget is enough for hundreds of methods, and takes a fraction of a second.
const MaxBudget = 200_000

const (
	maxNesting  = 64 // of messages in messages; the parameters of a turn may be half as deep
	maxProblems = 50 // of a method
)

// Annotations are what a proto that cannot be edited would say.
type Annotations struct {
	Intent *intentgatev1.IntentOptions
	// Fields are by path: `request.order_id`, `response.status`, `request.period.start`.
	Fields map[string]*intentgatev1.ParameterOptions
}

// Reprompt is what the user hears where the value of a field will not do.
type Reprompt struct {
	Texts *words.Texts
	Used  bool // there is such a field: Compile sets it
}

// CompileError is one reason for which a method cannot be bound.
type CompileError struct {
	Element string // the file and the full name of the method, message, field or value
	Problem string
	Remedy  string
}

// Error returns all of it in one line.
func (e *CompileError) Error() string { return e.Element + ": " + e.Problem + ": " + e.Remedy }

// Compile makes the plan of a method for one webhook. The error joins all that is wrong, each a *CompileError.
func Compile(method protoreflect.MethodDescriptor, options Options) (*Method, error) {
	c := &compiler{Options: options, plans: map[protoreflect.FullName]*messagePlan{}, enums: map[protoreflect.FullName]writer{}, used: map[string]bool{}}
	if c.Budget == nil {
		budget := MaxBudget
		c.Budget = &budget
	}
	if options.Platform != dialogflow.ES && options.Platform != dialogflow.CX {
		return nil, fmt.Errorf("platform %d of the webhook is neither ES nor CX", options.Platform)
	}
	if method.IsStreamingClient() || method.IsStreamingServer() {
		c.problem(method, "the RPC streams", "a turn is one request with one response: annotate a unary RPC")
	}
	m := &Method{
		Name:     fmt.Sprintf("/%s/%s", method.Parent().FullName(), method.Name()),
		Intent:   c.intent(method),
		platform: options.Platform, idempotent: idempotent(method),
		scratch: sync.Pool{New: func() any { return new(binder) }},
	}
	m.context, m.lifespan = c.context(method.Parent())
	if m.input, m.output = method.Input(), method.Output(); !c.canonical(m.input, "Request") {
		m.request = c.request(m.input)
		m.secrets = m.request.secrets()
	}
	m.sensitive, c.sensitive = c.sensitive, false
	if !c.canonical(m.output, "Response") {
		var set map[string]string
		if m.answer, set = c.answer(m.output); c.sensitive {
			m.secrets = slices.AppendSeq(m.secrets, maps.Keys(set)) // any of them may hold it
		}
	}
	m.sensitive = m.sensitive || c.sensitive
	c.unused(method)
	if len(c.problems) == 0 {
		m.rules = c.rules(m.input)
	}
	if len(c.problems) > 0 {
		return nil, errors.Join(c.problems...)
	}
	return m, nil
}

// idempotent says whether a method may be called again. Whatever else binds it, only its own descriptor can say so.
func idempotent(method protoreflect.MethodDescriptor) bool {
	options, _ := method.Options().(*descriptorpb.MethodOptions)
	level := options.GetIdempotencyLevel()
	return level == descriptorpb.MethodOptions_NO_SIDE_EFFECTS || level == descriptorpb.MethodOptions_IDEMPOTENT
}

// rules compiles those of a request.
func (c *compiler) rules(request protoreflect.MessageDescriptor) *rules.Checker {
	if c.Rules == nil {
		c.Rules = rules.NewCompiler(time.Now)
	}
	checker, problems := c.Rules.Compile(request)
	for _, one := range problems {
		c.problem(one.At, one.Problem, one.Remedy)
	}
	return checker
}

// compiler compiles one method.
type compiler struct {
	Options

	problems  []error
	sensitive bool                                   // a field that was looked at is
	plans     map[protoreflect.FullName]*messagePlan // of nested messages
	enums     map[protoreflect.FullName]writer
	depth     int             // of the message that is compiled
	contexts  []string        // that fields name, as places from 1 on
	used      map[string]bool // the paths of Annotations.Fields that are fields
}

// spend takes from the budget, and reports whether there was enough in it. What is at fault for that is noted once.
func (c *compiler) spend(at protoreflect.Descriptor, n int) bool {
	had := *c.Budget >= 0
	if had {
		*c.Budget -= n
	}
	if *c.Budget >= 0 {
		return true
	}
	if had || len(c.problems) == 0 {
		c.problem(at, fmt.Sprintf("the service's methods have more than %d fields and words of enums together", MaxBudget),
			"take smaller messages, or annotate fewer methods")
	}
	return false
}

// enter goes into a message that is nested in another one, unless that is too deep.
func (c *compiler) enter(message protoreflect.MessageDescriptor) bool {
	if c.depth == maxNesting {
		c.problem(message, fmt.Sprintf("stands within %d messages, one in the other", maxNesting), "take flatter messages")
		return false
	}
	c.depth++
	return true
}

func (c *compiler) leave() { c.depth-- }

// problem notes a CompileError.
func (c *compiler) problem(at protoreflect.Descriptor, problem, remedy string) {
	if len(c.problems) == maxProblems {
		return // they are enough to begin with
	}
	element := string(at.FullName())
	if file := at.ParentFile(); file != nil {
		element = file.Path() + ": " + element
	}
	c.problems = append(c.problems, &CompileError{Element: element, Problem: problem, Remedy: remedy})
}

// unused refuses annotations of fields that there are not.
func (c *compiler) unused(method protoreflect.MethodDescriptor) {
	if c.Annotations == nil {
		return
	}
	for _, path := range slices.Sorted(maps.Keys(c.Annotations.Fields)) {
		if !c.used[path] {
			c.problem(method, fmt.Sprintf("the configuration binds %q, which is no field", path),
				"write request or response and the names of fields as the proto has them, such as request.period.start")
		}
	}
}

// within reports whether a path has an annotation of its own somewhere below it.
func (c *compiler) within(path string) bool {
	if c.Annotations != nil {
		for annotated := range c.Annotations.Fields {
			if strings.HasPrefix(annotated, path+".") {
				return true
			}
		}
	}
	return false
}

// zoneless reports whether the values of the platform carry no zone.
func (c *compiler) zoneless() bool { return c.Platform == dialogflow.CX }
