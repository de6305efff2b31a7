package dialogflow

import (
	"bytes"
	"errors"
	"slices"
	"unicode/utf8"

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
// the same, but takes longer than all the rest of reading a turn; here it judges and decodes the strings that are not
// plain ASCII, and finds the words for errors. The fuzz targets hold the two against each other.
type reader struct {
	turn  *Turn
	body  []byte
	text  string // the body again: the strings of the Turn are parts of it, so that they cost one copy in all
	pos   int    // what is next in the body
	depth int

	params  []Parameter // the parameters of the Turn are parts of it
	path    []string    // the fields around the next value, "[]" for an element
	scratch []byte
}

// next returns the first byte of the next token, or 0 at the end of the body.
func (r *reader) next() byte {
	body, pos := r.body, r.pos
	for pos < len(body) && body[pos] <= ' ' && (body[pos] == ' ' || body[pos] == '\n' || body[pos] == '\r' || body[pos] == '\t') {
		pos++
	}
	r.pos = pos
	if pos == len(body) {
		return 0
	}
	return body[pos]
}

// members reads an object, each value with read.
func (r *reader) members(read func(name string) error) error {
	if err := r.enter(); err != nil {
		return err
	}
	var seen names
	for done := r.next() == '}'; !done; {
		if r.next() != '"' {
			return errSyntax
		}
		name, err := r.quoted()
		if err != nil {
			return err
		}
		if !seen.add(name) || r.next() != ':' {
			return errSyntax
		}
		r.pos++
		if err := read(name); err != nil {
			return err
		}
		if done, err = r.ends('}'); err != nil {
			return err
		}
	}
	r.leave()
	return nil
}

// elements reads a list, each value with read.
func (r *reader) elements(read func() error) error {
	if err := r.enter(); err != nil {
		return err
	}
	for done := r.next() == ']'; !done; {
		err := read()
		if err != nil {
			return err
		}
		if done, err = r.ends(']'); err != nil {
			return err
		}
	}
	r.leave()
	return nil
}

// enter reads the bracket that opens an object or a list, leave the one that closes it.
func (r *reader) enter() error {
	if r.depth == maxBodyDepth {
		return r.fail(r.pos, "nested deeper than %d levels, wanted fewer", maxBodyDepth)
	}
	r.depth++
	r.pos++
	return nil
}

func (r *reader) leave() {
	r.depth--
	r.pos++
}

// ends reports whether a bracket follows a value, or else reads the comma.
func (r *reader) ends(bracket byte) (bool, error) {
	switch r.next() {
	case bracket:
		return true, nil
	case ',':
		r.pos++
		return false, nil
	default:
		return false, errSyntax
	}
}

// value reads any value as it is written.
func (r *reader) value() (Value, error) {
	c := r.next()
	start := r.pos
	var err error
	switch c {
	case '{':
		err = r.members(r.pass)
	case '[':
		err = r.elements(func() error { return r.pass("") })
	case '"':
		_, err = r.quoted()
	case 'n':
		err = r.literal("null")
	case 't':
		err = r.literal("true")
	case 'f':
		err = r.literal("false")
	default:
		n := NumberLength(r.body[r.pos:])
		if n == 0 {
			return nil, errSyntax
		}
		r.pos += n
	}
	return r.body[start:r.pos:r.pos], err
}

// pass reads a value for nobody.
func (r *reader) pass(string) error {
	_, err := r.value()
	return err
}

func (r *reader) literal(word string) error {
	if !bytes.HasPrefix(r.body[r.pos:], []byte(word)) {
		return errSyntax
	}
	r.pos += len(word)
	return nil
}

// quoted reads a string.
func (r *reader) quoted() (string, error) {
	body, start := r.body, r.pos+1
	i := start
	for i < len(body) && plain[body[i]] {
		i++
	}
	if i == len(body) || body[i] != '"' {
		return r.encoded(i)
	}
	r.pos = i + 1
	return r.text[start:i], nil
}

// plain tells the bytes of a string that stand for themselves and need no judging: ASCII but for the escaped.
var plain = func() (plain [256]bool) {
	for c := byte(' '); c < utf8.RuneSelf; c++ {
		plain[c] = c != '"' && c != '\\'
	}
	return plain
}()

// encoded reads a string that is not plain ASCII, of which what stands before i is known to be.
func (r *reader) encoded(i int) (string, error) {
	for ; i < len(r.body) && r.body[i] != '"'; i++ {
		if r.body[i] == '\\' {
			i++
		}
	}
	if i >= len(r.body) {
		return "", errSyntax
	}
	start := r.pos
	r.pos = i + 1
	decoded, err := jsontext.AppendUnquote(r.scratch[:0], r.body[start:r.pos])
	if err != nil {
		return "", errSyntax
	}
	r.scratch = decoded
	if len(decoded) == r.pos-start-len(`""`) { // nothing is escaped, as all escapes are longer than what they stand for
		return r.text[start+1 : r.pos-1], nil
	}
	return string(decoded), nil
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

// names are those of one object.
type names struct {
	few  [16]string
	n    int
	many map[string]bool
}

// add reports whether a name is new.
func (s *names) add(name string) bool {
	switch {
	case s.many != nil:
		if s.many[name] {
			return false
		}
		s.many[name] = true
	case slices.Contains(s.few[:s.n], name):
		return false
	case s.n < len(s.few):
		s.few[s.n] = name
		s.n++
	default:
		s.many = map[string]bool{name: true}
		for _, name := range s.few {
			s.many[name] = true
		}
	}
	return true
}
