package conformance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/intentgate/intentgate/gateway/backend"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/intents"
	conformancev1 "github.com/intentgate/intentgate/gen/go/intentgate/conformance/v1"
	"github.com/intentgate/intentgate/services/mtls"
)

const undescribed = skip("not judged, since descriptors has failed")

// described returns the service's descriptor set.
func (b *bench) described(ctx context.Context) ([]byte, error) {
	if b.set != nil || b.Descriptors != nil {
		return append(b.Descriptors, b.set...), nil
	}
	identity, err := mtls.Open(b.Gateway, mtls.Options{Logger: slog.New(slog.DiscardHandler), Now: b.Now})
	if err != nil {
		return nil, err
	}
	client, err := backend.Dial(backend.Config{ //nolint:contextcheck // it connects in the background, until it is closed
		Name: "service", Target: b.Target, ServerName: b.ServerName, Logger: slog.New(slog.DiscardHandler),
		Credentials: func(name string) credentials.TransportCredentials { return identity.ClientCredentials(name) },
	})
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, b.Patience)
	defer cancel()
	b.set, err = client.Descriptors(ctx)
	return b.set, err
}

// files returns the linked files of the service. Options that are extensions stay bytes.
func (b *bench) files(ctx context.Context) (*protoregistry.Files, error) {
	set, err := b.described(ctx)
	if err != nil {
		return nil, err
	}
	message := &descriptorpb.FileDescriptorSet{}
	if err := (proto.UnmarshalOptions{Resolver: new(protoregistry.Types)}).Unmarshal(set, message); err != nil {
		return nil, fmt.Errorf("no google.protobuf.FileDescriptorSet: %w", err)
	}
	return protodesc.NewFiles(message)
}

func descriptors(ctx context.Context, b *bench) (string, error) {
	files, err := b.files(ctx)
	if err != nil {
		return "", err
	}
	services := 0
	for file := range files.RangeFiles {
		services += file.Services().Len()
	}
	if services == 0 {
		return "", errors.New("no service is described")
	}
	return fmt.Sprintf("%d services in %d files", services, files.NumFiles()), nil
}

func intentsCompile(ctx context.Context, b *bench) (string, error) {
	const name = "service"
	if _, err := b.files(ctx); err != nil {
		return "", undescribed
	}
	everything := []string{"*"}
	catalog, err := intents.New(intents.Config{
		Services: []intents.Service{{
			Name: name, Load: b.described, Allow: intents.Allow{Intents: everything, Actions: everything, Tags: everything},
		}},
		Views: []intents.View{
			{Platform: dialogflow.ES, TimeZone: "UTC"}, {Platform: dialogflow.CX, TimeZone: "UTC"},
		},
		Logger: slog.New(slog.DiscardHandler), Now: b.Now,
	})
	if err != nil {
		return "", err
	}
	if _, err := catalog.Load(ctx, name); err != nil {
		return "", err
	}
	learnt, _ := catalog.ReportOf(name)
	for _, problem := range learnt.Problems {
		err = errors.Join(err, fmt.Errorf("%s: %s", problem.Element, problem.Text))
	}
	if len(learnt.Methods) == 0 {
		return "no method claims an intent: routes and bindings of the configuration have to", err
	}
	return fmt.Sprintf("%d methods that claim intents can be called", len(learnt.Methods)), err
}

// annotations compares the options of the probe's descriptors, which are known here, with what arrives of them.
func annotations(ctx context.Context, b *bench) (_ string, err error) {
	files, err := b.files(ctx)
	if err != nil {
		return "", undescribed
	}
	own := conformancev1.File_intentgate_conformance_v1_probe_service_proto
	for _, want := range []protoreflect.Descriptor{
		own.Services().Get(0).Methods().ByName("Echo"), own.Messages().ByName("EchoRequest").Fields().ByName("order_id"),
	} {
		got, failed := files.FindDescriptorByName(want.FullName())
		if failed != nil {
			return "", fmt.Errorf("%s is not among the descriptors: write them with --probe, too", want.FullName())
		}
		if saw, wanted := optionsOf(got), optionsOf(want); saw != wanted {
			err = errors.Join(err, fmt.Errorf("%s has the options %q instead of %q", want.FullName(), saw, wanted))
		}
	}
	return "the options of a method and a field", err
}

// optionsOf returns options as bytes which are equal for equal options, however they have been read.
func optionsOf(d protoreflect.Descriptor) string {
	written, err := proto.Marshal(d.Options())
	if err != nil {
		return err.Error()
	}
	kind := d.Options().ProtoReflect().New().Interface()
	if err := proto.Unmarshal(written, kind); err != nil { // with all options that are known here
		return err.Error()
	}
	same, _ := proto.MarshalOptions{Deterministic: true}.Marshal(kind)
	return string(same)
}
