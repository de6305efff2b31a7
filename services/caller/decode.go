package caller

import (
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// keys are what makes up an asserted caller, with the longest values in bytes.
var keys = [...]struct {
	name  string
	limit int
}{
	{MetadataCaller, MaxCaller},
	{MetadataCall, MaxCall},
	{MetadataRequestID, MaxRequestID},
}

// decode reads what an asserting peer says. The three keys come together, or none does and the call is a direct one. A
// key of ours that is not known here is a newer gateway's, and tolerated.
func decode(md metadata.MD, known *callers) (*Call, *Refusal) {
	for key, values := range md {
		if strings.HasPrefix(key, Prefix) && len(values) > 1 {
			return nil, malformed(ReasonDuplicateKey, "each key once", "%q %d times", key, len(values))
		}
	}
	present := make([]string, 0, len(keys))
	for _, key := range keys {
		if len(md[key.name]) == 0 {
			continue
		}
		present = append(present, key.name)
		if size := len(md[key.name][0]); size > key.limit {
			return nil, malformed(ReasonTooLarge, fmt.Sprintf("at most %d", key.limit), "%d bytes of %q", size, key.name)
		}
	}
	switch len(present) {
	case 0:
		return &Call{}, nil
	case len(keys):
	default:
		return nil, malformed(ReasonIncomplete, "all three keys or none", "only %q", present)
	}

	who, refusal := known.decode(md[MetadataCaller][0])
	if refusal != nil {
		return nil, refusal
	}
	call := &Call{Caller: who, Ref: &intentgatev1.CallRef{}, RequestID: md[MetadataRequestID][0]}
	if err := proto.Unmarshal([]byte(md[MetadataCall][0]), call.Ref); err != nil {
		return nil, malformed(ReasonUndecodable, "an intentgate.v1.CallRef", "%q: %v", MetadataCall, err)
	}
	if call.RequestID == "" || call.RequestID != call.Ref.GetRequestId() {
		return nil, malformed(ReasonRequestIDDiffs, "the same text in both",
			"%q, and %q in the call reference", call.RequestID, call.Ref.GetRequestId())
	}
	return call, nil
}

func malformed(reason, wanted, saw string, args ...any) *Refusal {
	return &Refusal{Code: codes.InvalidArgument, Reason: reason, Saw: fmt.Sprintf(saw, args...), Wanted: wanted}
}
