package dialogflow

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"

	"github.com/go-json-experiment/json/jsontext"
)

// A name is one of a member of an object: where it stands in the body or, less than 0, in the decoded names. Its key is
// made of its first and last bytes and its length: equal names have equal keys, and others mostly different ones.
type name struct {
	key      uint64
	from, to int
}

// names are those of one object: the reader's from base on.
type names struct {
	base int
	many map[uint64]struct{} // hashes, where there are too many to look through: senders cannot foresee them
}

// fewNames is how many names are looked through.
const fewNames = 256

// name reads a name and the colon behind it, or -1 if they are not there or the name has been in the object.
func (r *reader) name(in *names, pos int) (text []byte, end int) {
	if at(r.body, pos) != '"' {
		return nil, -1
	}
	end, escaped := str(r.body, pos)
	if end < 0 {
		return nil, -1
	}
	n := name{from: pos + 1, to: end - 1}
	text = r.body[n.from:n.to]
	if escaped {
		from := len(r.decoded)
		decoded, err := jsontext.AppendUnquote(r.decoded, r.body[pos:end])
		if r.decoded = decoded; err != nil {
			return nil, -1
		}
		n.from, n.to = ^from, ^len(decoded)
		text = decoded[from:]
	}
	n.key = key(text)
	if !r.add(in, n, text) {
		return nil, -1
	}
	if pos = space(r.body, end); at(r.body, pos) != ':' {
		return nil, -1
	}
	return text, pos + 1
}

// key returns the key of a name.
func key(text []byte) uint64 {
	if n := len(text); n >= 8 {
		first, last := binary.LittleEndian.Uint64(text), binary.LittleEndian.Uint64(text[n-8:])
		return first ^ bits.RotateLeft64(last, 29) ^ uint64(n)
	}
	if cap(text) >= 8 { // mostly: what follows is cut off
		return binary.LittleEndian.Uint64(text[:8])&(1<<(8*len(text))-1) | uint64(len(text))<<56
	}
	var padded [8]byte
	copy(padded[:], text)
	return binary.LittleEndian.Uint64(padded[:]) | uint64(len(text))<<56
}

// add reports whether a name is new.
func (r *reader) add(in *names, n name, text []byte) bool {
	before := r.names[in.base:]
	if len(before) < fewNames {
		for i := range before {
			if before[i].key == n.key && bytes.Equal(r.nameText(before[i]), text) {
				return false
			}
		}
	} else if !r.addToMany(in, before, text) {
		return false
	}
	r.names = append(r.names, n)
	return true
}

func (r *reader) addToMany(in *names, before []name, text []byte) bool {
	if in.many == nil {
		in.many = make(map[uint64]struct{}, 2*fewNames)
		for _, n := range before {
			in.many[maphash.Bytes(r.seed, r.nameText(n))] = struct{}{}
		}
	}
	hash := maphash.Bytes(r.seed, text)
	if _, is := in.many[hash]; is {
		for _, n := range before {
			if bytes.Equal(r.nameText(n), text) {
				return false
			}
		}
	}
	in.many[hash] = struct{}{}
	return true
}

func (r *reader) nameText(n name) []byte {
	if n.from < 0 {
		return r.decoded[^n.from:^n.to]
	}
	return r.body[n.from:n.to]
}
