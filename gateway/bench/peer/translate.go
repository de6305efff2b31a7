package peer

import (
	"context"
	"errors"
	"io"
	"net/http"

	"cloud.google.com/go/dialogflow/apiv2/dialogflowpb"
	"cloud.google.com/go/dialogflow/cx/apiv3/cxpb"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/grpclog"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// canonicalMethods are those of the canonical service by their path, with messages to fill.
var canonicalMethods = map[string]struct {
	method   string
	messages func() (request, response proto.Message)
}{
	"/es": {"/" + canonicalService + "/ES", func() (proto.Message, proto.Message) {
		return new(dialogflowpb.WebhookRequest), new(dialogflowpb.WebhookResponse)
	}},
	"/cx": {"/" + canonicalService + "/CX", func() (proto.Message, proto.Message) { return new(cxpb.WebhookRequest), new(cxpb.WebhookResponse) }},
}

// byProtojson is a webhook by hand: JSON into Dialogflow's message, a call with it, the response into JSON.
func byProtojson(_ context.Context, b *base) (http.Handler, error) {
	mux := http.NewServeMux()
	for path, m := range canonicalMethods {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			request, response := m.messages()
			body, err := io.ReadAll(r.Body)
			if err == nil {
				err = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(body, request)
			}
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			if err := b.conn.Invoke(r.Context(), m.method, request, response); err != nil {
				http.Error(w, err.Error(), http.StatusBadGateway)
				return
			}
			answer, err := protojson.Marshal(response)
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(answer)
		})
	}
	return mux, nil
}

// byGRPCGateway is grpc-gateway as it comes: its handlers are what protoc-gen-grpc-gateway writes of a method with `post: "/es" body: "*"`.
func byGRPCGateway(_ context.Context, b *base) (http.Handler, error) {
	mux := runtime.NewServeMux()
	for path, m := range canonicalMethods {
		err := mux.HandlePath(http.MethodPost, path, func(w http.ResponseWriter, req *http.Request, _ map[string]string) {
			ctx, cancel := context.WithCancel(req.Context())
			defer cancel()
			inbound, outbound := runtime.MarshalerForRequest(mux, req)
			annotated, err := runtime.AnnotateContext(ctx, mux, req, m.method, runtime.WithHTTPPathPattern(path))
			if err != nil {
				runtime.HTTPError(ctx, mux, outbound, w, req, err)
				return
			}
			request, response := m.messages()
			md, err := invoke(annotated, inbound, b.conn, m.method, req, request, response)
			annotated = runtime.NewServerMetadataContext(annotated, md)
			if err != nil {
				runtime.HTTPError(annotated, mux, outbound, w, req, err)
				return
			}
			runtime.ForwardResponseMessage(annotated, mux, outbound, w, req, response, mux.GetForwardResponseOptions()...)
		})
		if err != nil {
			return nil, err
		}
	}
	return mux, nil
}

// invoke reads the body into the request and calls the method.
func invoke(ctx context.Context, inbound runtime.Marshaler, conn *grpc.ClientConn, method string, r *http.Request, request, response proto.Message) (runtime.ServerMetadata, error) {
	var md runtime.ServerMetadata
	if err := inbound.NewDecoder(r.Body).Decode(request); err != nil && !errors.Is(err, io.EOF) {
		return md, status.Errorf(codes.InvalidArgument, "%v", err)
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		grpclog.Errorf("Failed to discard the rest of the body: %v", err)
	}
	md = runtime.ServerMetadata{HeaderMD: metadata.MD{}, TrailerMD: metadata.MD{}}
	err := conn.Invoke(ctx, method, request, response, grpc.Header(&md.HeaderMD), grpc.Trailer(&md.TrailerMD))
	return md, err
}
