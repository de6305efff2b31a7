package binding

import (
	"bytes"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// field is the number of a message's field.
type field = protowire.Number

// wire is a buffer of protobuf's wire format.
type wire struct {
	b       []byte
	members []member // of the maps around the end of the buffer
	scratch []byte
}

// open begins field n, a message or a text; close, with what open returned, ends it.
func (w *wire) open(n field) (at int) {
	w.b = protowire.AppendTag(w.b, n, protowire.BytesType)
	return w.begin()
}

// begin is open where the number of the field was written.
func (w *wire) begin() (at int) {
	w.b = append(w.b, 0)
	return len(w.b)
}

// close puts the length before what was written since open. One byte was kept for it, which mostly suffices; where it
// does not, all of that moves, by as many bytes as close returns.
func (w *wire) close(at int) (moved int) {
	size := len(w.b) - at
	moved = protowire.SizeVarint(uint64(size)) - 1 //nolint:gosec // a length is not negative
	w.b = append(w.b, make([]byte, moved)...)
	copy(w.b[at+moved:], w.b[at:at+size])
	protowire.AppendVarint(w.b[:at-1], uint64(size)) //nolint:gosec // a length is not negative
	return moved
}

// text writes a string as field n.
func (w *wire) text(n field, s string) {
	w.b = protowire.AppendTag(w.b, n, protowire.BytesType)
	w.b = protowire.AppendString(w.b, s)
}

// bytes writes a text as field n.
func (w *wire) bytes(n field, text []byte) {
	w.b = protowire.AppendTag(w.b, n, protowire.BytesType)
	w.b = protowire.AppendBytes(w.b, text)
}

// varint writes a number as field n, unless it is zero.
func (w *wire) varint(n field, v int64) {
	if v != 0 {
		w.b = protowire.AppendTag(w.b, n, protowire.VarintType)
		w.b = protowire.AppendVarint(w.b, uint64(v)) //nolint:gosec // negative numbers are written as their two's complement
	}
}

// bool writes a field n that is true.
func (w *wire) bool(n field, v bool) { w.varint(n, int64(protowire.EncodeBool(v))) } //nolint:gosec // 0 or 1

// double writes a number as field n.
func (w *wire) double(n field, v float64) {
	w.b = protowire.AppendTag(w.b, n, protowire.Fixed64Type)
	w.b = protowire.AppendFixed64(w.b, math.Float64bits(v))
}

// member is where an entry of a map stands in the buffer.
type member struct {
	from, to       int
	keyFrom, keyTo int
}

// entry ends an entry of a map, whose field begins at from, was opened at, and has its key up to there. The entries of
// a map are to be followed by sorted.
func (w *wire) entry(from, at, keyTo int) {
	moved := w.close(at)
	w.members = append(w.members, member{from: from, to: len(w.b), keyFrom: at + moved, keyTo: keyTo + moved})
}

// sorted puts the entries written since there were base of them into one order, by key, forgets them, and reports whether
// each has a key of its own.
func (w *wire) sorted(base int) (unique bool) {
	entries := w.members[base:]
	w.members = w.members[:base]
	byKey := func(a, b member) int {
		return bytes.Compare(w.b[a.keyFrom:a.keyTo], w.b[b.keyFrom:b.keyTo])
	}
	ascending := func() bool {
		for i := 1; i < len(entries); i++ {
			if byKey(entries[i-1], entries[i]) >= 0 {
				return false
			}
		}
		return true
	}
	if ascending() {
		return true
	}
	start := entries[0].from
	slices.SortFunc(entries, byKey)
	unique = ascending()
	w.scratch = append(w.scratch[:0], w.b[start:]...)
	w.b = w.b[:start]
	for _, m := range entries {
		w.b = append(w.b, w.scratch[m.from-start:m.to-start]...)
	}
	return unique
}
