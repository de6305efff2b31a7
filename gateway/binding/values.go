package binding

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// values writes the raw JSON values of a turn as the wire bytes of google.protobuf.Value and Struct, with no message in
// between: making maps that live for a microsecond, and sorting them, would take most of the time of a call. Members
// stand in the order of their names, so that equal values have equal bytes. The first error is kept.
type values struct {
	wire
	dec jsontext.Decoder
	in  bytes.Buffer
	err error
}

// reset forgets all but the buffers.
func (c *values) reset() { c.b, c.members, c.in, c.err = c.b[:0], c.members[:0], bytes.Buffer{}, nil }

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

// into gives a message what was written since the buffer was of length from. The bytes go in as a message's unknown
// fields, which are marshalled as they are.
func (c *values) into(m proto.Message, from int) {
	if len(c.b) > from {
		m.ProtoReflect().SetUnknown(c.b[from:len(c.b):len(c.b)])
	}
}

// value writes a Value as field n, unless there is none. The name is for the error.
func (c *values) value(n field, name string, raw dialogflow.Value) {
	if len(raw) == 0 || !c.load(raw) {
		return
	}
	at := c.open(n)
	err := c.next()
	c.close(at)
	c.end(name, err)
}

// object writes a Struct as field n, unless there is none. The name is for the error.
func (c *values) object(n field, name string, raw dialogflow.Value) {
	if len(raw) == 0 || !c.load(raw) {
		return
	}
	if c.dec.PeekKind() != jsontext.KindBeginObject {
		c.err = fmt.Errorf("value of %q is no object", name)
		return
	}
	at := c.open(n)
	err := c.fields()
	c.close(at)
	c.end(name, err)
}

// parameters writes a Struct of named values as field n.
func (c *values) parameters(n field, all dialogflow.Parameters) {
	at, base := c.open(n), len(c.members)
	for _, p := range all {
		c.entry(structFields, p.Name, func() { c.value(mapValue, p.Name, p.Value) })
	}
	c.sorted(base)
	c.close(at)
}

// load makes a value the next one to be read, unless there was an error.
func (c *values) load(raw dialogflow.Value) bool {
	if c.err != nil {
		return false
	}
	c.in = *bytes.NewBuffer(raw) // which the decoder reads without another copy
	c.dec.Reset(&c.in)
	return true
}

// end sees to it that nothing follows the value that was loaded.
func (c *values) end(name string, err error) {
	if err == nil {
		if _, more := c.dec.ReadToken(); !errors.Is(more, io.EOF) {
			err = errors.New("more than one value")
		}
	}
	if err != nil {
		c.err = fmt.Errorf("value of %q: %w", name, err)
	}
}

// next writes the value that comes next as the inside of a Value. Nothing bounds the nesting here: the reader did.
func (c *values) next() error {
	switch c.dec.PeekKind() {
	case jsontext.KindBeginObject:
		at := c.open(structValue)
		err := c.fields()
		c.close(at)
		return err
	case jsontext.KindBeginArray:
		at := c.open(listValue)
		err := c.elements()
		c.close(at)
		return err
	case jsontext.KindString:
		raw, err := c.dec.ReadValue()
		if err != nil {
			return err
		}
		at := c.open(stringValue)
		c.b, err = jsontext.AppendUnquote(c.b, raw)
		c.close(at)
		return err
	case jsontext.KindNumber:
		raw, err := c.dec.ReadValue()
		c.number(string(raw))
		return err
	default:
		token, err := c.dec.ReadToken()
		if err != nil {
			return err
		}
		c.literal(token)
		return nil
	}
}

// fields writes the members of an object as the inside of a Struct.
func (c *values) fields() error {
	_, err := c.dec.ReadToken()
	base := len(c.members)
	for err == nil && c.dec.PeekKind() != jsontext.KindEndObject {
		var name jsontext.Token
		if name, err = c.dec.ReadToken(); err != nil {
			return err
		}
		c.entry(structFields, name.String(), func() {
			at := c.open(mapValue)
			err = c.next()
			c.close(at)
		})
	}
	if err != nil {
		return err
	}
	c.sorted(base)
	_, err = c.dec.ReadToken()
	return err
}

// elements writes those of an array as the inside of a ListValue.
func (c *values) elements() error {
	_, err := c.dec.ReadToken()
	for err == nil && c.dec.PeekKind() != jsontext.KindEndArray {
		at := c.open(listValues)
		err = c.next()
		c.close(at)
	}
	if err == nil {
		_, err = c.dec.ReadToken()
	}
	return err
}

// number writes a JSON number: as a double if that holds it, else as a string with the digits as they were written.
func (c *values) number(text string) {
	f, ok := double(text)
	if !ok {
		c.text(stringValue, text)
		return
	}
	c.b = protowire.AppendTag(c.b, numberValue, protowire.Fixed64Type)
	c.b = protowire.AppendFixed64(c.b, math.Float64bits(f))
}

// literal writes null, true or false.
func (c *values) literal(token jsontext.Token) {
	n, v := nullValue, uint64(0)
	if token.Kind() != jsontext.KindNull {
		n, v = boolValue, protowire.EncodeBool(token.Bool())
	}
	c.b = protowire.AppendTag(c.b, n, protowire.VarintType)
	c.b = protowire.AppendVarint(c.b, v)
}
