package dialogflow

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/types/known/structpb"
)

var (
	errNoKind = errors.New("value of no kind: want null, a number, a string, a boolean, an object or a list")
	errDepth  = fmt.Errorf("nesting beyond %d levels", maxWritten)
)

// maxWritten is how many objects and lists are nested in an answer, the parameters' own included. They come back in the next
// request, those of a context in four more: nested deeper than the reader takes they would be refused there, and with them every
// further turn of the conversation.
const maxWritten = maxBodyDepth - 4

// appendStruct appends an object with its names sorted: one reply, one answer.
func appendStruct(b []byte, fields map[string]*structpb.Value, depth int) ([]byte, error) {
	if depth > maxWritten {
		return b, errDepth
	}
	b = append(b, '{')
	var few [fewSorted]string
	for i, name := range sorted(few[:0], fields) {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendQuote(b, name); err != nil {
			return b, within(name, err)
		}
		b = append(b, ':')
		if b, err = appendValue(b, fields[name], depth+1); err != nil {
			return b, within(name, err)
		}
	}
	return append(b, '}'), nil
}

// fewSorted is for how many names there is room without an allocation.
const fewSorted = 8

// sorted appends the names of fields.
func sorted(names []string, fields map[string]*structpb.Value) []string {
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func appendList(b []byte, values []*structpb.Value, depth int) ([]byte, error) {
	if depth > maxWritten {
		return b, errDepth
	}
	b = append(b, '[')
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendValue(b, v, depth+1); err != nil {
			return b, fmt.Errorf("in element %d: %w", i, err)
		}
	}
	return append(b, ']'), nil
}

// appendValue appends a Value. Depth is the number of objects and lists around it, and one.
func appendValue(b []byte, v *structpb.Value, depth int) ([]byte, error) {
	switch kind := v.GetKind().(type) {
	case *structpb.Value_NullValue:
		return append(b, "null"...), nil
	case *structpb.Value_BoolValue:
		return strconv.AppendBool(b, kind.BoolValue), nil
	case *structpb.Value_NumberValue:
		return appendNumber(b, kind.NumberValue)
	case *structpb.Value_StringValue:
		return appendQuote(b, kind.StringValue)
	case *structpb.Value_StructValue:
		return appendStruct(b, kind.StructValue.GetFields(), depth)
	case *structpb.Value_ListValue:
		return appendList(b, kind.ListValue.GetValues(), depth)
	default:
		return b, errNoKind
	}
}

// appendNumber appends the shortest decimal that reads back as f, with an exponent only where zeros would pile up:
// agents compare and print what they get, and 7 should not become 7e+00.
func appendNumber(b []byte, f float64) ([]byte, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return b, fmt.Errorf("number %v: JSON holds finite numbers only", f)
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(b, f, format, -1, 64), nil
}

func within(name string, err error) error {
	return fmt.Errorf("in %q: %w", name, err)
}

// appendQuote appends a text; mostly there is nothing in it to be escaped.
func appendQuote[T string | []byte](b []byte, text T) ([]byte, error) {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return jsontext.AppendQuote(b, text)
		}
	}
	b = append(append(b, '"'), text...)
	return append(b, '"'), nil
}

// appendCompact appends a value of a request, which was judged there, without its white space.
func appendCompact(b []byte, v Value) []byte {
	for pos := 0; pos < len(v); {
		from := space(v, pos)
		for pos = from; pos < len(v) && v[pos] > ' '; {
			if v[pos] != '"' {
				pos++
			} else if pos, _ = str(v, pos); pos < 0 {
				return append(b, v[from:]...)
			}
		}
		b = append(b, v[from:pos]...)
	}
	return b
}
