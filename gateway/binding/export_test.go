package binding

import "sync"

// WithoutRules is a method that checks none.
func WithoutRules(m *Method) *Method {
	return &Method{
		Name: m.Name, Intent: m.Intent, context: m.context, lifespan: m.lifespan, platform: m.platform, input: m.input, output: m.output,
		request: m.request, answer: m.answer, scratch: sync.Pool{New: func() any { return new(binder) }},
	}
}
