package dialogflow

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// Most of a long body is read for nobody yet, so that what follows is where the time goes: it judges a value by looking at
// eight bytes at once, and makes nothing of it. Everything takes a position in the body and returns the one behind what
// it read, or -1 if that is not there.

// pass reads any value.
func (r *reader) pass(pos int) int {
	switch at(r.body, pos) {
	case '"':
		end, _ := str(r.body, pos)
		return end
	case '{', '[':
		if r.depth == maxBodyDepth {
			r.fault = r.tooDeep(pos)
			return -1
		}
		r.depth++
		if r.body[pos] == '{' {
			pos = r.passMembers(pos + 1)
		} else {
			pos = r.passElements(pos + 1)
		}
		r.depth--
		return pos
	case 'n':
		return literal(r.body, pos, "null")
	case 't':
		return literal(r.body, pos, "true")
	case 'f':
		return literal(r.body, pos, "false")
	default:
		return decimal(r.body, pos)
	}
}

func (r *reader) passMembers(pos int) int {
	in := names{base: len(r.names)}
	pos = space(r.body, pos)
	done := at(r.body, pos) == '}'
	for !done {
		if _, pos = r.name(&in, pos); pos < 0 {
			return -1
		}
		if pos = r.pass(space(r.body, pos)); pos < 0 {
			return -1
		}
		pos = space(r.body, pos)
		switch at(r.body, pos) {
		case '}':
			done = true
		case ',':
			pos = space(r.body, pos+1)
		default:
			return -1
		}
	}
	r.names = r.names[:in.base]
	return pos + 1
}

func (r *reader) passElements(pos int) int {
	pos = space(r.body, pos)
	done := at(r.body, pos) == ']'
	for !done {
		if pos = r.pass(pos); pos < 0 {
			return -1
		}
		pos = space(r.body, pos)
		switch at(r.body, pos) {
		case ']':
			done = true
		case ',':
			pos = space(r.body, pos+1)
		default:
			return -1
		}
	}
	return pos + 1
}

// at returns the byte at a position, or 0 at the end.
func at(b []byte, pos int) byte {
	if pos < len(b) {
		return b[pos]
	}
	return 0
}

// space reads white space, of which there may be none.
func space(b []byte, pos int) int {
	if pos < len(b) && b[pos] <= ' ' {
		return spaces(b, pos)
	}
	return pos
}

// spaces reads white space, mostly one blank, or the end of a line and what the next one is indented by.
func spaces(b []byte, pos int) int {
	if b[pos] == ' ' && at(b, pos+1) > ' ' {
		return pos + 1
	}
	for pos < len(b) {
		switch b[pos] {
		case ' ', '\n', '\r', '\t':
			pos++
		default:
			return pos
		}
		for ; pos+8 <= len(b); pos += 8 {
			if other := binary.LittleEndian.Uint64(b[pos:]) ^ ' '*each; other != 0 {
				if pos += bits.TrailingZeros64(other) / 8; b[pos] > ' ' {
					return pos
				}
				break
			}
		}
	}
	return pos
}

func literal(b []byte, pos int, word string) int {
	if end := pos + len(word); end <= len(b) && string(b[pos:end]) == word {
		return end
	}
	return -1
}

// decimal reads a number.
func decimal(b []byte, pos int) int {
	if n := NumberLength(b[min(pos, len(b)):]); n > 0 {
		return pos + n
	}
	return -1
}

// NumberLength returns the length of the number of JSON's that a text begins with, or 0.
func NumberLength[T string | []byte](text T) int {
	i := 0
	digits := func() (n int) {
		for ; i < len(text) && '0' <= text[i] && text[i] <= '9'; n++ {
			i++
		}
		return n
	}
	if i < len(text) && text[i] == '-' {
		i++
	}
	first := i
	if n := digits(); n == 0 || n > 1 && text[first] == '0' {
		return 0
	}
	if i < len(text) && text[i] == '.' {
		if i++; digits() == 0 {
			return 0
		}
	}
	if i < len(text) && (text[i] == 'e' || text[i] == 'E') {
		if i++; i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		if digits() == 0 {
			return 0
		}
	}
	return i
}

// str reads a string, and reports whether something in it is escaped.
func str(b []byte, pos int) (end int, escaped bool) {
	for pos++; ; {
		for ; pos+8 <= len(b); pos += 8 {
			w := binary.LittleEndian.Uint64(b[pos:])
			odd := (w | (w - ' '*each) | ((w ^ '"'*each) - each) | ((w ^ '\\'*each) - each)) & (0x80 * each)
			if odd != 0 {
				pos += bits.TrailingZeros64(odd) / 8
				break
			}
		}
		c := at(b, pos)
		switch {
		case c == '"':
			return pos + 1, escaped
		case c == '\\':
			escaped = true
			if pos = escape(b, pos); pos < 0 {
				return -1, true
			}
		case c >= utf8.RuneSelf:
			for at(b, pos) >= utf8.RuneSelf {
				char, n := utf8.DecodeRune(b[pos:])
				if char == utf8.RuneError && n == 1 {
					return -1, escaped
				}
				pos += n
			}
		case c < ' ': // a control, or the end
			return -1, escaped
		default: // near the end
			pos++
		}
	}
}

// each has a one in each of the eight bytes of a word.
const each = 0x0101010101010101

// escape reads what a backslash begins. Half of a surrogate pair is no character.
func escape(b []byte, pos int) int {
	switch at(b, pos+1) {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return pos + 2
	case 'u':
		switch hex(b, pos+2) >> 10 {
		case -1, 0xdc00 >> 10:
			return -1
		case 0xd800 >> 10:
			if at(b, pos+6) != '\\' || at(b, pos+7) != 'u' || hex(b, pos+8)>>10 != 0xdc00>>10 {
				return -1
			}
			return pos + 12
		default:
			return pos + 6
		}
	default:
		return -1
	}
}

// hex returns the value of four digits, or -1.
func hex(b []byte, pos int) (v int) {
	for i := range 4 {
		c := at(b, pos+i)
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		v = v<<4 | int(c)
	}
	return v
}
