package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"sync"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/intentgate/intentgate/gateway"
	"github.com/intentgate/intentgate/gateway/backend"
	"github.com/intentgate/intentgate/gateway/simulator"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller"
)

// recorder keeps the calls of services until they are asked for. Its zero value is empty.
type recorder struct {
	mu    sync.Mutex
	calls map[string][]simulator.Call // by session
}

func (r *recorder) note(session string, call simulator.Call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.calls == nil {
		r.calls = map[string][]simulator.Call{}
	}
	r.calls[session] = append(r.calls[session], call)
}

// take returns the calls of a session since it was last asked.
func (r *recorder) take(session string) []simulator.Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls := r.calls[session]
	delete(r.calls, session)
	return calls
}

// observed has the calls of a service seen.
func (e *embedded) observed(service gateway.Service) gateway.Service { return observed{service, e} }

type observed struct {
	gateway.Service

	by *embedded
}

// Invoke calls, and notes the call.
func (o observed) Invoke(ctx context.Context, made *backend.Call) ([]byte, error) {
	response, err := o.Service.Invoke(ctx, made)
	var from intentgatev1.Caller
	var ref intentgatev1.CallRef
	outgoing, _ := metadata.FromOutgoingContext(ctx)
	for key, message := range map[string]proto.Message{caller.MetadataCaller: &from, caller.MetadataCall: &ref} {
		for _, value := range outgoing.Get(key) {
			_ = proto.Unmarshal([]byte(value), message) // the gateway made it
		}
	}
	call := simulator.Call{Method: strings.TrimPrefix(made.Method, "/"), Caller: compact(&from), Ref: compact(&ref)}
	if known := o.by.method(call.Method); known != nil {
		call.Request, call.Response = decoded(known.Input(), made.Request), decoded(known.Output(), response)
	}
	if err != nil {
		bare := status.Convert(err).Proto()
		call.Response, call.Status = nil, compact(bare)
		if call.Status == nil { // details of types that are not known here
			bare.Details = nil
			call.Status = compact(bare)
		}
	}
	o.by.calls.note(ref.GetSession(), call)
	return response, err
}

// method describes a method; nil: nobody knows of it.
func (e *embedded) method(name string) protoreflect.MethodDescriptor {
	if "/"+name == intentgatev1.IntentService_Fulfill_FullMethodName {
		return intentgatev1.File_intentgate_v1_intent_service_proto.Services().Get(0).Methods().ByName("Fulfill")
	}
	if catalog := e.gateway.Catalog(); catalog != nil {
		for _, service := range catalog.Report() {
			for _, known := range service.Methods {
				if known.Name == name {
					return known.Descriptor
				}
			}
		}
	}
	return nil
}

// decoded is an encoded message as JSON; nil where it is none.
func decoded(of protoreflect.MessageDescriptor, wire []byte) json.RawMessage {
	message := dynamicpb.NewMessage(of)
	if proto.Unmarshal(wire, message) != nil {
		return nil
	}
	return compact(message)
}

// compact returns a message as one line of JSON; nil where it holds what nobody can decode.
func compact(m proto.Message) json.RawMessage {
	text, err := protojson.Marshal(m)
	var b bytes.Buffer
	if err != nil || json.Compact(&b, text) != nil { // protojson varies its white space on purpose
		return nil
	}
	return b.Bytes()
}
