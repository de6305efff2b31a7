package binding

import "google.golang.org/protobuf/reflect/protoreflect"

// answer is the plan by which a method's response becomes a reply.
type answer struct{}

func compileAnswer(*compiler, protoreflect.MessageDescriptor) *answer { return new(answer) }
