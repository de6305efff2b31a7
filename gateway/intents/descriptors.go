package intents

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// The bounds on what a service can make the gateway hold of it.
const (
	MaxDescriptors = 16 << 20 // bytes of a descriptor set
	maxFiles       = 2000
	maxMethods     = 2000
)

// parse reads a descriptor set in protobuf's wire format.
func parse(set []byte) (services []protoreflect.ServiceDescriptor, err error) {
	if len(set) > MaxDescriptors {
		return nil, fmt.Errorf("%d bytes of descriptors; at most %d are read", len(set), MaxDescriptors)
	}
	message := new(descriptorpb.FileDescriptorSet)
	if err := proto.Unmarshal(set, message); err != nil {
		return nil, fmt.Errorf("no descriptor set, as `buf build -o FILE` writes it: %w", err)
	}
	if files := len(message.GetFile()); files == 0 || files > maxFiles {
		return nil, fmt.Errorf("a descriptor set of %d files; want 1 to %d", files, maxFiles)
	}
	defer func() { // they come from elsewhere, and nobody has fuzzed the linker for long
		if panicked := recover(); panicked != nil {
			services, err = nil, fmt.Errorf("descriptors that cannot be linked: %v", panicked)
		}
	}()
	files, err := protodesc.NewFiles(message)
	if err != nil {
		return nil, fmt.Errorf("descriptors that do not fit together; were they written with all that they import? %w", err)
	}
	methods := 0
	files.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			services = append(services, file.Services().Get(i))
			methods += file.Services().Get(i).Methods().Len()
		}
		return true
	})
	if methods > maxMethods {
		return nil, fmt.Errorf("%d methods; at most %d are read", methods, maxMethods)
	}
	return services, nil
}
