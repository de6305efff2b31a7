package peer

import (
	"context"

	"cloud.google.com/go/dialogflow/apiv2/dialogflowpb"
	"cloud.google.com/go/dialogflow/cx/apiv3/cxpb"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/intentgate/intentgate/gateway/bench/turns"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// canonicalService has a method for each platform, named as that is, whose messages are Dialogflow's own. Protos of Google's are no
// part of the tree, hence the descriptor that is made here, and what else a compiler would make of a file.
const (
	canonicalService = "intentgate.bench.v1.CanonicalService"
	canonicalFile    = "intentgate/bench/v1/canonical_service.proto"
)

// describeCanonical makes the service known, once.
func describeCanonical() error {
	if _, err := protoregistry.GlobalFiles.FindFileByPath(canonicalFile); err == nil {
		return nil
	}
	annotated := func(intent *intentgatev1.IntentOptions) *descriptorpb.MethodOptions {
		options := &descriptorpb.MethodOptions{IdempotencyLevel: descriptorpb.MethodOptions_NO_SIDE_EFFECTS.Enum()}
		proto.SetExtension(options, intentgatev1.E_Intent, intent)
		return options
	}
	method := func(platform string, request, response protoreflect.ProtoMessage, options *descriptorpb.MethodOptions) *descriptorpb.MethodDescriptorProto {
		name := func(m protoreflect.ProtoMessage) *string {
			return proto.String("." + string(m.ProtoReflect().Descriptor().FullName()))
		}
		return &descriptorpb.MethodDescriptorProto{Name: &platform, InputType: name(request), OutputType: name(response), Options: options}
	}
	intent, tag := turns.Canonical.Intent()
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String(canonicalFile), Package: proto.String("intentgate.bench.v1"), Syntax: proto.String("proto3"),
		Dependency: []string{
			dialogflowpb.File_google_cloud_dialogflow_v2_webhook_proto.Path(), cxpb.File_google_cloud_dialogflow_cx_v3_webhook_proto.Path(),
			intentgatev1.File_intentgate_v1_annotations_proto.Path(),
		},
		Service: []*descriptorpb.ServiceDescriptorProto{{
			Name: proto.String("CanonicalService"),
			Method: []*descriptorpb.MethodDescriptorProto{
				method("ES", &dialogflowpb.WebhookRequest{}, &dialogflowpb.WebhookResponse{}, annotated(&intentgatev1.IntentOptions{DisplayName: []string{intent}})),
				method("CX", &cxpb.WebhookRequest{}, &cxpb.WebhookResponse{}, annotated(&intentgatev1.IntentOptions{Tag: []string{tag}})),
			},
		}},
	}, protoregistry.GlobalFiles)
	if err != nil {
		return err
	}
	return protoregistry.GlobalFiles.RegisterFile(file)
}

// registerCanonical registers the service's handlers.
func registerCanonical(r grpc.ServiceRegistrar) {
	r.RegisterService(&grpc.ServiceDesc{
		ServiceName: canonicalService, HandlerType: (*any)(nil), Metadata: canonicalFile,
		Methods: []grpc.MethodDesc{{MethodName: "ES", Handler: handle("ES", answerES)}, {MethodName: "CX", Handler: handle("CX", answerCX)}},
	}, struct{}{})
}

// handle is what the generated code of a method is.
func handle[M any, R any, Request interface {
	*M
	proto.Message
}](name string, answer func(Request) *R) func(any, context.Context, func(any) error, grpc.UnaryServerInterceptor) (any, error) {
	return func(srv any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
		in := Request(new(M))
		if err := decode(in); err != nil {
			return nil, err
		}
		if interceptor == nil {
			return answer(in), nil
		}
		info := &grpc.UnaryServerInfo{Server: srv, FullMethod: "/" + canonicalService + "/" + name}
		return interceptor(ctx, in, info, func(_ context.Context, request any) (any, error) {
			in, _ := request.(Request)
			return answer(in), nil
		})
	}
}

func answerES(request *dialogflowpb.WebhookRequest) *dialogflowpb.WebhookResponse {
	order := request.GetQueryResult().GetParameters().GetFields()["order_id"].GetStringValue()
	return &dialogflowpb.WebhookResponse{FulfillmentText: answer(order)}
}

func answerCX(request *cxpb.WebhookRequest) *cxpb.WebhookResponse {
	text := answer(request.GetSessionInfo().GetParameters()["order_id"].GetStringValue())
	return &cxpb.WebhookResponse{FulfillmentResponse: &cxpb.WebhookResponse_FulfillmentResponse{
		Messages: []*cxpb.ResponseMessage{{Message: &cxpb.ResponseMessage_Text_{Text: &cxpb.ResponseMessage_Text{Text: []string{text}}}}},
	}}
}

// answer is what is said of an order.
func answer(order string) string { return turns.Answer + order + " left our warehouse on Friday." }
