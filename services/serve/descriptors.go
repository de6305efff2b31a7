package serve

import (
	"fmt"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// writeDescriptors writes the descriptors of the service's methods into a file, as `buf build -o` does: a
// google.protobuf.FileDescriptorSet in which imports stand before the files that import them.
func writeDescriptors(path string, config Config) error {
	if config.Register == nil {
		return fmt.Errorf("configuration of service %q: Register is missing: there is nothing to describe", config.Name)
	}
	var services names
	config.Register(&services)
	set, there := &descriptorpb.FileDescriptorSet{}, map[string]bool{}
	var add func(protoreflect.FileDescriptor)
	add = func(file protoreflect.FileDescriptor) {
		if there[file.Path()] {
			return
		}
		there[file.Path()] = true
		for i := range file.Imports().Len() {
			add(file.Imports().Get(i).FileDescriptor)
		}
		set.File = append(set.File, protodesc.ToFileDescriptorProto(file))
	}
	for _, name := range services {
		service, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
		if err != nil {
			return fmt.Errorf("descriptors of service %s: %w; register it by its generated code", name, err)
		}
		add(service.ParentFile())
	}
	bytes, err := proto.MarshalOptions{Deterministic: true}.Marshal(set)
	if err != nil {
		return fmt.Errorf("descriptors: %w", err)
	}
	return os.WriteFile(path, bytes, 0o644) //nolint:gosec // nothing in it is secret, and the gateway may be another user
}

// names are those of the services that are registered.
type names []string

// RegisterService notes a service.
func (n *names) RegisterService(desc *grpc.ServiceDesc, _ any) { *n = append(*n, desc.ServiceName) }
