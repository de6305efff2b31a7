package caller

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// Outgoing is what a call to a service says of whom it is made for. Both parts are required, with Caller.platform and
// CallRef.request_id in them.
type Outgoing struct {
	Caller *intentgatev1.Caller
	// CallerBin is what [Marshal] made of Caller; empty: it is made anew.
	CallerBin string
	Ref       *intentgatev1.CallRef
	// Trace is the span that the call is; the zero value begins a trace of its own, which is not sampled.
	Trace Trace
}

// Trace names a span, so that those of the service become its children.
type Trace struct {
	TraceID [16]byte
	SpanID  [8]byte
	Sampled bool // the service is to tell of its spans
}

// NewOutgoingContext returns a context whose outgoing metadata is that of o and nothing else: what the context had is
// dropped, so that nothing can slip in from a request.
func NewOutgoingContext(ctx context.Context, o Outgoing) (context.Context, error) {
	md, err := o.Metadata()
	if err != nil {
		return nil, err
	}
	return metadata.NewOutgoingContext(ctx, md), nil
}

// Metadata returns new metadata with the keys of this package and a traceparent of the call's trace.
// The caller is marshalled deterministically, so that its bytes are the same in each call for one agent and HTTP/2 may
// send them as an index. It fails for what no [Policy] would accept.
func (o Outgoing) Metadata() (metadata.MD, error) {
	switch {
	case o.Caller.GetPlatform() == intentgatev1.Platform_PLATFORM_UNSPECIFIED:
		return nil, errors.New("outgoing call: Caller is missing, or its platform; the gateway always knows it")
	case o.Ref.GetRequestId() == "":
		return nil, errors.New("outgoing call: Ref is missing, or its request_id; make one with RequestID")
	}
	room, _ := rooms.Get().(*[]byte)
	defer rooms.Put(room)
	b := (*room)[:0]
	if o.CallerBin == "" {
		var err error
		if b, err = marshal.MarshalAppend(b, o.Caller); err != nil {
			return nil, fmt.Errorf("outgoing call: caller: %w", err)
		}
	}
	callerEnd := len(b)
	b, err := marshal.MarshalAppend(b, o.Ref)
	if err != nil {
		return nil, fmt.Errorf("outgoing call: call reference: %w", err)
	}
	refEnd := len(b)
	b = o.Trace.appendParent(b)
	*room = b
	text := string(b) // all of it at once: the room is another call's next
	values := []string{cmp.Or(o.CallerBin, text[:callerEnd]), text[callerEnd:refEnd], o.Ref.GetRequestId(), text[refEnd:]}
	md := metadata.MD{
		MetadataCaller:      values[0:1:1],
		MetadataCall:        values[1:2:2],
		MetadataRequestID:   values[2:3:3],
		MetadataTraceParent: values[3:4:4],
	}
	for _, key := range keys {
		if size := len(md[key.name][0]); size > key.limit {
			return nil, fmt.Errorf("outgoing call: %s is %d bytes long, at most %d are taken", key.name, size, key.limit)
		}
	}
	return md, nil
}

// Marshal returns a caller as it goes into metadata, for those who call for it more than once: [Outgoing].CallerBin. It is empty where that
// cannot be, which Metadata will say.
func Marshal(who *intentgatev1.Caller) string {
	b, err := marshal.Marshal(who)
	if err != nil {
		return ""
	}
	return string(b)
}

var marshal = proto.MarshalOptions{Deterministic: true}

// rooms are where metadata is put together, each for one call at a time.
var rooms = sync.Pool{New: func() any { return new([]byte) }}

// appendParent appends the trace as W3C writes it. One that came with a request is not continued, since whoever may call Dialogflow can
// set it.
func (t Trace) appendParent(b []byte) []byte {
	if t.TraceID == [16]byte{} {
		_, _ = rand.Read(t.TraceID[:]) // never fails: it ends the process rather than return a guessable number
		_, _ = rand.Read(t.SpanID[:])
	}
	b = hex.AppendEncode(append(b, "00-"...), t.TraceID[:])
	b = hex.AppendEncode(append(b, '-'), t.SpanID[:])
	if t.Sampled {
		return append(b, "-01"...)
	}
	return append(b, "-00"...)
}
