package joins

import (
	"time"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

const (
	// overhead is about what a call takes beside its texts.
	overhead = 150
	// perBlock is how many calls a block has, and large what is not copied into one.
	perBlock, large = 256, 8 << 10
)

// ended are calls that are kept, in the order in which they ended. There are thousands of them, hardly ever asked for and all alive
// whenever the garbage collector looks: so a good answer is no object of its own, and nothing in a block or in the map of places
// is a pointer. What there is more to, and that is rare, is kept as it is.
type ended struct {
	at     map[place]int // recorded calls, by number
	whole  map[int]*Call // by number: those with more to them than a short answer
	blocks []*block      // of calls with numbers that follow each other
	spare  *block
	begin  int // the number of the first that is kept; the first of its block is a multiple of perBlock
	end    int // the number of the next one
	bytes  int // of them, about
}

// block is a part of the calls that are kept. It is used again when its calls have been dropped. Nobody sees what was in it before,
// or is in it for others: records and texts are appended from the start, a record's text begins where the one before it ends,
// and whoever finds an answer gets a copy of it.
type block struct {
	records []record // at most perBlock
	texts   []byte   // their responses, in their order
}

// record is what is known of each call that is kept.
type record struct {
	place     place
	until     time.Duration
	end, size int32 // end is that of its response in texts
	whole     bool
}

func (e *ended) count() int { return e.end - e.begin }

// of returns the block that a number is in, and where.
func (e *ended) of(number int) (*block, int) {
	return e.blocks[number/perBlock-e.begin/perBlock], number % perBlock
}

// add keeps a call.
func (e *ended) add(call *Call) {
	if e.end%perBlock == 0 {
		next := e.spare
		if e.spare = nil; next == nil {
			next = &block{records: make([]record, 0, perBlock)}
		}
		e.blocks = append(e.blocks, next)
	}
	last := e.blocks[len(e.blocks)-1]
	size := len(call.response) + overhead
	whole := call.err != nil || len(call.offered) > 0 || len(call.response) > large
	if whole {
		e.whole[e.end] = call
	} else {
		last.texts = append(last.texts, call.response...)
	}
	if call.err != nil {
		size += proto.Size(status.Convert(call.err).Proto())
	}
	last.records = append(last.records, record{call.place, call.until, int32(len(last.texts)), int32(size), whole}) //nolint:gosec // both are bounded by what is read
	if call.recorded {
		e.at[call.place] = e.end
	}
	e.bytes += size
	e.end++
}

// find returns what a call came to that is recorded.
func (e *ended) find(at place, now time.Duration) (Result, bool) {
	number, ok := e.at[at]
	if !ok {
		return Result{}, false
	}
	in, i := e.of(number)
	switch record := &in.records[i]; {
	case now >= record.until:
		return Result{}, false
	case record.whole:
		return e.whole[number].result(), true
	}
	return Result{Response: append([]byte{}, in.text(i)...), Over: true}, true
}

func (b *block) text(i int) []byte {
	begin := int32(0)
	if i > 0 {
		begin = b.records[i-1].end
	}
	return b.texts[begin:b.records[i].end]
}

// first returns the oldest; nil: there is none.
func (e *ended) first() *record {
	if e.count() == 0 {
		return nil
	}
	in, i := e.of(e.begin)
	return &in.records[i]
}

// drop forgets the oldest, and returns the nonces that it was offered under.
func (e *ended) drop() (offered []string) {
	first := e.first()
	if number, ok := e.at[first.place]; ok && number == e.begin {
		delete(e.at, first.place)
	}
	if first.whole {
		offered = e.whole[e.begin].offered
		delete(e.whole, e.begin)
	}
	e.bytes -= int(first.size)
	if e.begin++; e.begin%perBlock == 0 {
		e.spare = e.blocks[0]
		e.spare.records, e.spare.texts = e.spare.records[:0], e.spare.texts[:0]
		e.blocks = append(e.blocks[:0], e.blocks[1:]...)
	}
	return offered
}
