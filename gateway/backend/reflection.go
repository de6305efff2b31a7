package backend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	reflection "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

// maxDescriptors bounds what a service can make the gateway hold of it, in bytes, and maxFiles in files.
const (
	maxDescriptors = 16 << 20
	maxFiles       = 2000
)

// reflectionMethods are the versions of the one protocol, the newer first. Their messages are the same on the wire.
var reflectionMethods = []string{
	reflection.ServerReflection_ServerReflectionInfo_FullMethodName,
	"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
}

// Descriptors asks the service by server reflection what it serves, and returns that, without gRPC's own services, as a
// google.protobuf.FileDescriptorSet with all that it imports. Equal answers give equal bytes. The error is a gRPC status
// where the service answered with one.
func (c *Client) Descriptors(ctx context.Context) ([]byte, error) {
	var unimplemented error
	for _, method := range reflectionMethods {
		set, err := c.reflect(ctx, method)
		if status.Code(err) != codes.Unimplemented {
			return set, err
		}
		unimplemented = err
	}
	return nil, fmt.Errorf("the service has no server reflection: register it, or give the gateway a descriptor set: %w", unimplemented)
}

func (c *Client) reflect(ctx context.Context, method string) (_ []byte, err error) {
	ctx, cancel := context.WithCancel(ctx) // ends the stream
	defer cancel()
	conn, release := c.hold()
	defer release()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, method,
		grpc.MaxCallRecvMsgSize(maxDescriptors))
	if err != nil {
		return nil, err
	}
	asked := reflected{stream: stream, files: map[string]*descriptorpb.FileDescriptorProto{}}
	services, err := asked.services()
	if err != nil {
		return nil, err
	}
	for _, service := range services {
		if err := asked.symbol(service); err != nil {
			return nil, err
		}
	}
	if err := asked.end(); err != nil {
		return nil, err
	}
	set := &descriptorpb.FileDescriptorSet{}
	for _, file := range asked.files {
		set.File = append(set.File, file)
	}
	slices.SortFunc(set.File, func(a, b *descriptorpb.FileDescriptorProto) int { return strings.Compare(a.GetName(), b.GetName()) })
	return proto.MarshalOptions{Deterministic: true}.Marshal(set)
}

// reflected is one conversation by the reflection protocol.
type reflected struct {
	stream grpc.ClientStream
	files  map[string]*descriptorpb.FileDescriptorProto
	bytes  int
}

func (r *reflected) ask(request *reflection.ServerReflectionRequest) (*reflection.ServerReflectionResponse, error) {
	if err := r.stream.SendMsg(request); err != nil {
		if err := r.stream.RecvMsg(new(reflection.ServerReflectionResponse)); err != nil {
			return nil, err // says why the stream has ended
		}
		return nil, err
	}
	response := new(reflection.ServerReflectionResponse)
	if err := r.stream.RecvMsg(response); err != nil {
		return nil, err
	}
	if failed := response.GetErrorResponse(); failed != nil {
		return nil, status.Error(codes.Code(failed.GetErrorCode()), failed.GetErrorMessage()) //nolint:gosec // a code is what it should be
	}
	return response, nil
}

// end lets the service end the conversation, which would be a cancelled call in its log otherwise.
func (r *reflected) end() error {
	if err := r.stream.CloseSend(); err != nil {
		return err
	}
	if err := r.stream.RecvMsg(new(reflection.ServerReflectionResponse)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("server reflection does not end: %w", err)
	}
	return nil
}

// services returns the names of the services that are not gRPC's own.
func (r *reflected) services() ([]string, error) {
	response, err := r.ask(&reflection.ServerReflectionRequest{
		MessageRequest: &reflection.ServerReflectionRequest_ListServices{ListServices: "*"},
	})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, service := range response.GetListServicesResponse().GetService() {
		if !strings.HasPrefix(service.GetName(), "grpc.") {
			names = append(names, service.GetName())
		}
	}
	return names, nil
}

// symbol asks for the file that declares a service, and for what that imports.
func (r *reflected) symbol(name string) error {
	return r.take(&reflection.ServerReflectionRequest{
		MessageRequest: &reflection.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: name},
	})
}

func (r *reflected) take(request *reflection.ServerReflectionRequest) error {
	response, err := r.ask(request)
	if err != nil {
		return err
	}
	var imports []string
	for _, encoded := range response.GetFileDescriptorResponse().GetFileDescriptorProto() {
		if r.bytes += len(encoded); r.bytes > maxDescriptors || len(r.files) == maxFiles {
			return fmt.Errorf("the service describes itself with more than %d bytes or %d files", maxDescriptors, maxFiles)
		}
		file := new(descriptorpb.FileDescriptorProto)
		if err := proto.Unmarshal(encoded, file); err != nil {
			return fmt.Errorf("a file descriptor from server reflection: %w", err)
		}
		if file.GetName() == "" {
			return errors.New("a file descriptor from server reflection has no name")
		}
		r.files[file.GetName()] = file
		imports = append(imports, file.GetDependency()...)
	}
	for _, name := range imports { // a server may send them along, or wait to be asked
		if r.files[name] != nil {
			continue
		}
		if err := r.take(&reflection.ServerReflectionRequest{
			MessageRequest: &reflection.ServerReflectionRequest_FileByFilename{FileByFilename: name},
		}); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if r.files[name] == nil {
			return fmt.Errorf("asked for %s, the service describes another file", name)
		}
	}
	return nil
}
