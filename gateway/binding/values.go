package binding

import (
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// values writes the raw JSON values of a turn as the wire bytes of google.protobuf.Value and Struct, with no message in
// between: making maps that live for a microsecond, and sorting them, would take most of the time of a call. Members
// stand in one order, so that equal values have equal bytes. The first error is kept.
type values struct {
	wire
	unescaped []byte // the string that is next
	err       error
}

// reset forgets all but the buffers.
func (c *values) reset() { c.b, c.members, c.err = c.b[:0], c.members[:0], nil }

// The fields of google.protobuf.Value, Struct and ListValue, and of a map's entries.
const (
	nullValue    field = 1
	numberValue  field = 2
	stringValue  field = 3
	boolValue    field = 4
	structValue  field = 5
	listValue    field = 6
	structFields field = 1
	listValues   field = 1
	mapKey       field = 1
	mapValue     field = 2
)

// message writes one that was made already as field n, where it is there.
func (c *values) message(n field, m proto.Message, there bool) {
	if !there || c.err != nil {
		return
	}
	at := c.open(n)
	c.b, c.err = proto.MarshalOptions{Deterministic: true}.MarshalAppend(c.b, m)
	c.close(at)
}

// string writes a text as field n, unless it is empty.
func (c *values) string(n field, s string) {
	if s != "" {
		c.said(n, s)
	}
}

// said writes a text as field n, an empty one, too.
func (c *values) said(n field, s string) {
	if !utf8.ValidString(s) && c.err == nil {
		c.err = fmt.Errorf("text of %d bytes is no UTF-8", len(s))
	}
	c.text(n, s)
}

// number writes a number as field n, unless it is zero.
func (c *values) number(n field, v float64) {
	if v != 0 {
		c.double(n, v)
	}
}

// value writes a Value as field n, unless there is none. The name is for the error.
func (c *values) value(n field, name string, raw dialogflow.Value) {
	if len(raw) == 0 || c.err != nil {
		return
	}
	at := c.open(n)
	in := cursor{b: raw}
	if !c.json(&in) || in.next() != 0 {
		c.err = fmt.Errorf("value of %q is not one JSON value", name)
	}
	c.close(at)
}

// object writes a Struct as field n, unless there is none. The name is for the error.
func (c *values) object(n field, name string, raw dialogflow.Value) {
	if len(raw) == 0 || c.err != nil {
		return
	}
	at := c.open(n)
	in := cursor{b: raw}
	if in.next() != '{' || !c.fields(&in) || in.next() != 0 {
		c.err = fmt.Errorf("value of %q is no JSON object", name)
	}
	c.close(at)
}

// parameters writes a Struct of named values as field n.
func (c *values) parameters(n field, all dialogflow.Parameters) {
	at, base := c.open(n), len(c.members)
	for _, p := range all {
		from, entry := len(c.b), c.open(structFields)
		c.said(mapKey, p.Name)
		named := len(c.b)
		c.value(mapValue, p.Name, p.Value)
		c.entry(from, entry, named)
	}
	c.sorted(base)
	c.close(at)
}

// json writes the value that comes next as the inside of a Value, and reports whether there was one. Nothing bounds the
// nesting here: the reader did.
func (c *values) json(in *cursor) (ok bool) {
	switch first := in.next(); first {
	case '{':
		at := c.open(structValue)
		ok = c.fields(in)
		c.close(at)
		return ok
	case '[':
		at := c.open(listValue)
		ok = c.list(in)
		c.close(at)
		return ok
	case '"':
		return c.quoted(stringValue, in.value())
	default:
		return c.scalar(string(in.value()))
	}
}

// quoted writes what a string says as field n, and reports whether it is text.
func (c *values) quoted(n field, raw []byte) bool {
	text, unescaped, ok := unquoted(c.unescaped[:0], raw)
	c.unescaped = unescaped
	c.bytes(n, text)
	return ok
}

// fields writes the members of an object as the inside of a Struct.
func (c *values) fields(in *cursor) bool {
	in.enter()
	base := len(c.members)
	for in.more() {
		from, at := len(c.b), c.open(structFields)
		named := c.quoted(mapKey, in.value())
		keyTo, value := len(c.b), c.open(mapValue)
		if !named || !c.json(in) {
			return false
		}
		c.close(value)
		c.entry(from, at, keyTo)
	}
	c.sorted(base)
	return in.ended()
}

// list writes the elements of an array as the inside of a ListValue.
func (c *values) list(in *cursor) bool {
	in.enter()
	for in.more() {
		at := c.open(listValues)
		if !c.json(in) {
			return false
		}
		c.close(at)
	}
	return in.ended()
}

// scalar writes null, true, false or a number: as a double if that holds it, else as a string with the digits as they
// were written.
func (c *values) scalar(text string) bool {
	switch text {
	case "null", "false":
		n := nullValue
		if text == "false" {
			n = boolValue
		}
		c.b = append(protowire.AppendTag(c.b, n, protowire.VarintType), 0)
	case "true":
		c.b = append(protowire.AppendTag(c.b, boolValue, protowire.VarintType), 1)
	default:
		f, held := double(text)
		switch {
		case held:
			c.double(numberValue, f)
		case isNumber(text):
			c.text(stringValue, text)
		default:
			return false
		}
	}
	return true
}
