package caller

import (
	"hash/maphash"
	"sync/atomic"

	"google.golang.org/protobuf/proto"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// callers remembers the callers that were decoded last, by their bytes: those of one agent are the same in each of its turns, and
// decoding them takes longer than all else that is judged. Only what asserting peers say is kept.
type callers struct {
	seed maphash.Seed
	last [64]atomic.Pointer[decoded] // each at the place that its hash says, until another takes it
}

type decoded struct {
	text   string
	caller *intentgatev1.Caller // shared by calls, and so never changed
}

func newCallers() *callers { return &callers{seed: maphash.MakeSeed()} }

// decode reads an intentgate.v1.Caller.
func (c *callers) decode(text string) (*intentgatev1.Caller, *Refusal) {
	place := &c.last[maphash.String(c.seed, text)%uint64(len(c.last))]
	if known := place.Load(); known != nil && known.text == text {
		return known.caller, nil
	}
	who := new(intentgatev1.Caller)
	if err := proto.Unmarshal([]byte(text), who); err != nil {
		return nil, malformed(ReasonUndecodable, "an intentgate.v1.Caller", "%q: %v", MetadataCaller, err)
	}
	if who.GetPlatform() == intentgatev1.Platform_PLATFORM_UNSPECIFIED {
		return nil, malformed(ReasonUndecodable, "a caller that says at least its platform", "%q without one", MetadataCaller)
	}
	place.Store(&decoded{text, who})
	return who, nil
}
