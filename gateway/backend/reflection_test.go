package backend_test

import (
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/intentgate/intentgate/gateway/backend"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// TestDescriptors asks servers that speak either version of the protocol, and one that speaks none.
func TestDescriptors(t *testing.T) {
	for name, register := range map[string]func(*grpc.Server){
		"v1": func(s *grpc.Server) {
			grpc_reflection_v1.RegisterServerReflectionServer(s, reflection.NewServerV1(reflection.ServerOptions{Services: s}))
		},
		"v1alpha": func(s *grpc.Server) {
			grpc_reflection_v1alpha.RegisterServerReflectionServer(s, reflection.NewServer(reflection.ServerOptions{Services: s}))
		},
		"none": func(*grpc.Server) {},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHop(t)
			server := grpc.NewServer(grpc.Creds(h.service.ServerCredentials()))
			grpc_health_v1.RegisterHealthServer(server, health.NewServer())
			intentgatev1.RegisterIntentServiceServer(server, intentgatev1.UnimplementedIntentServiceServer{})
			register(server)
			listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			address, _ := run(t, server, listener)
			client := dial(t, backend.Config{Target: address, Credentials: h.gateway.ClientCredentials})
			client.await(t, connectivity.Ready)
			set, err := client.Descriptors(t.Context())
			if name == "none" {
				if status.Code(err) != codes.Unimplemented || !strings.Contains(err.Error(), "descriptor set") {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			again, err := client.Descriptors(t.Context())
			if err != nil || string(again) != string(set) {
				t.Errorf("asked again: %v, equal bytes are wanted", err)
			}
			message := new(descriptorpb.FileDescriptorSet)
			if err := proto.Unmarshal(set, message); err != nil {
				t.Fatal(err)
			}
			files, err := protodesc.NewFiles(message)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := files.FindDescriptorByName("intentgate.v1.IntentService.Fulfill"); err != nil {
				t.Error(err)
			}
			if _, err := files.FindDescriptorByName("grpc.health.v1.Health"); err == nil {
				t.Error("gRPC's own services are told too")
			}
		})
	}
}
