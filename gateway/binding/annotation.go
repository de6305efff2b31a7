package binding

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/intentgate/intentgate/gateway/words"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// defaultLifespan is for how many turns the context of a service is kept.
const defaultLifespan = 5

// Intent returns which intents a method answers by its own annotation; nil where it has none. The error is a
// *CompileError.
func Intent(method protoreflect.MethodDescriptor) (*intentgatev1.IntentOptions, error) {
	budget := MaxBudget
	c := &compiler{Options: Options{Budget: &budget}}
	intent := c.intent(method)
	if len(c.problems) > 0 {
		return nil, c.problems[0]
	}
	return intent, nil
}

func (c *compiler) intent(method protoreflect.MethodDescriptor) *intentgatev1.IntentOptions {
	if c.Annotations != nil {
		return c.Annotations.Intent
	}
	intent := annotation[*intentgatev1.IntentOptions](c, method, intentgatev1.E_Intent)
	if d := intent.GetContinueFor(); d != nil && (d.CheckValid() != nil || d.AsDuration() < MinContinue || d.AsDuration() > MaxContinue) {
		c.problem(method, fmt.Sprintf("continue_for is %s", d.AsDuration()), "write 1 s to 120 s, such as continue_for: {seconds: 15}, or leave it out")
	}
	return intent
}

// ContinueEvent is the event of ES by which an agent fetches an answer that has taken longer than Dialogflow waits.
const ContinueEvent = "intentgate-continue"

// MinContinue and MaxContinue are the bounds of how long such an answer may take.
const (
	MinContinue = time.Second
	MaxContinue = 120 * time.Second
)

// field returns the annotation of a field that stands at a path below `request` or `response`; an empty one where it
// has none. It is to be called for each field there is.
func (c *compiler) field(f protoreflect.FieldDescriptor, path string) *intentgatev1.ParameterOptions {
	var options *intentgatev1.ParameterOptions
	if c.Annotations != nil {
		c.used[path] = true
		options = c.Annotations.Fields[path]
	} else {
		options = annotation[*intentgatev1.ParameterOptions](c, f, intentgatev1.E_Field)
	}
	if options == nil {
		options = new(intentgatev1.ParameterOptions)
	}
	// What protobuf's own texts leave out is not for ours either.
	if own, ok := f.Options().(*descriptorpb.FieldOptions); ok && own.GetDebugRedact() && !options.GetSensitive() {
		options = proto.CloneOf(options)
		options.Sensitive = true
	}
	c.sensitive = c.sensitive || options.GetSensitive()
	return options
}

// reprompt returns what the user hears where the value of a field will not do; nil: nothing is known.
func (c *compiler) reprompt(f protoreflect.FieldDescriptor, options *intentgatev1.ParameterOptions) *words.Texts {
	if configured := c.Reprompts[f.FullName()]; configured != nil {
		configured.Used = true
		return configured.Texts
	}
	const costs = 10 // of a language, in fields
	if !c.spend(f, costs*len(options.GetReprompt())) {
		return nil
	}
	texts, err := words.New(options.GetReprompt())
	if err != nil {
		c.problem(f, "its reprompt cannot be used: "+err.Error(), "write a text for each language, or remove it")
	}
	return texts
}

// context returns name and lifespan of the ES context of a service.
func (c *compiler) context(service protoreflect.Descriptor) (name string, lifespan int32) {
	options := annotation[*intentgatev1.ContextOptions](c, service, intentgatev1.E_Context)
	if name = options.GetName(); name == "" {
		name = kebab(string(service.Name()))
	}
	if strings.ContainsAny(name, "/ ") {
		c.problem(service, fmt.Sprintf("the context %q is no name of a context", name), "write it relative and without spaces, such as shop-orders")
	}
	if lifespan = options.GetLifespan(); lifespan < 0 {
		c.problem(service, fmt.Sprintf("the context lives for %d turns", lifespan), "write a number of turns, or leave it out for 5")
	}
	if lifespan == 0 {
		lifespan = defaultLifespan
	}
	return name, lifespan
}

// synonyms returns the words for an enum value.
func (c *compiler) synonyms(value protoreflect.EnumValueDescriptor) []string {
	return annotation[*intentgatev1.ValueOptions](c, value, intentgatev1.E_Value).GetSynonym()
}

// annotation reads one of our options from those of a descriptor, nil where there is none. Who parsed the descriptor need not
// have known our extension, and other extensions may be anything: ours is read, and no other.
//
// What a newer version of ours says there is refused: it might say that a value is sensitive.
func annotation[T proto.Message](c *compiler, at protoreflect.Descriptor, extension protoreflect.ExtensionType) (options T) {
	wire, err := proto.MarshalOptions{AllowPartial: true}.Marshal(at.Options())
	if err == nil && len(wire) == 0 || !c.spend(at, len(wire)/1024) {
		return options
	}
	all, ours := at.Options().ProtoReflect().New().Interface(), new(protoregistry.Types)
	if err == nil {
		err = ours.RegisterExtension(extension)
	}
	if err == nil {
		err = proto.UnmarshalOptions{AllowPartial: true, Resolver: ours}.Unmarshal(wire, all)
	}
	if err != nil {
		c.problem(at, "its options cannot be read: "+err.Error(), "build the descriptor anew")
		return options
	}
	if proto.HasExtension(all, extension) {
		options, _ = proto.GetExtension(all, extension).(T)
	}
	if !c.spend(at, proto.Size(options)/32) {
		return options
	}
	if unknown := options.ProtoReflect().GetUnknown(); len(unknown) > 0 {
		c.problem(at, fmt.Sprintf("option %s has a member that this gateway does not know", extension.TypeDescriptor().FullName()),
			"upgrade the gateway, or build the descriptor with the annotations that it knows")
	}
	return options
}

// kebab returns a name such as OrderService as order-service.
func kebab(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		if r == '_' {
			r = '-'
		}
		lowerNext := i+1 < len(runes) && unicode.IsLower(runes[i+1])
		if i > 0 && unicode.IsUpper(r) && (lowerNext || !unicode.IsUpper(runes[i-1])) {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
