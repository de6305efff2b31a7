package backend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	reflection "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// The bounds on what a service can make the gateway hold of it. A list of services says little in each byte, and takes much
// in memory; descriptors stay the bytes that they are.
const (
	maxDescriptors = 16 << 20 // bytes
	maxFiles       = 5000
	maxImports     = 20_000
	maxServices    = 1000
	maxList        = 1 << 20 // bytes
)

// reflectionMethods are the versions of the one protocol, the newer first. Their messages are the same on the wire.
var reflectionMethods = []string{
	reflection.ServerReflection_ServerReflectionInfo_FullMethodName,
	"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
}

// Descriptors asks the service by server reflection what it serves, and returns that, without gRPC's own services, as a
// google.protobuf.FileDescriptorSet with all that it imports. Nothing in it has been judged. Equal answers give equal
// bytes. The error is a gRPC status where the service answered with one.
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

func (c *Client) reflect(ctx context.Context, method string) ([]byte, error) {
	ctx, cancel := context.WithCancel(ctx) // ends the stream
	defer cancel()
	conn := c.hold()
	defer conn.calls.RUnlock()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, method,
		grpc.ForceCodecV2(rawCodec{}), grpc.MaxCallRecvMsgSize(maxDescriptors))
	if err != nil {
		return nil, err
	}
	asked := reflected{stream: stream, files: map[string][]byte{}}
	services, err := asked.services()
	if err != nil {
		return nil, err
	}
	for _, service := range services {
		if err := asked.describe(service); err != nil {
			return nil, fmt.Errorf("%s: %w", cut(service), err)
		}
	}
	if err := asked.end(); err != nil {
		return nil, err
	}
	var set []byte
	for _, name := range slices.Sorted(maps.Keys(asked.files)) {
		set = protowire.AppendTag(set, 1, protowire.BytesType)
		set = protowire.AppendBytes(set, asked.files[name])
	}
	return set, nil
}

// reflected is one conversation by the reflection protocol.
type reflected struct {
	stream grpc.ClientStream
	files  map[string][]byte // descriptors by name
	bytes  int               // of them all
}

func (r *reflected) ask(request *reflection.ServerReflectionRequest, limit int) (*reflection.ServerReflectionResponse, error) {
	encoded, err := proto.Marshal(request)
	if err != nil {
		return nil, err
	}
	var answer []byte
	if err = r.stream.SendMsg(encoded); err == nil || errors.Is(err, io.EOF) { // what has ended the stream, receiving tells
		err = r.stream.RecvMsg(&answer)
	}
	switch {
	case errors.Is(err, io.EOF):
		return nil, errors.New("the service ended the conversation about what it serves")
	case err != nil:
		return nil, err
	case len(answer) > limit:
		return nil, fmt.Errorf("the service describes itself in %d bytes; at most %d are read", len(answer), limit)
	}
	response := new(reflection.ServerReflectionResponse)
	if err := proto.Unmarshal(answer, response); err != nil {
		return nil, fmt.Errorf("an answer that is none of server reflection: %w", err)
	}
	if failed := response.GetErrorResponse(); failed != nil {
		return nil, status.Error(codes.Code(failed.GetErrorCode()), cut(failed.GetErrorMessage())) //nolint:gosec // a code is what it should be
	}
	return response, nil
}

// end lets the service end the conversation, which would be a cancelled call in its log otherwise.
func (r *reflected) end() error {
	if err := r.stream.CloseSend(); err != nil {
		return err
	}
	if err := r.stream.RecvMsg(new([]byte)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("server reflection does not end: %w", err)
	}
	return nil
}

// services returns the names of the services that are not gRPC's own.
func (r *reflected) services() ([]string, error) {
	response, err := r.ask(&reflection.ServerReflectionRequest{
		MessageRequest: &reflection.ServerReflectionRequest_ListServices{ListServices: "*"},
	}, maxList)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, service := range response.GetListServicesResponse().GetService() {
		if !strings.HasPrefix(service.GetName(), "grpc.") {
			names = append(names, service.GetName())
		}
	}
	if len(names) > maxServices {
		return nil, fmt.Errorf("%d services; at most %d are read", len(names), maxServices)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// describe asks for the file that declares a service, and for what that imports. A service that its server cannot describe,
// since no generated code stands behind it, claims nothing.
func (r *reflected) describe(service string) error {
	imports, err := r.take(&reflection.ServerReflectionRequest{
		MessageRequest: &reflection.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: service},
	})
	if status.Code(err) == codes.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	for len(imports) > 0 { // a server may send them along, or wait to be asked
		name := imports[0]
		imports = imports[1:]
		if _, known := r.files[name]; known {
			continue
		}
		more, err := r.take(&reflection.ServerReflectionRequest{
			MessageRequest: &reflection.ServerReflectionRequest_FileByFilename{FileByFilename: name},
		})
		if err != nil {
			return fmt.Errorf("%s, which it imports: %w", cut(name), err)
		}
		if _, known := r.files[name]; !known {
			return fmt.Errorf("asked for %s, which it imports, the service describes another file", cut(name))
		}
		if imports = append(imports, more...); len(imports) > maxImports {
			return fmt.Errorf("more than %d imports", maxImports)
		}
	}
	return nil
}

// take asks for files, and returns the names of those that they import.
func (r *reflected) take(request *reflection.ServerReflectionRequest) (imports []string, err error) {
	response, err := r.ask(request, maxDescriptors)
	if err != nil {
		return nil, err
	}
	for _, encoded := range response.GetFileDescriptorResponse().GetFileDescriptorProto() {
		name, imported, err := head(encoded)
		if err != nil {
			return nil, fmt.Errorf("a file descriptor from server reflection: %w", err)
		}
		if _, known := r.files[name]; known {
			continue // servers repeat themselves, and what was said first holds
		}
		if r.bytes += len(encoded); r.bytes > maxDescriptors || len(r.files) == maxFiles {
			return nil, fmt.Errorf("the service describes itself with more than %d bytes or %d files", maxDescriptors, maxFiles)
		}
		r.files[name] = encoded
		imports = append(imports, imported...)
	}
	return imports, nil
}

// head reads a file's name and what it imports from its descriptor, and leaves the rest alone.
func head(file []byte) (name string, imports []string, err error) {
	const nameNumber, importNumber = 1, 3
	for len(file) > 0 {
		number, kind, tag := protowire.ConsumeTag(file)
		if tag < 0 {
			return "", nil, protowire.ParseError(tag)
		}
		size := protowire.ConsumeFieldValue(number, kind, file[tag:])
		if size < 0 {
			return "", nil, protowire.ParseError(size)
		}
		if kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(file[tag:])
			if number == nameNumber {
				name = string(value)
			}
			if number == importNumber {
				imports = append(imports, string(value))
			}
		}
		file = file[tag+size:]
	}
	switch {
	case name == "":
		return "", nil, errors.New("it has no name")
	case len(imports) > maxImports:
		return "", nil, fmt.Errorf("more than %d imports", maxImports)
	}
	return name, imports, nil
}
