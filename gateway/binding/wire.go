package binding

import (
	"bytes"
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

// member is where an entry of a map stands in the buffer.
type member struct {
	from, to         int
	nameFrom, nameTo int
}

// entry writes an entry of the map that is field n: its name, and the value as field mapValue by write. The entries of
// a map are to be followed by sorted.
func (w *wire) entry(n field, name string, write func()) {
	m := member{from: len(w.b)}
	at := w.open(n)
	w.text(mapKey, name)
	m.nameFrom, m.nameTo = len(w.b)-len(name), len(w.b)
	write()
	moved := w.close(at)
	m.nameFrom, m.nameTo, m.to = m.nameFrom+moved, m.nameTo+moved, len(w.b)
	w.members = append(w.members, m)
}

// sorted puts the entries written since there were base of them into the order of their names, and forgets them.
func (w *wire) sorted(base int) {
	entries := w.members[base:]
	byName := func(a, b member) int {
		return bytes.Compare(w.b[a.nameFrom:a.nameTo], w.b[b.nameFrom:b.nameTo])
	}
	if !slices.IsSortedFunc(entries, byName) {
		start := entries[0].from
		slices.SortFunc(entries, byName)
		w.scratch = append(w.scratch[:0], w.b[start:]...)
		w.b = w.b[:start]
		for _, m := range entries {
			w.b = append(w.b, w.scratch[m.from-start:m.to-start]...)
		}
	}
	w.members = w.members[:base]
}
