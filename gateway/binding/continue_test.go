package binding_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// continued returns a method as it is, but for its annotation's continue_for.
func continued(t *testing.T, method protoreflect.MethodDescriptor, limit *durationpb.Duration) protoreflect.MethodDescriptor {
	t.Helper()
	file := protodesc.ToFileDescriptorProto(method.ParentFile())
	declared := file.GetService()[method.Parent().Index()].GetMethod()[method.Index()]
	declared.Options = new(descriptorpb.MethodOptions)
	proto.SetExtension(declared.Options, intentgatev1.E_Intent, &intentgatev1.IntentOptions{DisplayName: []string{"kinds"}, ContinueFor: limit})
	built, err := protodesc.NewFile(file, descriptors(t))
	if err != nil {
		t.Fatal(err)
	}
	return built.Services().Get(method.Parent().Index()).Methods().Get(method.Index())
}

// An annotation is refused when it is learnt if its time is none that can be kept.
func TestContinueFor(t *testing.T) {
	t.Parallel()
	kinds := descriptor(t, "KindsService.Kinds")
	for name, c := range map[string]struct {
		limit *durationpb.Duration
		want  time.Duration // negative: refused
	}{
		"absent":         {nil, 0},
		"a second":       {durationpb.New(time.Second), time.Second},
		"two minutes":    {durationpb.New(2 * time.Minute), 2 * time.Minute},
		"none":           {&durationpb.Duration{}, -1},
		"too short":      {durationpb.New(time.Second - 1), -1},
		"too long":       {durationpb.New(2*time.Minute + 1), -1},
		"negative":       {durationpb.New(-time.Minute), -1},
		"no duration":    {&durationpb.Duration{Seconds: 30, Nanos: -1}, -1},
		"beyond numbers": {&durationpb.Duration{Seconds: 1 << 62}, -1},
	} {
		method, err := binding.Compile(continued(t, kinds, c.limit), binding.Options{Platform: dialogflow.ES})
		if c.want < 0 {
			if err == nil || !strings.Contains(err.Error(), "continue_for is ") {
				t.Errorf("%s: error %v", name, err)
			}
			if _, err := binding.Intent(continued(t, kinds, c.limit)); err == nil {
				t.Errorf("%s: the claim is not refused", name)
			}
			continue
		}
		if err != nil || method.ContinueFor() != c.want {
			t.Errorf("%s: got %v, %v", name, method.ContinueFor(), err)
		}
	}
	bound, err := binding.Compile(kinds, binding.Options{Platform: dialogflow.ES, Annotations: &binding.Annotations{
		Intent: &intentgatev1.IntentOptions{ContinueFor: durationpb.New(13 * time.Second)},
	}})
	if err != nil || bound.ContinueFor() != 13*time.Second {
		t.Errorf("bound by configuration: %v", err)
	}
	if service := binding.NewIntentService(binding.IntentServiceOptions{ContinueFor: time.Second}); service.ContinueFor() != time.Second {
		t.Error("IntentService forgets it")
	}
}
