package backend

import (
	"fmt"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
)

// rawCodec hands messages through as the bytes that they are: a []byte out, into a *[]byte in. It goes by the name of
// the protobuf codec, because that is what the bytes are and what the content type must say, but is never registered:
// it is forced call by call, and health checks keep the codec that knows messages.
//
// What goes out is a plain slice that the garbage collector owns. Invoke returns when the deadline is over, while the
// transport may be in the middle of writing the request to a peer that reads slowly, and goes on reading the slice when
// the peer does: were it taken from a pool and put back, the next turn's bytes would go out under this turn's metadata.
// What comes in is copied before grpc takes its own buffers back.
type rawCodec struct{}

var _ encoding.CodecV2 = rawCodec{}

// Name is the content subtype.
func (rawCodec) Name() string { return "proto" }

// Marshal takes a []byte, which must never change again.
func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	message, ok := v.([]byte)
	if !ok {
		return nil, fmt.Errorf("raw message is %T, want []byte", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(message)}, nil
}

// Unmarshal takes a *[]byte and leaves a copy there, never nil.
func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	message, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("raw message is %T, want *[]byte", v)
	}
	*message = make([]byte, data.Len())
	data.CopyTo(*message)
	return nil
}
