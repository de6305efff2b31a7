package caller

import (
	"context"
	"errors"

	"google.golang.org/grpc/metadata"
)

// Forward returns a context for calls of another service on behalf of the same caller: its outgoing metadata are the caller, the call
// reference, the request id, the token and the trace of the call that ctx belongs to, as they came, and nothing else. The other service has
// to list this one as a forwarder, or as asserting where it asks for no tokens. It fails in a direct call, which is on nobody's behalf.
func Forward(ctx context.Context) (context.Context, error) {
	call, ok := FromContext(ctx)
	if !ok || call.Direct() {
		return nil, errors.New("forward: the call is made for no caller; call the next service as yourself")
	}
	if call.received == nil { // made by NewContext
		return NewOutgoingContext(ctx, Outgoing{Caller: call.Caller, Ref: call.Ref})
	}
	md := metadata.MD{}
	for _, key := range []string{MetadataCaller, MetadataCall, MetadataRequestID, MetadataToken, MetadataTraceParent} {
		if values := call.received[key]; len(values) > 0 {
			md[key] = values[:1:1]
		}
	}
	return metadata.NewOutgoingContext(ctx, md), nil
}
