package dialogflow

import (
	"errors"
	"hash/maphash"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth is how many objects and lists the value of a parameter nests. Each costs up to three levels of protobuf, of
// which common readers follow 100 in all; the deepest body on record has 18.
const maxDepth = 30

// maxBodyDepth is how many a body nests: a parameter stands in three.
const maxBodyDepth = maxDepth + 3

// errSyntax says that the body is no JSON, or not the JSON of one meaning. What exactly is wrong, explain finds out.
var errSyntax = errors.New("not JSON")

// reader walks over one body, once, and judges it on its way: by RFC 8259 and the stricter RFC 7493. jsontext can do
// the same, but takes longer than all the rest of reading a turn; here it decodes the strings that have escapes, and finds
// the words for errors. The fuzz targets hold the two against each other.
type reader struct {
	turn  *Turn
	body  []byte
	pos   int // what is next in the body
	depth int
	fault error // what pass found wrong, if that is not the syntax

	texts    strings.Builder // the strings of the Turn are parts of it
	params   []Parameter     // of one object, or contexts of one list, before their number is known
	contexts []Context
	names    []name // of the objects around the next value
	seed     maphash.Seed
	decoded  []byte   // those names that the body has with escapes
	path     []string // the fields around the next value, "[]" for an element
	scratch  []byte
}

// readers are used again for the memory of their lists. Nothing that one returned is a part of these: texts are begun
// anew, params and contexts are copied, and the others are never handed out.
var readers = sync.Pool{New: func() any { return &reader{seed: maphash.MakeSeed()} }}

// maxKept is the length of the longest body whose reader is used again, and maxListed of the longest of its lists: a few strangers'
// bodies shall neither fill the memory nor have every turn after them wipe as much as they had.
const maxKept, maxListed = 64 << 10, 1024

// read has a reader read a text.
func read(turn *Turn, text []byte, with func(r *reader) error) error {
	r := readers.Get().(*reader) //nolint:errcheck,forcetypeassert // it holds nothing else
	r.turn, r.body = turn, text
	err := with(r)
	if len(text) > maxKept || max(cap(r.params), cap(r.contexts), cap(r.names)) > maxListed {
		return err
	}
	clear(r.params[:cap(r.params)]) // so that they keep no body
	clear(r.contexts[:cap(r.contexts)])
	*r = reader{
		params: r.params[:0], contexts: r.contexts[:0], names: r.names[:0], seed: r.seed, decoded: r.decoded[:0], path: r.path[:0],
		scratch: r.scratch[:0],
	}
	readers.Put(r)
	return err
}

// next returns the first byte of the next token, or 0 at the end of the body.
func (r *reader) next() byte {
	r.pos = space(r.body, r.pos)
	return at(r.body, r.pos)
}

// members reads an object, each value with read. The name is there until the next one is read.
func (r *reader) members(read func(name []byte) error) error {
	if err := r.enter(); err != nil {
		return err
	}
	in := names{base: len(r.names)}
	for done := r.next() == '}'; !done; {
		name, pos := r.name(&in, r.pos)
		if pos < 0 {
			return errSyntax
		}
		r.pos = pos
		if err := read(name); err != nil {
			return err
		}
		switch r.next() {
		case '}':
			done = true
		case ',':
			r.pos = space(r.body, r.pos+1)
		default:
			return errSyntax
		}
	}
	r.names = r.names[:in.base]
	r.leave()
	return nil
}

// elements reads a list, each value with read.
func (r *reader) elements(read func() error) error {
	if err := r.enter(); err != nil {
		return err
	}
	for done := r.next() == ']'; !done; {
		if err := read(); err != nil {
			return err
		}
		switch r.next() {
		case ']':
			done = true
		case ',':
			r.pos++
		default:
			return errSyntax
		}
	}
	r.leave()
	return nil
}

// enter reads the bracket that opens an object or a list, leave the one that closes it.
func (r *reader) enter() error {
	if r.depth == maxBodyDepth {
		return r.tooDeep(r.pos)
	}
	r.depth++
	r.pos++
	return nil
}

func (r *reader) tooDeep(pos int) error {
	return r.fail(pos, "nested deeper than %d levels, wanted fewer", maxBodyDepth)
}

func (r *reader) leave() {
	r.depth--
	r.pos++
}

// value reads any value as it is written.
func (r *reader) value() (Value, error) {
	start := space(r.body, r.pos)
	end := r.pass(start)
	if end < 0 {
		if r.fault != nil {
			return nil, r.fault
		}
		return nil, errSyntax
	}
	r.pos = end
	return r.body[start:end:end], nil
}

// textPiece is how much memory for texts is taken at least: mostly all that a turn needs.
const textPiece = 512

// text returns a copy of b as a string.
func (r *reader) text(b []byte) string {
	if r.texts.Len()+len(b) > r.texts.Cap() {
		r.texts.Reset() // what it holds stays where it is
		r.texts.Grow(max(len(b), textPiece))
	}
	from := r.texts.Len()
	r.texts.Write(b)
	return r.texts.String()[from:]
}

// quoted reads a string. What it returns is there until the next one is read.
func (r *reader) quoted() ([]byte, error) {
	start := r.pos
	end, escaped := str(r.body, start)
	if end < 0 {
		return nil, errSyntax
	}
	r.pos = end
	if escaped {
		return r.unquote(r.body[start:end])
	}
	return r.body[start+1 : end-1], nil
}

// unquote returns what a string says that was read as it is written, until the next one is.
func (r *reader) unquote(v Value) (text []byte, err error) {
	r.scratch, err = jsontext.AppendUnquote(r.scratch[:0], v)
	return r.scratch, err
}
