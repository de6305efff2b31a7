package backend_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	reflection "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/intentgate/intentgate/gateway/backend"
)

// describer answers questions of server reflection as a test wants.
type describer struct {
	reflection.UnimplementedServerReflectionServer

	services []string
	// of returns the files for the name of a service or of a file.
	of func(name string) ([][]byte, error)
}

func (d describer) ServerReflectionInfo(stream grpc.BidiStreamingServer[reflection.ServerReflectionRequest, reflection.ServerReflectionResponse]) error {
	for {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		response := &reflection.ServerReflectionResponse{}
		if request.GetListServices() != "" {
			list := &reflection.ListServiceResponse{}
			for _, name := range d.services {
				list.Service = append(list.Service, &reflection.ServiceResponse{Name: name})
			}
			response.MessageResponse = &reflection.ServerReflectionResponse_ListServicesResponse{ListServicesResponse: list}
		} else {
			files, err := d.of(request.GetFileContainingSymbol() + request.GetFileByFilename())
			response.MessageResponse = &reflection.ServerReflectionResponse_FileDescriptorResponse{
				FileDescriptorResponse: &reflection.FileDescriptorResponse{FileDescriptorProto: files},
			}
			if err != nil {
				response.MessageResponse = &reflection.ServerReflectionResponse_ErrorResponse{ErrorResponse: &reflection.ErrorResponse{
					ErrorCode: int32(status.Code(err)), ErrorMessage: status.Convert(err).Message(), //nolint:gosec // a code
				}}
			}
		}
		if err := stream.Send(response); err != nil {
			return err
		}
	}
}

func described(name string, imports ...string) [][]byte {
	wire, err := proto.Marshal(&descriptorpb.FileDescriptorProto{Name: proto.String(name), Dependency: imports})
	if err != nil {
		panic(err)
	}
	return [][]byte{wire}
}

// TestDescriptorsOfLiars asks services that describe themselves wrong, without end, or too much.
func TestDescriptorsOfLiars(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for name, test := range map[string]struct {
		describer

		files int    // of the answer
		want  string // in the error; empty: none
	}{
		"imports sent along": {describer{services: []string{"a.A"}, of: func(string) ([][]byte, error) {
			return append(described("a", "b"), described("b")...), nil
		}}, 2, ""},
		"imports to be asked for": {describer{services: []string{"a.A", "a.B"}, of: func(name string) ([][]byte, error) {
			return map[string][][]byte{"a.A": described("a", "b"), "a.B": described("c", "b"), "b": described("b")}[name], nil
		}}, 3, ""},
		"one that nobody can describe": {describer{services: []string{"a.A", "by.Hand"}, of: func(name string) ([][]byte, error) {
			if name == "by.Hand" {
				return nil, status.Error(codes.NotFound, "not known")
			}
			return described("a"), nil
		}}, 1, ""},
		"the same file, told otherwise": {describer{services: []string{"a.A", "a.B"}, of: func(name string) ([][]byte, error) {
			if name == "a.B" {
				return described("a", "nowhere"), nil
			}
			return described("a"), nil
		}}, 1, ""},
		"another file": {
			describer{services: []string{"a.A"}, of: func(string) ([][]byte, error) { return described("a", "b"), nil }},
			0,
			"a.A: asked for b, which it imports, the service describes another file",
		},
		"an import that is not there": {describer{services: []string{"a.A"}, of: func(name string) ([][]byte, error) {
			if name == "b" {
				return nil, status.Error(codes.NotFound, long)
			}
			return described("a", "b"), nil
		}}, 0, "a.A: b, which it imports: "},
		"imports without end": {
			describer{services: []string{"a.A"}, of: func(name string) ([][]byte, error) { return described(name, name+"'"), nil }},
			0,
			"more than 16777216 bytes or 5000 files",
		},
		"very many imports": {describer{services: []string{"a.A"}, of: func(string) ([][]byte, error) {
			return described("a", strings.Split(strings.Repeat("b,", 30_000), ",")...), nil
		}}, 0, "more than 20000 imports"},
		"too much": {describer{services: []string{"a.A"}, of: func(name string) ([][]byte, error) {
			return described("a", name+long+"'"), nil // never what was asked for, and large
		}}, 0, "another file"},
		"too much in all": {describer{services: manyNames(40, "s"), of: func(name string) ([][]byte, error) {
			return described(name + long), nil
		}}, 0, "more than 16777216 bytes"},
		"too much at once": {
			describer{services: []string{"a.A"}, of: func(string) ([][]byte, error) { return described(strings.Repeat(long, 17)), nil }},
			0,
			"larger than max",
		},
		"a long list":          {describer{services: manyNames(2, long)}, 0, "at most 1048576 are read"},
		"very many services":   {describer{services: manyNames(1001, "s")}, 0, "1001 services; at most 1000"},
		"no services":          {describer{}, 0, ""},
		"a file without name":  {describer{services: []string{"a.A"}, of: func(string) ([][]byte, error) { return described(""), nil }}, 0, "it has no name"},
		"garbage":              {describer{services: []string{"a.A"}, of: func(string) ([][]byte, error) { return [][]byte{{0xff}}, nil }}, 0, "a file descriptor from server reflection"},
		"nothing":              {describer{services: []string{"a.A"}, of: func(string) ([][]byte, error) { return nil, nil }}, 0, ""},
		"refused":              {describer{services: []string{"a.A"}, of: func(string) ([][]byte, error) { return nil, status.Error(codes.PermissionDenied, "no") }}, 0, "PermissionDenied"},
		"gRPC's own, by names": {describer{services: []string{"grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"}}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHop(t)
			server := grpc.NewServer(grpc.Creds(h.service.ServerCredentials()), grpc.MaxSendMsgSize(64<<20))
			reflection.RegisterServerReflectionServer(server, test.describer)
			listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			address, _ := run(t, server, listener)
			client := dial(t, backend.Config{Target: address, Credentials: h.gateway.ClientCredentials})
			client.await(t, connectivity.Ready)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			wire, err := client.Descriptors(ctx)
			set := new(descriptorpb.FileDescriptorSet)
			if bad := proto.Unmarshal(wire, set); bad != nil || len(set.GetFile()) != test.files {
				t.Errorf("%d files, want %d: %v", len(set.GetFile()), test.files, bad)
			}
			if (err == nil) != (test.want == "") || err != nil && (!strings.Contains(err.Error(), test.want) || len(err.Error()) > 1000) {
				t.Errorf("got %.2000v, want %q", err, test.want)
			}
		})
	}
}

func manyNames(n int, prefix string) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprint(prefix, i))
	}
	return names
}
