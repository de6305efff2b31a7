package binding

import (
	"bytes"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// cursor walks over JSON that the turn's reader has judged. Commas and colons are white space here. What is no JSON
// after all never makes it fail: it comes to an end, or to a token that fits nowhere.
type cursor struct {
	b []byte
	i int
}

// next returns the first byte of the next token, or 0 at the end.
func (c *cursor) next() byte {
	for c.i < len(c.b) {
		switch c.b[c.i] {
		case ' ', '\n', '\r', '\t', ',', ':':
			c.i++
		default:
			return c.b[c.i]
		}
	}
	return 0
}

// enter goes into the object or list that is next. More reports whether there is another value in it, or else leaves
// it. Ended reports whether it was left at a bracket.
func (c *cursor) enter() { c.i++ }

func (c *cursor) more() bool {
	switch c.next() {
	case '}', ']':
		c.i++
		return false
	default:
		return c.i < len(c.b)
	}
}

func (c *cursor) ended() bool { return c.b[c.i-1] == '}' || c.b[c.i-1] == ']' }

// value returns the value, or the name of a member, that is next, as it is written.
func (c *cursor) value() []byte {
	c.next()
	start, depth := c.i, 0
	for c.i < len(c.b) {
		switch c.b[c.i] {
		case '"':
			c.skip()
		case '{', '[':
			depth++
			c.i++
		case '}', ']':
			depth--
			c.i++
		default:
			if c.i++; depth > 0 {
				continue
			}
			for c.i < len(c.b) && !ends[c.b[c.i]] {
				c.i++
			}
		}
		if depth <= 0 {
			break
		}
	}
	return c.b[start:c.i:c.i]
}

// ends are the bytes that end a number or a word.
var ends = [256]bool{' ': true, '\n': true, '\r': true, '\t': true, ',': true, ':': true, ']': true, '}': true}

// skip passes the string that begins here.
func (c *cursor) skip() {
	for c.i++; c.i < len(c.b) && c.b[c.i] != '"'; c.i++ {
		if c.b[c.i] == '\\' {
			c.i++
		}
	}
	c.i = min(c.i+1, len(c.b))
}

// unquoted returns what a JSON string says: a part of it, or of b, to which it was appended. Of what is no string, or no
// UTF-8, it is as much as can be said, and not ok.
func unquoted(b, raw []byte) (text, appended []byte, ok bool) {
	last := len(raw) - 1
	if last > 0 && raw[0] == '"' && raw[last] == '"' && bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		return raw[1:last], b, true
	}
	at := len(b)
	b, err := jsontext.AppendUnquote(b, raw)
	return b[at:len(b):len(b)], b, err == nil
}

// kind returns the first byte of a value: one of {["tfn-0123456789, or 0 of nothing.
func kind(raw []byte) byte {
	if len(raw) == 0 {
		return 0
	}
	return raw[0]
}

// isNull reports whether a value is null or none.
func isNull(raw []byte) bool { return len(raw) == 0 || raw[0] == 'n' }

// unset reports whether a value leaves a field as it is: null, "" or none.
func unset(raw []byte) bool { return isNull(raw) || string(raw) == `""` }

// only returns the element of a list that has exactly one, and none of an empty list; of another value, the value.
// Longer lists are not ok.
func only(raw []byte) (value []byte, ok bool) {
	for value = raw; kind(value) == '['; {
		c := cursor{b: value}
		c.enter()
		if !c.more() {
			return nil, true
		}
		value = c.value()
		if c.more() {
			return nil, false
		}
	}
	return value, true
}
