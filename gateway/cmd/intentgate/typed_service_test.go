package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/intentgate/intentgate/gateway/pki"
	"github.com/intentgate/intentgate/services/mtls"
)

// typedService is a service whose code this program does not have, known by its descriptors alone. It keeps what reaches
// it, and speaks reflection.
type typedService struct {
	addr  string
	files *protoregistry.Files

	mu    sync.Mutex
	calls []typedCall
}

// typedCall is a call as the service saw it.
type typedCall struct {
	method   string // such as kinds.v1.TurnsService.Hear
	request  proto.Message
	metadata metadata.MD
}

// take returns the calls since it was last asked for them.
func (s *typedService) take() []typedCall {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

// typedFiles are the descriptors of the protos that typed intents are tested with.
func typedFiles(tb testing.TB) *protoregistry.Files {
	tb.Helper()
	set := new(descriptorpb.FileDescriptorSet)
	wire, err := os.ReadFile("../../binding/testdata/descriptors.binpb")
	if err == nil {
		err = proto.UnmarshalOptions{Resolver: new(protoregistry.Types)}.Unmarshal(wire, set)
	}
	if err != nil {
		tb.Fatal(err)
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		tb.Fatal(err)
	}
	return files
}

// startTyped starts a service with the certificate for it in a folder of certificates, until the test ends. Its methods
// answer with what answer makes of the request.
func startTyped(t *testing.T, dir string, files *protoregistry.Files, name protoreflect.FullName, answer func(request proto.Message, response *dynamicpb.Message) error) *typedService {
	t.Helper()
	s := &typedService{files: files}
	file := func(name string) string { return filepath.Join(dir, certsFolder, name) }
	identity, err := mtls.Open(mtls.Files{Cert: file(pki.OrdersCert), Key: file(pki.OrdersKey), CA: file(pki.InternalCA)}, mtls.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.Creds(identity.ServerCredentials()))
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	server.RegisterService(s.description(t, name, answer), s)
	reflectionv1.RegisterServerReflectionServer(server, reflection.NewServerV1(reflection.ServerOptions{Services: server, DescriptorResolver: files}))
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = listener.Addr().String()
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-done; err != nil {
			t.Errorf("the service ended with %v", err)
		}
	})
	return s
}

// description is what generated code would tell grpc of a service.
func (s *typedService) description(t *testing.T, name protoreflect.FullName, answer func(proto.Message, *dynamicpb.Message) error) *grpc.ServiceDesc {
	t.Helper()
	found, err := s.files.FindDescriptorByName(name)
	if err != nil {
		t.Fatal(err)
	}
	service, ok := found.(protoreflect.ServiceDescriptor)
	if !ok {
		t.Fatalf("%s is a %T", name, found)
	}
	description := &grpc.ServiceDesc{ServiceName: string(name), HandlerType: (*any)(nil), Metadata: service.ParentFile().Path()}
	for i := range service.Methods().Len() {
		method := service.Methods().Get(i)
		description.Methods = append(description.Methods, grpc.MethodDesc{
			MethodName: string(method.Name()),
			Handler: func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
				call := typedCall{method: string(method.FullName()), request: dynamicpb.NewMessage(method.Input())}
				call.metadata, _ = metadata.FromIncomingContext(ctx)
				if err := decode(call.request); err != nil {
					return nil, err
				}
				s.mu.Lock()
				s.calls = append(s.calls, call)
				s.mu.Unlock()
				response := dynamicpb.NewMessage(method.Output())
				return response, answer(call.request, response)
			},
		})
	}
	return description
}

// echo answers with the fields of the request, and asks for an order where none is named.
func echo(request proto.Message, response *dynamicpb.Message) error {
	if fields := request.ProtoReflect().Descriptor().Fields(); !request.ProtoReflect().Has(fields.ByName("order_id")) {
		if err := protojson.Unmarshal([]byte(`{"reply": {"texts": ["Which order?"], "sessionParameters": {"asked": true}}}`), response); err != nil {
			return err
		}
	}
	wire, err := proto.Marshal(request)
	if err != nil {
		return err
	}
	return proto.UnmarshalOptions{DiscardUnknown: true, Merge: true}.Unmarshal(wire, response)
}

// writeSet writes the descriptors of a file and of all that it imports, as `buf build -o` does.
func writeSet(t *testing.T, path string, file protoreflect.FileDescriptor) {
	t.Helper()
	set, there := new(descriptorpb.FileDescriptorSet), map[string]bool{}
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
	add(file)
	wire, err := proto.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, wire, 0o600); err != nil {
		t.Fatal(err)
	}
}

// typedSettings adds a service to the settings that learns its intents as said.
func typedSettings(name, addr, intents string) edit {
	return edit{"routes:\n", fmt.Sprintf(`  - name: %s
    target: %s
    tls: {ca: certs/internal-ca.pem, cert: certs/gateway.pem, key: certs/gateway.key, server_name: orders.internal}
    intents: {%s}
routes:
`, name, addr, intents)}
}
