package intents

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// parse reads a descriptor set in protobuf's wire format and returns its methods by their full names.
func parse(set []byte) (methods []protoreflect.MethodDescriptor, err error) {
	small, err := lean(set)
	if err != nil {
		return nil, err
	}
	message := new(descriptorpb.FileDescriptorSet)
	// Options that are extensions stay bytes until somebody asks for ours.
	if err := (proto.UnmarshalOptions{Resolver: new(protoregistry.Types)}).Unmarshal(small, message); err != nil {
		return nil, notASet(err)
	}
	if err := publicWays(message.GetFile()); err != nil {
		return nil, err
	}
	files, err := protodesc.NewFiles(message)
	if err != nil {
		return nil, fmt.Errorf("descriptors that do not fit together: %w; build them anew, with all that they import: buf build, or protoc --include_imports", err)
	}
	for file := range files.RangeFiles {
		for i := range file.Services().Len() {
			all := file.Services().Get(i).Methods()
			for j := range all.Len() {
				methods = append(methods, all.Get(j))
			}
		}
	}
	if len(methods) > maxMethods {
		return nil, fmt.Errorf("%d methods; at most %d are read: %s", len(methods), maxMethods, smaller)
	}
	slices.SortFunc(methods, func(a, b protoreflect.MethodDescriptor) int { return strings.Compare(methodName(a), methodName(b)) })
	return methods, nil
}

// methodName returns a method's name as people write it: shop.orders.v1.OrderService/TrackOrder.
func methodName(method protoreflect.MethodDescriptor) string {
	return string(method.Parent().FullName()) + "/" + string(method.Name())
}
