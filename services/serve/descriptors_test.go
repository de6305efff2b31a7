package serve_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	ordersv1 "github.com/intentgate/intentgate/gen/go/shop/orders/v1"
	"github.com/intentgate/intentgate/services/serve"
)

func TestDescriptors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "orders.binpb")
	config := serve.Config{Name: "orders", Register: func(r grpc.ServiceRegistrar) {
		ordersv1.RegisterOrderServiceServer(r, ordersv1.UnimplementedOrderServiceServer{})
		hello.register(r)
	}}
	if err := serve.Run(t.Context(), []string{"--descriptors", file}, &bytes.Buffer{}, &bytes.Buffer{}, config); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file) //nolint:gosec // written by this test
	if err != nil {
		t.Fatal(err)
	}
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(text, set); err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, file := range set.GetFile() {
		for _, imported := range file.GetDependency() {
			if !there[imported] {
				t.Errorf("%s stands before %s, which it imports", file.GetName(), imported)
			}
		}
		if there[file.GetName()] {
			t.Errorf("%s is there twice", file.GetName())
		}
		there[file.GetName()] = true
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []protoreflect.FullName{"shop.orders.v1.OrderService", "intentgate.v1.IntentService"} {
		if _, err := files.FindDescriptorByName(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	method, err := files.FindDescriptorByName("shop.orders.v1.OrderService.TrackOrder")
	if err != nil {
		t.Fatal(err)
	}
	intent, _ := proto.GetExtension(method.Options(), intentgatev1.E_Intent).(*intentgatev1.IntentOptions)
	if len(intent.GetTag()) != 1 || intent.GetTag()[0] != "track-order" {
		t.Errorf("TrackOrder is annotated with %v", intent)
	}
}

func TestDescriptorsOfWhat(t *testing.T) {
	for name, c := range map[string]struct {
		file     string
		register func(grpc.ServiceRegistrar)
	}{
		"nothing is registered": {filepath.Join(t.TempDir(), "a"), nil},
		"no generated code":     {filepath.Join(t.TempDir(), "b"), func(r grpc.ServiceRegistrar) { r.RegisterService(&grpc.ServiceDesc{ServiceName: "by.Hand"}, nil) }},
		"no such folder":        {filepath.Join(t.TempDir(), "none", "c"), hello.register},
	} {
		err := serve.Run(t.Context(), []string{"--descriptors", c.file}, &bytes.Buffer{}, &bytes.Buffer{}, serve.Config{Name: "orders", Register: c.register})
		if _, missing := os.Stat(c.file); err == nil || missing == nil {
			t.Errorf("%s: error %v, and the file: %v", name, err, missing)
		}
	}
}
