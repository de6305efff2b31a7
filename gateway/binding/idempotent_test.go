package binding_test

import (
	"testing"

	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// levelled returns a method as it is, but for its idempotency_level.
func levelled(t *testing.T, method protoreflect.MethodDescriptor, level descriptorpb.MethodOptions_IdempotencyLevel) protoreflect.MethodDescriptor {
	t.Helper()
	file := protodesc.ToFileDescriptorProto(method.ParentFile())
	declared := file.GetService()[method.Parent().Index()].GetMethod()[method.Index()]
	if declared.Options == nil {
		declared.Options = new(descriptorpb.MethodOptions)
	}
	declared.Options.IdempotencyLevel = level.Enum()
	var resolver protodesc.Resolver = protoregistry.GlobalFiles // has Google's messages
	if method.ParentFile().Path() != "canonical.proto" {
		resolver = descriptors(t)
	}
	built, err := protodesc.NewFile(file, resolver)
	if err != nil {
		t.Fatal(err)
	}
	return built.Services().Get(method.Parent().Index()).Methods().Get(method.Index())
}

// TestIdempotent has only the method's own descriptor say that it may be called again, however it is bound.
func TestIdempotent(t *testing.T) {
	t.Parallel()
	es := editions["v2"]
	methods := map[string]protoreflect.MethodDescriptor{
		"typed": descriptor(t, "KindsService.Kinds"), "with a turn": descriptor(t, "KindsService.Whole"),
		"canonical": canonical(t, es.request, es.response),
	}
	annotated := map[bool]*binding.Annotations{false: nil, true: {Intent: &intentgatev1.IntentOptions{DisplayName: []string{"kinds"}}}}
	for name, method := range methods {
		for level, want := range map[descriptorpb.MethodOptions_IdempotencyLevel]bool{
			descriptorpb.MethodOptions_IDEMPOTENCY_UNKNOWN: false,
			descriptorpb.MethodOptions_NO_SIDE_EFFECTS:     true,
			descriptorpb.MethodOptions_IDEMPOTENT:          true,
		} {
			for configured, annotations := range annotated {
				compiled, err := binding.Compile(levelled(t, method, level), binding.Options{Platform: dialogflow.ES, Annotations: annotations})
				if err != nil {
					t.Fatal(err)
				}
				call, err := compiled.Call(read(t, dialogflow.ES, esBody))
				if err != nil || call.Idempotent != want {
					t.Errorf("%s, %s, bound by configuration: %t: idempotent is %t, %v; want %t", name, level, configured, call.Idempotent, err, want)
				}
			}
		}
	}
	call, err := binding.NewIntentService(binding.IntentServiceOptions{}).Call(read(t, dialogflow.ES, esBody))
	if err != nil || call.Idempotent {
		t.Errorf("IntentService: idempotent is %t, %v; nobody knows what it does", call.Idempotent, err)
	}
}
